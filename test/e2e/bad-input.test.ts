/** Mount points that will not do: one clear sentence, the exit code 1, and nothing is lost. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountsBelow } from '../support/processes.js';
import { createWorld, describeEndToEnd, type CommandResult, type World } from '../support/world.js';
import {
  isRoot,
  itoa,
  mountFor,
  must,
  nothingToDo,
  runIn,
  xcacheWords,
} from './lifecycle-support.js';

/** The message, without its hint; fails where it is not one sentence with exit code 1. */
function refusal({ exitCode, stdout, stderr }: CommandResult): string {
  const lines = stderr.trimEnd().split('\n');
  expect({ exitCode, stdout, isShort: lines.length <= 2 }).toEqual({
    exitCode: 1,
    stdout: '',
    isShort: true,
  });
  expect(stderr).not.toMatch(/^ +at /m);
  return lines[0] ?? '';
}

async function refusedMount(
  world: World,
  directory: string,
  ...options: readonly string[]
): Promise<string> {
  const message = refusal(await world.xcache('mount', directory, ...options));
  const json = await world.xcache('mount', directory, ...options, '--json');
  const { version, error } = JSON.parse(json.stderr) as {
    version: number;
    error: { code: string };
  };
  expect(version).toBe(1);
  expect(error.code).toMatch(/^XC_/);
  return message;
}

describeEndToEnd('a mount point', () => {
  test('that is missing is made, but not its parents', async () => {
    await using world = await createWorld();
    const target = join(world.path, 'target');
    expect((await world.xcache('mount', target)).exitCode).toBe(0);
    expect(mountsBelow(world.path)).toEqual([target]);
    const deep = join(world.path, 'no/such/target');
    expect(await refusedMount(world, deep)).toBe(
      `xcache: ${deep} does not exist, nor does its parent`,
    );
    expect(existsSync(join(world.path, 'no'))).toBe(false);
  });

  test('that is a file is refused and stays', async () => {
    await using world = await createWorld();
    const file = join(world.path, 'target');
    writeFileSync(file, 'text');
    expect(await refusedMount(world, file)).toBe(`xcache: ${file} is not a directory`);
    expect(readFileSync(file, 'utf8')).toBe('text');
  });

  test('whose name is not UTF-8 is refused, not taken for another', async () => {
    await using world = await createWorld();
    const name = Buffer.from(`${world.path}/t\xff`, 'latin1');
    mkdirSync(name);
    const words = ['exec "$@" "$(printf \'%s/t\\377\' "$PWD")"', 'sh', ...xcacheWords('mount')];
    const message = refusal(await runIn(world, ['sh', '-c', ...words]));
    expect(message).toContain('not valid UTF-8');
    expect(mountsBelow(world.path)).toEqual([]);
    expect(existsSync(join(world.path, 't\ufffd'))).toBe(false);
  });

  test('that is mounted already is left alone, with exit code 0', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', { dependencies: itoa });
    await workspace.mount();
    await workspace.mustCargo('build');
    const again = await workspace.mount();
    expect(again).toMatchObject({ wasMounted: true, adoptedFiles: 0 });
    const { exitCode, stdout } = await world.xcache('mount', workspace.target);
    expect({
      exitCode,
      isSaid: stdout.includes('mounted already') || stdout.includes('already'),
    }).toEqual({ exitCode: 0, isSaid: true });
    expect(mountsBelow(world.path)).toEqual([workspace.target]);
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test('of another service is refused and goes on', async () => {
    await using world = await createWorld();
    await using other = await createWorld();
    const workspace = await other.workspace('one');
    await workspace.mount();
    await workspace.mustCargo('build');
    expect(await refusedMount(world, workspace.target)).toBe(
      `xcache: ${workspace.target} is mounted by another xcache service`,
    );
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test('in or around another view is refused', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one');
    await workspace.mount();
    const inner = join(workspace.target, 'inner');
    mkdirSync(inner);
    expect(await refusedMount(world, inner)).toBe(
      `xcache: ${inner} lies inside ${workspace.target}, which is mounted by xcache`,
    );
    expect(await refusedMount(world, workspace.path)).toContain(workspace.target);
    expect(await refusedMount(world, world.paths.storeDirectory)).toContain('overlap');
    expect(await refusedMount(world, '/')).toMatch(/^xcache: \/ /);
    expect(mountsBelow(world.path)).toEqual([workspace.target]);
  });

  test('that is no argument is a mistake of the command line, with exit code 2', async () => {
    await using world = await createWorld();
    for (const words of [
      ['mount'],
      ['mount', ''],
      ['mount', 'a', 'b'],
      ['mount', 'a', '--driver', 'x'],
      ['mount', 'a', '--safe'],
    ]) {
      expect((await world.xcache(...words)).exitCode).toBe(2);
    }
    expect(await world.servicePid()).toBeUndefined();
  });

  test('that was never mounted cannot be unmounted', async () => {
    await using world = await createWorld();
    const { target } = await world.workspace('one');
    mkdirSync(target);
    expect(refusal(await world.xcache('unmount', target))).toBe(
      `xcache: ${target} is not mounted by xcache`,
    );
    expect(refusal(await world.xcache('unmount', target, '--materialize'))).toBe(
      `xcache: ${target} has no view of xcache`,
    );
    expect(existsSync(target)).toBe(true);
  });
});

describe.skipIf(!isRoot)('as root', () => {
  describeEndToEnd('a mount point', () => {
    test('of another user is refused and keeps its owner', async () => {
      await using world = await createWorld();
      const { target } = await world.workspace('one');
      mkdirSync(target);
      chownSync(target, 12_345, 12_345);
      expect(await refusedMount(world, target)).toBe(
        `xcache: ${target} belongs to user 12345, not to user 0`,
      );
      expect(statSync(target).uid).toBe(12_345);
    });

    test('on which something else is mounted is refused', async () => {
      await using world = await createWorld();
      const { target } = await world.workspace('one');
      mkdirSync(target);
      await using _tmpfs = mountFor(world, '-t', 'tmpfs', 'other', target);
      writeFileSync(join(target, 'mine'), 'mine');
      expect(await refusedMount(world, target)).toBe(
        `xcache: something else is mounted on ${target} (tmpfs other)`,
      );
      expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('mine');
    });

    test.each([['bind,ro'], ['tmpfs']])('on a read-only disk (%s) is refused', async (kind) => {
      await using world = await createWorld();
      const place = join(world.path, 'place');
      const target = join(place, 'target');
      mkdirSync(target, { recursive: true });
      const isBind = kind === 'bind,ro';
      await using _mount = isBind
        ? mountFor(world, '--bind', place, place)
        : mountFor(world, '-t', 'tmpfs', 'none', place);
      mkdirSync(target, { recursive: true });
      writeFileSync(join(target, 'mine'), 'mine');
      must('mount', '-o', isBind ? 'remount,bind,ro' : 'remount,ro', place);
      expect(await refusedMount(world, target)).toBe(
        `xcache: ${target} lies on a read-only file system`,
      );
      expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('mine');
    });

    test('cannot be served without /dev/fuse, and its files stay', async () => {
      await using world = await createWorld();
      const target = await furnished(world);
      const script =
        'mount -t tmpfs -o mode=755 none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 && ' +
        runAndStop;
      const run = await privately(world, script, ...xcacheWords('mount', target));
      expect(refusal(run)).toBe('xcache: there is no /dev/fuse');
      expect(run.stderr).toContain('modprobe fuse');
      expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('mine');
    });

    test('cannot be served by libfuse where that is missing, and its files stay', async () => {
      await using world = await createWorld();
      const target = await furnished(world);
      const libraries = must(
        'find',
        '/lib',
        '/usr/lib',
        'node_modules/fuse-native/prebuilds',
        '-name',
        'libfuse.so*',
        '-type',
        'f',
      );
      const hide = libraries
        .trim()
        .split('\n')
        .map((path) => `mount --bind /dev/null ${resolve(path)};`);
      const script = `${hide.join(' ')} ${runAndStop}`;
      const run = await privately(
        world,
        script,
        ...xcacheWords('mount', target, '--driver', 'fuse-native'),
      );
      expect(refusal(run)).toBe('xcache: the driver fuse-native cannot be loaded here');
      expect(run.stderr).toContain('apt install libfuse2');
      expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('mine');
    });

    test.each([
      ['missing', 'rm bin/fusermount*', 'the program fusermount is missing'],
      [
        'forbidden',
        'rm bin/fusermount*; touch bin/fusermount; chmod 700 bin/fusermount',
        'this user may not run the program fusermount',
      ],
    ])('needs fusermount for an ordinary user (%s)', async (_, change, message) => {
      await using world = await createWorld();
      const place = join(world.path, 'user');
      mkdirSync(join(place, 'target'), { recursive: true });
      chmodSync(world.path, 0o755);
      must('chown', '-R', '12345:12345', place);
      const script = [
        'cd "$1"; shift; mkdir original bin; mount --bind /usr/bin original',
        `ln -s "$PWD"/original/* bin; ${change}; mount --bind bin /usr/bin`,
        // Whoever is asked for the device lets everyone in, as udev does.
        'mknod -m 666 fuse c 10 229; mount --bind fuse /dev/fuse',
        `exec setpriv --reuid 12345 --regid 12345 --clear-groups sh -c '${runAndStop}' sh "$@"`,
      ].join('; ');
      const env = { XCACHE_HOME: join(place, 'home'), HOME: place };
      const words = xcacheWords('mount', join(place, 'target'));
      const run = await runIn(
        world,
        ['unshare', '-m', 'sh', '-c', script, 'sh', world.path, ...words],
        { env },
      );
      expect(refusal(run)).toBe(`xcache: ${message}`);
    });
  });
});

/** Runs an xcache command, and stops the service that it has started in the same namespace. */
const runAndStop = '"$@"; code=$?; "$1" "$2" service stop >/dev/null; exit $code';

async function furnished(world: World): Promise<string> {
  const { target } = await world.workspace('one');
  mkdirSync(target);
  writeFileSync(join(target, 'mine'), 'mine');
  return target;
}

/** Runs a shell with mounts of its own; what it mounts ends with it. */
async function privately(
  world: World,
  script: string,
  ...args: readonly string[]
): Promise<CommandResult> {
  return await runIn(world, ['unshare', '-m', 'sh', '-c', script, 'sh', ...args], { cwd: '/' });
}

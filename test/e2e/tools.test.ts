import { execFile, spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { createGitCrates } from './crates.js';

const run = promisify(execFile);

interface Linker {
  readonly program: string | undefined;
  readonly rustflags: string;
  /** What this linker alone leaves in what it links; GNU ld leaves nothing. */
  readonly trace: string | undefined;
}

const other = (name: string): string => `-Clinker-features=-lld -Clink-arg=-fuse-ld=${name}`;
const linkers: readonly (readonly [string, Linker])[] = [
  ['rust-lld', { program: undefined, rustflags: '', trace: 'Linker: LLD' }],
  ['GNU ld', { program: 'ld.bfd', rustflags: other('bfd'), trace: undefined }],
  ['gold', { program: 'ld.gold', rustflags: other('gold'), trace: 'gold 1' }],
  ['mold', { program: 'ld.mold', rustflags: other('mold'), trace: 'mold ' }],
];

function isMissing(program: string | undefined): boolean {
  return program !== undefined && spawnSync(program, ['--version']).status !== 0;
}

const library = `use std::collections::BTreeMap;
pub fn words() -> BTreeMap<String, usize> { (0..9).map(|i| (format!("word {i}"), i)).collect() }
pub fn value() -> String { format!("{:?}", words().len()) }
`;
const program = 'fn main() { println!("{}", tool_dep::value()); }\n';
const tests = '#[test] fn counts() { assert_eq!(tool_dep::value(), "9"); }\n';

async function createTool(world: World, name: string): Promise<Workspace> {
  const { dependencies } = await createGitCrates(world, { tool_dep: { lib: library } });
  return await world.workspace(name, {
    dependencies,
    files: { 'src/main.rs': program + tests },
  });
}

const traces = linkers.flatMap(([, { trace }]) => trace ?? []);

/** What `act` gives with a plain `target`, which is then removed, and with a mounted one. */
async function onBoth<T>(
  workspace: Workspace,
  act: () => Promise<T>,
): Promise<{ native: T; mounted: T }> {
  const native = await act();
  await rm(workspace.target, { recursive: true });
  await workspace.mount();
  return { native, mounted: await act() };
}

/** Files below a directory of `target`, by name. */
async function filesIn(directory: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const name of (await readdir(directory)).sort()) {
    files.set(name, await readFile(join(directory, name)));
  }
  return files;
}

const isTool = (name: string): boolean => spawnSync(name, ['--version']).status === 0;

/** Coverage, as cargo-llvm-cov takes it: `%m` merges runs into one mapped and locked file. */
function coverageOf(directory: string): Record<string, string> {
  return {
    RUSTFLAGS: '-Cinstrument-coverage',
    LLVM_PROFILE_FILE: `${directory}/run-%2m.profraw`,
  };
}

describeEndToEnd('tools that work in target', () => {
  for (const [name, { program: needed, rustflags, trace }] of linkers) {
    const title = `${name} links the same bytes on a mount as on a plain directory, again and again`;
    const missing = isMissing(needed);
    test.skipIf(missing)(missing ? `${title} (there is no ${needed ?? ''})` : title, async () => {
      await using world = await createWorld({ cargoHome: 'own' });
      const workspace = await createTool(world, 'linked');
      const env = rustflags === '' ? {} : { RUSTFLAGS: rustflags };
      const build = async (): Promise<readonly Buffer[]> => {
        const binaries: Buffer[] = [];
        for (const text of [program, `// longer\n${program}`, program]) {
          await workspace.write({ 'src/main.rs': text });
          await workspace.mustCargo('build', { env });
          expect(workspace.output()).toBe('9');
          binaries.push(await readFile(join(workspace.target, 'debug/app')));
        }
        await workspace.mustCargo('build', { env, args: ['--release'] });
        expect(workspace.output('release')).toBe('9');
        return [...binaries, await readFile(join(workspace.target, 'release/app'))];
      };
      const { native, mounted } = await onBoth(workspace, build);
      expect(mounted.map((bytes, index) => bytes.equals(native[index] ?? bytes))).toEqual(
        mounted.map(() => true),
      );
      const found = traces.filter((each) => mounted[0]?.includes(each));
      expect(found).toEqual(trace === undefined ? [] : [trace]);
    });
  }

  test.skipIf(!isTool('objcopy'))(
    'strip, objcopy, ar and install work on what was built, in place and beside it',
    async () => {
      await using world = await createWorld({ cargoHome: 'own' });
      const workspace = await createTool(world, 'stripped');
      const commands = [
        'cp app whole; strip app; ./app',
        'objcopy --only-keep-debug whole app.debug; objcopy --strip-debug whole; ./whole',
        'objcopy --add-gnu-debuglink=app.debug whole; ./whole',
        'objcopy --compress-debug-sections app.debug; chmod 700 app.debug',
        'strip -o smaller whole; ./smaller; install -m 755 -s whole installed; ./installed',
        'cp deps/libtool_dep*.rlib copy.a; ar d copy.a lib.rmeta; ranlib copy.a; ar t copy.a | wc -l',
        'ar x copy.a; ar rcsD again.a *.o; rm *.o; ln whole hard; strip hard; cmp whole hard; ./hard',
      ];
      const built = async (): Promise<unknown> => {
        await workspace.mustCargo('build');
        const directory = join(workspace.target, 'debug');
        const { stdout } = await run('sh', ['-ec', commands.join('\n')], { cwd: directory });
        const names = ['app', 'whole', 'app.debug', 'smaller', 'installed', 'copy.a', 'again.a'];
        const files = names.map(async (name) => {
          const { mode, nlink } = await stat(join(directory, name));
          const bytes = await readFile(join(directory, name));
          return [name, mode, nlink, bytes.toString('latin1')];
        });
        return [stdout, await Promise.all(files)];
      };
      const { native, mounted } = await onBoth(workspace, built);
      expect(mounted).toEqual(native);
      // What was stripped was not the unit that is in the store.
      expect((await workspace.mustCargo('build')).compiled).not.toContain('tool_dep');
      expect(await world.verify()).toMatchObject({ problems: [] });
    },
  );

  test('a profile that strips gives the same program as on a plain directory', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const workspace = await createTool(world, 'profile');
    const env = {
      CARGO_PROFILE_RELEASE_STRIP: 'symbols',
      CARGO_PROFILE_RELEASE_DEBUG: '2',
      CARGO_PROFILE_RELEASE_SPLIT_DEBUGINFO: 'packed',
    };
    const { native, mounted } = await onBoth(workspace, async () => {
      await workspace.mustCargo('build', { env, args: ['--release'] });
      expect(workspace.output('release')).toBe('9');
      return await readFile(join(workspace.target, 'release/app'));
    });
    expect(mounted.equals(native)).toBe(true);
  });

  test('runs with coverage write their profiles into target, mapped, merged and locked', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const workspace = await createTool(world, 'covered');
    const directory = join(workspace.target, 'coverage');
    const env = coverageOf(directory);
    const { native, mounted } = await onBoth(workspace, async () => {
      await workspace.mustCargo('test', { env });
      await mkdir(directory, { recursive: true });
      const deps = join(workspace.target, 'debug/deps');
      const names = (await readdir(deps)).filter((name) => /^app-[0-9a-f]{16}$/.test(name));
      const runs = Array.from({ length: 6 }, async () => {
        const binary = join(deps, names[0] ?? '');
        return await run(binary, [], { env: { ...world.env, ...env }, cwd: workspace.path });
      });
      for (const { stdout } of await Promise.all(runs)) expect(stdout).toContain('1 passed');
      const sizes = [...(await filesIn(directory)).values()].map((bytes) => bytes.length);
      expect(sizes.length).toBeGreaterThan(0);
      return new Set(sizes);
    });
    expect(mounted).toEqual(native);
    const [profile] = (await filesIn(directory)).values();
    expect(profile?.subarray(1, 7).toString('latin1')).toBe('rforpl');
  });

  test('a runner that writes reports by mapping and renaming them finds them whole', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const workspace = await createTool(world, 'reported');
    await workspace.mount();
    await workspace.mustCargo('test');
    const runner = `
import mmap, os, sys
base = sys.argv[1]; os.makedirs(base + '/nextest/default', exist_ok=True)
for k in range(4):
    if os.fork() == 0:
        for i in range(40):
            name = f'{base}/nextest/default/run-{k}-{i}'
            fd = os.open(name + '.tmp', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            os.ftruncate(fd, 20000 + i)
            m = mmap.mmap(fd, 20000 + i); m[:] = bytes([k + 65]) * (20000 + i)
            if i % 2: m.flush(); m.close()
            os.rename(name + '.tmp', name); os.close(fd)
        os._exit(0)
for k in range(4): assert os.wait()[1] == 0
for k in range(4):
    for i in range(40):
        data = open(f'{base}/nextest/default/run-{k}-{i}', 'rb').read()
        assert data == bytes([k + 65]) * (20000 + i), (k, i)
print(len(os.listdir(base + '/nextest/default')))
`;
    const { stdout } = await run('python3', ['-c', runner, workspace.target]);
    expect(stdout.trim()).toBe('160');
    await workspace.unmount();
    await workspace.mount();
    const reports = await filesIn(join(workspace.target, 'nextest/default'));
    expect([...reports.values()].every((bytes) => bytes.every((byte) => byte === bytes[0]))).toBe(
      true,
    );
    expect((await workspace.mustCargo('test')).compiled).toEqual([]);
  });
});

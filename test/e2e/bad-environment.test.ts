/** Homes, sockets, pid files, configurations and clocks as users really have them. */
import { spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { StatusResult } from '../../src/service/control/protocol.js';
import { noOrdinaryUsers, UserWorld, type OrdinaryUser } from '../support/ordinary-user.js';
import { isAlive, mountsBelow } from '../support/processes.js';
import { createWorld, describeEndToEnd, type CommandResult, type World } from '../support/world.js';
import { itoa, nothingToDo, printsFive } from './lifecycle-support.js';

/** One sentence and one hint on stderr, and the exit code of a failure. */
function refusal({ exitCode, stdout, stderr }: CommandResult): string {
  const lines = stderr.trimEnd().split('\n');
  expect({ exitCode, stdout, isShort: lines.length <= 2, stderr }).toMatchObject({
    exitCode: 1,
    stdout: '',
    isShort: true,
  });
  return lines[0] ?? '';
}

async function useService(world: World): Promise<void> {
  expect((await world.xcache('service', 'start')).exitCode).toBe(0);
  expect((await world.xcache('service', 'stop')).exitCode).toBe(0);
}

describeEndToEnd('the service', () => {
  test('starts over a socket and a pid file that a killed one has left', async () => {
    await using world = await createWorld();
    await world.xcache('service', 'start');
    const before = await world.servicePid();
    await world.killService();
    expect(existsSync(world.paths.socketPath)).toBe(true);
    expect(readFileSync(world.paths.pidFile, 'utf8')).toContain(String(before));
    expect((await world.xcache('service', 'status')).exitCode).toBe(1);
    expect((await world.xcache('service', 'stop')).exitCode).toBe(0);
    const { pid } = await world.xcacheJson<{ pid: number }>('service', 'start');
    expect(pid).not.toBe(before);
    expect(await world.servicePid()).toBe(pid);
  });

  test('leaves a process alone that has the pid of a killed one by now', async () => {
    await using world = await createWorld();
    await useService(world);
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
    const { socketPath, pidFile } = world.paths;
    writeFileSync(pidFile, JSON.stringify({ pid: stranger.pid, socketPath }));
    expect((await world.xcache('service', 'status')).exitCode).toBe(1);
    expect((await world.xcache('service', 'stop')).exitCode).toBe(0);
    expect((await world.xcache('service', 'start')).exitCode).toBe(0);
    expect(await world.servicePid()).not.toBe(stranger.pid);
    expect((await world.xcache('service', 'stop')).exitCode).toBe(0);
    expect(isAlive(stranger.pid ?? 0)).toBe(true);
    const ended = once(stranger, 'exit');
    stranger.kill();
    await ended;
  });

  test('does not take a program that listens on its socket for a service', async () => {
    await using world = await createWorld();
    await useService(world);
    mkdirSync(dirname(world.paths.socketPath), { recursive: true, mode: 0o700 });
    const other = createServer((connection) => connection.end('nonsense\n'));
    other.listen(world.paths.socketPath);
    await once(other, 'listening');
    const { exitCode, stderr } = await world.xcache('service', 'status');
    expect(exitCode).toBe(1);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(existsSync(world.paths.socketPath)).toBe(true);
    other.close();
  });

  test('says who is in a mount that it is to take away, and takes it away with itself', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    Object.assign(world.env, { XDG_RUNTIME_DIR: '', DBUS_SESSION_BUS_ADDRESS: '' });
    await world.xcacheJson('setup');
    const workspace = await world.workspace('one');
    await workspace.mount();
    await workspace.mustCargo('build');
    await using inside = await enter(workspace.target, world);
    await using _alsoInside = await enter(world.paths.autoMountDirectory, world);
    const busy = refusal(await world.xcache('unmount', workspace.target));
    expect(busy).toContain(`${workspace.target} is in use by`);
    expect(busy).toContain(String(inside.pid));
    expect((await world.xcache('teardown')).exitCode).toBe(0);
    expect(mountsBelow(world.path)).toEqual([workspace.target]);
    expect((await world.xcache('service', 'stop')).exitCode).toBe(0);
    expect(mountsBelow(world.path)).toEqual([]);
    expect(await world.servicePid()).toBeUndefined();
  });
});

describeEndToEnd('setup', () => {
  test('keeps a configuration of cargo that is a symbolic link', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    Object.assign(world.env, { XDG_RUNTIME_DIR: '', DBUS_SESSION_BUS_ADDRESS: '' });
    const dotfile = join(world.path, 'dotfiles.toml');
    const text = '[term]\nquiet = false # mine\n';
    writeFileSync(dotfile, text);
    const link = join(world.cargoHome, 'config.toml');
    symlinkSync('../dotfiles.toml', link);
    await world.xcacheJson('setup');
    expect(readlinkSync(link)).toBe('../dotfiles.toml');
    expect(readFileSync(dotfile, 'utf8')).toContain('build-dir');
    await world.xcacheJson('teardown');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(dotfile, 'utf8')).toBe(text);
  });
});

describe.skipIf(noOrdinaryUsers !== undefined)('an ordinary user', () => {
  test('whose home is read-only is told so, and finds a way', async () => {
    await using world = await UserWorld.create();
    const user = await world.user();
    const workspace = await user.directory('one');
    await user.write({ 'one/Cargo.toml': manifest, 'one/src/main.rs': 'fn main() {}\n' });
    const place = await user.directory('writable');
    const readOnly = inReadOnlyHome(user, place);
    const message = refusal(
      await user.run(user.xcacheWords('mount', join(workspace, 'target')), readOnly),
    );
    expect(message).toMatch(/read-only|Read-only|EROFS/);
    const setup = refusal(await user.run(user.xcacheWords('setup'), readOnly));
    expect(setup).toMatch(/read-only|Read-only|EROFS/);
    const doctor = await user.run(user.xcacheWords('doctor'), readOnly);
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toMatch(/^fail +HOME .*(?:read-only|may not write|cannot be written)/m);
    const env = { XCACHE_HOME: join(place, 'xcache') };
    expect(
      (await user.run(user.xcacheWords('service', 'start'), { ...readOnly, env })).exitCode,
    ).toBe(0);
    expect(
      (await user.run(user.xcacheWords('service', 'stop'), { ...readOnly, env })).exitCode,
    ).toBe(0);
    expect(readdirSync(user.home).sort()).toEqual(['one', 'writable']);
  });

  test('without XDG_RUNTIME_DIR, or with one that is not there, is served all the same', async () => {
    await using world = await UserWorld.create();
    const user = await world.user();
    const without = await user.xcacheJson<{ pid: number }>('service', 'start');
    for (const place of ['', 'nowhere', join(user.home, 'nowhere')]) {
      const env = { XDG_RUNTIME_DIR: place };
      const run = await user.run(user.xcacheWords('status', '--json'), { env });
      expect({ place, ...run }).toMatchObject({ exitCode: 0 });
      expect((JSON.parse(run.stdout) as StatusResult).pid).toBe(without.pid);
    }
    const env = { XDG_RUNTIME_DIR: join(user.home, 'nowhere') };
    expect((await user.run(user.xcacheWords('service', 'restart'), { env })).exitCode).toBe(0);
    const { pid } = await user.xcacheJson<StatusResult>('status');
    expect(pid).not.toBe(without.pid);
  });

  test('who may not read the configuration of cargo keeps it, and sets nothing up', async () => {
    await using world = await UserWorld.create();
    const user = await world.user();
    const home = await user.directory('.cargo');
    const config = join(home, 'config.toml');
    // Root's, and closed: somebody has run an editor with sudo.
    writeFileSync(config, '[net]\nretry = 3\n', { mode: 0o600 });
    expect(refusal(await user.xcache('setup', '--yes'))).toContain(`${config} cannot be read`);
    expect(mountsBelow(user.home)).toEqual([]);
    expect(readFileSync(config, 'utf8')).toBe('[net]\nretry = 3\n');
    const doctor = await user.xcache('doctor');
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toContain(`${config} cannot be read`);
  });
});

describeEndToEnd('a clock that jumps', () => {
  test('leaves files of 1970 and of the future what they are, and builds what changed', async () => {
    await using world = await createWorld();
    const five = { dependencies: itoa, files: { 'src/main.rs': printsFive } };
    const first = await world.workspace('first', five);
    await first.mount();
    await first.buildAndSettle();
    // Whole seconds, for Node sets times as doubles.
    const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
    const [before, after] = [new Date(1_000), new Date(nowMs + 10 * 365 * 86_400_000)];
    const source = join(first.path, 'src/main.rs');
    // As after a checkout with a wrong clock: cargo takes it for unchanged, here as on any disk.
    utimesSync(source, before, before);
    expect(await first.mustCargo('build')).toMatchObject(nothingToDo);
    utimesSync(source, after, after);
    expect((await first.mustCargo('build')).compiled).toEqual(['app']);
    await first.unmount();
    await first.mount();
    expect((await first.mustCargo('build')).compiled).toEqual(['app']);
    for (const time of [before, after]) {
      const file = join(first.target, 'mine');
      writeFileSync(file, 'mine');
      utimesSync(file, time, time);
      await first.unmount();
      await first.mount();
      expect(lstatSync(file).mtimeMs).toBe(time.getTime());
    }
    // What is served has a time of now, so that a workspace of any time finds it fresh.
    const second = await world.workspace('second', five);
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app']);
    expect(second.output()).toBe('5');
    expect((await world.verify()).problems).toEqual([]);
    expect(await world.serviceLog()).not.toMatch(/"level":[56]0/);
  });
});

const manifest = '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n';

/** A namespace of mounts in which everything of the user's but `writable` is read-only. */
function inReadOnlyHome(
  user: OrdinaryUser,
  writable: string,
): { readonly asRoot: readonly string[] } {
  const script =
    'home=$1; keep=$2; shift 2; mount --bind "$home" "$home" && mount --bind "$keep" "$keep" && ' +
    'mount -o remount,bind,ro "$home" && exec "$@"';
  return { asRoot: ['unshare', '-m', 'sh', '-c', script, 'sh', user.home, writable] };
}

/** Somebody whose shell is in a directory. */
async function enter(
  directory: string,
  world: World,
): Promise<AsyncDisposable & { readonly pid: number | undefined }> {
  const child = spawn('sh', ['-c', 'echo inside; read _'], {
    cwd: directory,
    env: world.env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    pid: child.pid,
    async [Symbol.asyncDispose](): Promise<void> {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}

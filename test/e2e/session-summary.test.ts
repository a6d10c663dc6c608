import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { buildDirOf, buildDirTemplate } from '../../src/views/user-mount/auto-paths.js';
import { connectControl } from '../../src/service/control/control-client.js';
import type { SessionSummary } from '../../src/service/control/protocol.js';
import { waitUntil } from '../support/processes.js';
import { createWorld, describeEndToEnd, mainScript, type World } from '../support/world.js';
import { itoa, printsFive } from './lifecycle-support.js';

interface Watch extends AsyncDisposable {
  readonly lines: readonly string[];
  /** Ends it as Ctrl-C does. */
  interrupt(): void;
  exitCode(): Promise<number | null>;
}

/** Runs `status --watch`, and returns once it misses nothing any more. */
async function startWatch(world: World, ...args: readonly string[]): Promise<Watch> {
  const child = spawn(process.execPath, [mainScript, 'status', '--watch', ...args], {
    cwd: '/',
    env: world.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => void lines.push(line));
  await once(child.stderr, 'data');
  return {
    lines,
    interrupt: () => void child.kill('SIGINT'),
    async exitCode(): Promise<number | null> {
      const [exitCode] = (await closed) as [number | null];
      return exitCode;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

describeEndToEnd('the end of a build', () => {
  test('is a line of what was served, compiled and stored, for watchers and in the log', async () => {
    await using world = await createWorld();
    const files = { 'src/main.rs': printsFive };
    const first = await world.workspace('first', { dependencies: itoa, files });
    await first.mount();
    await using watch = await startWatch(world, '--json');
    await first.buildAndSettle();
    await waitUntil('the first session is told of', () => watch.lines.length >= 1);
    const second = await world.workspace('second', { dependencies: itoa, files });
    await second.mount();
    await second.buildAndSettle();
    await waitUntil('the second session is told of', () => watch.lines.length >= 2);
    // Nothing to do: nothing to tell.
    await second.mustCargo('build');

    const summaries = watch.lines.map((line) => JSON.parse(line) as SessionSummary);
    expect(summaries).toMatchObject([
      {
        version: 1,
        workspace: first.path,
        directory: first.target,
        profiles: ['debug'],
        served: 0,
        compiled: 2,
        promoted: 1,
        keptPrivate: 1,
        savedMs: 0,
      },
      { workspace: second.path, served: 1, compiled: 1 },
    ]);
    expect(summaries[1]?.savedMs).toBeGreaterThan(0);
    expect(summaries[1]?.sharedBytes).toBeGreaterThan(1000);
    watch.interrupt();
    expect(await watch.exitCode()).toBe(0);

    const log = (await world.serviceLog())
      .split('\n')
      .filter((line) => line.includes('a cargo session has ended'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(log).toMatchObject([
      { level: 30, workspace: first.path, compiled: 2 },
      { level: 30, workspace: second.path, served: 1 },
    ]);
  });

  test('is a line for people too, and a watch ends with the service', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('only', { files: { 'src/main.rs': 'fn main() {}\n' } });
    await workspace.mount();
    await using watch = await startWatch(world);
    await workspace.buildAndSettle();
    await waitUntil('the session is told of', () => watch.lines.length >= 1);
    expect(watch.lines[0]).toContain(`${workspace.path} (debug): 0 units served, 1 compiled`);
    await world.xcache('service', 'stop');
    expect(await watch.exitCode()).toBe(1);
    const { exitCode, stderr } = await world.xcache('status', '--watch');
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('not running') as string,
    });
  });

  test('names the workspace of a view in the per-user mount, also after a build that failed', async () => {
    await using world = await createWorld();
    world.env['CARGO_BUILD_BUILD_DIR'] = buildDirTemplate(world.paths.autoMountDirectory);
    await world.xcacheJson('service', 'start');
    using connection = await connectControl(world.paths);
    await connection.request('autoMount', { enabled: true });
    await using watch = await startWatch(world, '--json');
    const files = { 'src/main.rs': 'fn main() { nonsense() }\n' };
    const workspace = await world.workspace('only', { dependencies: itoa, files });
    expect((await workspace.cargo('build')).exitCode).toBe(101);
    await waitUntil('the session is told of', () => watch.lines.length >= 1);
    expect(JSON.parse(watch.lines[0] ?? '')).toMatchObject({
      workspace: workspace.path,
      directory: buildDirOf(world.paths.autoMountDirectory, workspace.path),
      compiled: 1,
      promoted: 1,
    });
  });
});

describeEndToEnd('the configuration file', () => {
  test('with a mistake keeps the service from starting, and the command says which', async () => {
    await using world = await createWorld();
    expect((await world.xcache('service', 'start')).exitCode).toBe(0);
    expect((await world.xcache('service', 'stop')).exitCode).toBe(0);
    const file = join(world.path, 'home', 'config.toml');
    await writeFile(file, '[gc]\nmax-sise = "20GiB"\n');
    for (const command of [['service', 'start'], ['service', 'run'], ['stats'], ['config']]) {
      const { exitCode, stdout, stderr } = await world.xcache(...command);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(stderr).toContain(`${file}:2: unknown key gc.max-sise`);
      expect(stderr).toContain('gc.max-size is the nearest known one');
    }
    expect(await world.servicePid()).toBeUndefined();
    const doctor = await world.xcache('doctor');
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toMatch(/^fail +settings .*unknown key gc\.max-sise/m);
    await writeFile(file, '[gc]\nmax-size = "20GiB"\n');
    expect((await world.xcache('stats')).exitCode).toBe(0);
  });

  test('chooses the driver and the level of the log', async () => {
    await using world = await createWorld({ env: { XCACHE_LOG: 'error' } });
    const workspace = await world.workspace('only', { files: { 'src/main.rs': 'fn main() {}\n' } });
    await world.xcache('service', 'start');
    await writeFile(
      join(world.path, 'home', 'config.toml'),
      '[mount]\ndriver = "fuse-native"\n[service]\nlog-level = "info"\n',
    );
    expect((await workspace.mount()).driver).toBe('fuse-native');
    expect(await world.serviceLog()).toBe('');
  });
});

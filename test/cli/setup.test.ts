import { access, chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ControlServer } from '../../src/service/control/control-server.js';
import type { ViewStatus } from '../../src/service/control/protocol.js';
import { resolvePaths } from '../../src/host/paths.js';
import { runOnTerminal as run, serveMethods } from './command-line.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

let directory: TempDirectory;
let server: ControlServer | undefined;
let asked: boolean[] = [];
const saved = { ...process.env };

beforeEach(async () => {
  directory = await createTempDirectory();
  asked = [];
  const { path } = directory;
  for (const name of ['CARGO_BUILD_BUILD_DIR', 'CARGO_TARGET_DIR', 'XDG_RUNTIME_DIR']) {
    Reflect.deleteProperty(process.env, name);
  }
  await mkdir(join(path, 'bin'));
  await mkdir(join(path, 'cargo'));
  Object.assign(process.env, {
    HOME: path,
    XCACHE_HOME: join(path, 'home'),
    XDG_CONFIG_HOME: join(path, 'config'),
    CARGO_HOME: join(path, 'cargo'),
    PATH: join(path, 'bin'),
  });
  await putProgram('cargo', 'echo "cargo 1.95.0 (0000000 2026-01-01)"');
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  for (const name of Object.keys(process.env)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, saved);
  await directory[Symbol.asyncDispose]();
});

/** A program of the fake PATH; it has no others, systemctl too is missing. */
async function putProgram(name: string, script: string): Promise<void> {
  const path = join(directory.path, 'bin', name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

/** One of `xcache mount`, for which the service goes on after a teardown. */
const otherView: ViewStatus = {
  view: 'v',
  directory: '/ws/target',
  driver: 'direct',
  state: 'mounted',
  attachedUnits: 0,
  pendingUnits: 0,
  requests: 0,
  operations: {},
};

/** A service that only notes what is asked of it. */
async function serve(isMounted = true): Promise<void> {
  server = await serveMethods({
    autoMount: ({ enabled }) => {
      asked.push(enabled);
      const { autoMountDirectory } = resolvePaths();
      return Promise.resolve({ version: 1, directory: autoMountDirectory, isMounted });
    },
    status: () =>
      Promise.resolve({
        version: 1,
        pid: process.pid,
        startedMs: 0,
        storeDirectory: '/store',
        views: [otherView],
        pendingUnits: 0,
        promotionPaused: undefined,
      }),
  });
}

const configPath = (): string => join(directory.path, 'cargo', 'config.toml');
const isThere = async (path: string): Promise<boolean> =>
  await access(path).then(
    () => true,
    () => false,
  );

test.each(['setup', 'teardown', 'doctor', 'service'])('%s has a manual', async (name) => {
  const { code, out } = await run(['help', name]);
  expect(code).toBe(0);
  for (const part of ['Usage:', 'Examples:', 'Exit codes:']) expect(out).toContain(part);
});

describe('setup', () => {
  test('mounts first and writes the configuration last', async () => {
    await serve();
    const { code, out } = await run(['setup']);
    expect(code).toBe(0);
    expect(asked).toEqual([true]);
    expect(out).toContain('set up');
    expect(out).toContain('no systemd user session (systemctl is not installed)');
    expect(await readFile(configPath(), 'utf8')).toContain(
      `build-dir = "${directory.path}/home/mnt{workspace-root}/@build"`,
    );
  });

  test('leaves cargo alone where nothing could be mounted', async () => {
    await serve(false);
    const { code, err } = await run(['setup']);
    expect(code).toBe(1);
    expect(err).toContain('could not be mounted');
    expect(await isThere(configPath())).toBe(false);
  });

  test('asks before it replaces a value of the user, and takes no for an answer', async () => {
    await serve();
    const text = '[build]\nbuild-dir = "/fast/x"\n';
    await writeFile(configPath(), text);
    for (const answer of [undefined, false]) {
      const { code, err } = await run(['setup'], answer);
      expect(code).toBe(1);
      expect(err).toContain('"/fast/x", which is left as it is');
    }
    expect(asked).toEqual([]);
    expect(await readFile(configPath(), 'utf8')).toBe(text);
    expect((await run(['setup'], true)).asked.join()).toContain('Replace it?');
    expect(await readFile(configPath(), 'utf8')).toContain('# was: build-dir = "/fast/x"');
  });

  test('--yes answers the question', async () => {
    await serve();
    await writeFile(configPath(), '[build]\nbuild-dir = "/fast/x"\n');
    expect((await run(['setup', '--yes'])).code).toBe(0);
    expect(await readFile(configPath(), 'utf8')).toContain('home/mnt{workspace-root}');
  });

  test('a configuration with a mistake stops it before anything is mounted', async () => {
    await serve();
    await writeFile(configPath(), '[build\n');
    const { code, err } = await run(['setup', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'XC_CARGO_CONFIG' } });
    expect(asked).toEqual([]);
  });

  test('an older cargo is told about mount', async () => {
    await putProgram('cargo', 'echo "cargo 1.90.0 (0000000 2025-01-01)"');
    const { code, err } = await run(['setup']);
    expect(code).toBe(1);
    expect(err).toContain('cargo 1.90.0 does not know build.build-dir');
    expect(err).toContain('xcache mount ./target');
  });

  test('variables that win are named', async () => {
    process.env['CARGO_BUILD_BUILD_DIR'] = '/b';
    process.env['CARGO_TARGET_DIR'] = '/t';
    const { out } = await run(['setup', '--check']);
    expect(out).toContain('CARGO_BUILD_BUILD_DIR=/b is set and wins');
    expect(out).toContain('CARGO_TARGET_DIR=/t is set and wins');
  });

  test('--check lists what is missing, with exit code 1, and changes nothing', async () => {
    const { code, out } = await run(['setup', '--check', '--json']);
    expect(code).toBe(1);
    const { steps } = JSON.parse(out) as { steps: readonly { step: string; state: string }[] };
    expect(Object.fromEntries(steps.map(({ step, state }) => [step, state]))).toEqual({
      cargo: 'ready',
      service: 'missing',
      mount: 'missing',
      config: 'missing',
      unit: 'skipped',
    });
    expect(await isThere(configPath())).toBe(false);
    expect(await isThere(join(directory.path, 'home'))).toBe(false);
  });
});

describe('teardown', () => {
  test('takes back what setup did, the configuration first', async () => {
    await serve();
    const text = '# mine\r\n[build]\r\njobs = 2 # few\r\nbuild-dir = "/fast/x"';
    await writeFile(configPath(), text);
    await run(['setup', '--yes']);
    expect(await readFile(configPath(), 'utf8')).not.toBe(text);
    const { code, out } = await run(['teardown', '--json']);
    expect(code).toBe(0);
    expect(await readFile(configPath(), 'utf8')).toBe(text);
    expect(asked).toEqual([true, false]);
    const { steps } = JSON.parse(out) as { steps: readonly { step: string }[] };
    expect(steps.map(({ step }) => step)).toEqual(['config', 'mount', 'unit', 'service']);
    expect((await run(['teardown'])).out).toContain('the service goes on for other mounts');
  });

  test('removes a configuration that setup has made', async () => {
    await serve();
    await run(['setup']);
    await run(['teardown']);
    expect(await isThere(configPath())).toBe(false);
  });

  test('has nothing to do, and starts nothing, where nothing is set up', async () => {
    const { code, out } = await run(['teardown']);
    expect(code).toBe(0);
    expect(out).toContain('nothing to do');
    expect(await isThere(join(directory.path, 'home'))).toBe(false);
  });
});

describe('service', () => {
  test.each(['install'])('%s says where there is no systemd', async (name) => {
    const { code, err } = await run(['service', name]);
    expect(code).toBe(1);
    expect(err).toContain('there is no systemd user session here: systemctl is not installed');
    expect(await isThere(join(directory.path, 'config'))).toBe(false);
  });

  test('uninstall has nothing to do where nothing is installed', async () => {
    const { code, out } = await run(['service', 'uninstall']);
    expect(code).toBe(0);
    expect(out).toContain('there is no');
  });

  test('install writes and enables the unit, once', async () => {
    await serve();
    await putProgram('systemctl', `echo "$*" >> "$HOME/calls"\n[ "$2" != is-enabled ]`);
    expect((await run(['service', 'install'])).out).toContain('loginctl enable-linger');
    const unit = join(directory.path, 'config/systemd/user/xcache.service');
    expect(await readFile(unit, 'utf8')).toContain(`XCACHE_HOME=${directory.path}/home`);
    expect((await readFile(join(directory.path, 'calls'), 'utf8')).split('\n')).toEqual([
      '--user show-environment',
      '--user is-enabled xcache.service',
      '--user daemon-reload',
      '--user enable xcache.service',
      '',
    ]);
    await putProgram('systemctl', 'true');
    // Another shell has another PATH; that makes no other unit.
    process.env['PATH'] = `${directory.path}/bin:/nowhere`;
    const again = await run(['service', 'install', '--json']);
    expect(JSON.parse(again.out)).toMatchObject({ changed: false });
    expect((await run(['service', 'uninstall'])).out).toContain('removed');
    expect(await isThere(unit)).toBe(false);
  });
});

describe('service log', () => {
  const line = (msg: string, more = {}): string =>
    JSON.stringify({ level: 40, time: 0, pid: 1, view: '/ws', msg, ...more });

  async function writeLog(...lines: readonly string[]): Promise<void> {
    const { logFile, stateDirectory } = resolvePaths();
    await mkdir(stateDirectory, { recursive: true });
    await writeFile(logFile, lines.map((each) => `${each}\n`).join(''));
  }

  test('shows the last lines for people', async () => {
    await writeLog(
      line('first'),
      line('second', { err: { stack: 'Error: x\n    at y' } }),
      'node!',
    );
    const { code, out } = await run(['service', 'log', '-n', '2']);
    expect(code).toBe(0);
    expect(out).not.toContain('first');
    expect(out).toMatch(/warn {2}second view=\/ws\n {4}Error: x\n {8}at y\nnode!$/);
  });

  test('shows them as they are with --json', async () => {
    await writeLog(line('first'), line('second'));
    expect((await run(['service', 'log', '--json'])).out).toBe(
      `${line('first')}\n${line('second')}`,
    );
  });

  test('finds the last lines of a long file', async () => {
    const many = Array.from({ length: 20_000 }, (_, at) => line(`number ${at}`));
    await writeLog(...many);
    const { out } = await run(['service', 'log', '-n', '3', '--json']);
    expect(out.split('\n')).toEqual(many.slice(-3));
  });

  test('says so where nothing is written yet', async () => {
    const { code, out, err } = await run(['service', 'log']);
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(err).toContain('nothing is written');
  });

  test('a wrong number of lines is a usage error', async () => {
    expect((await run(['service', 'log', '-n', 'x'])).code).toBe(2);
  });
});

interface Report {
  readonly findings: readonly {
    readonly check: string;
    readonly state: string;
    readonly message: string;
    readonly isFixed: boolean;
  }[];
}

describe('doctor', () => {
  async function examine(...flags: readonly string[]): Promise<Map<string, Report['findings'][0]>> {
    const { out } = await run(['doctor', '--json', ...flags]);
    const { findings } = JSON.parse(out) as Report;
    return new Map(findings.map((finding) => [finding.check, finding]));
  }

  test('looks at everything, and starts and makes nothing', async () => {
    const findings = await examine();
    expect([...findings.keys()]).toEqual([
      '/dev/fuse',
      'fusermount3',
      'libfuse',
      'kernel',
      'cargo',
      'build-dir',
      'HOME',
      'XDG_RUNTIME_DIR',
      'store',
      'views',
      'state',
      'socket',
      'disk space',
      'settings',
      'mounts',
      'service',
      'systemd',
      'auto mount',
      'index',
    ]);
    expect(findings.get('service')).toMatchObject({ state: 'warn', isFixed: false });
    expect(await isThere(join(directory.path, 'home'))).toBe(false);
  });

  test('each line says what is so, and the next one what to do', async () => {
    await putProgram('cargo', 'exit 1');
    const { code, out } = await run(['doctor']);
    expect(code).toBe(1);
    expect(out).toMatch(/fail {2}cargo +there is no cargo on your PATH\n +install Rust/);
  });

  test.each([
    ['HOME', 'nowhere', 'does not exist'],
    ['HOME', 'file', 'is not a directory'],
    ['XDG_RUNTIME_DIR', 'nowhere', 'does not exist'],
  ])('%s that leads to %s fails', async (name, target, message) => {
    await writeFile(join(directory.path, 'file'), '');
    process.env[name] = join(directory.path, target);
    const finding = (await examine()).get(name);
    expect(finding?.state).toBe('fail');
    expect(finding?.message).toContain(message);
  });

  test('--fix closes a store that is open to others', async () => {
    await serve();
    const { storeDirectory } = resolvePaths();
    await mkdir(storeDirectory, { recursive: true });
    await chmod(storeDirectory, 0o777);
    expect((await examine()).get('store')).toMatchObject({ state: 'fail', isFixed: false });
    expect((await stat(storeDirectory)).mode & 0o777).toBe(0o777);
    expect((await examine('--fix')).get('store')).toMatchObject({ state: 'ok', isFixed: true });
    expect((await stat(storeDirectory)).mode & 0o777).toBe(0o700);
  });

  test('cargo pointing at a mount that is not there fails, and --fix mounts it', async () => {
    await serve();
    await run(['setup']);
    asked = [];
    expect((await examine()).get('auto mount')).toMatchObject({ state: 'fail' });
    expect(asked).toEqual([]);
    expect((await examine('--fix')).get('auto mount')).toMatchObject({ state: 'ok' });
    expect(asked).toEqual([true]);
  });
});

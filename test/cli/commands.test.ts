import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { XcacheError } from '../../src/base/errors.js';
import type { ControlHandlers, ControlServer } from '../../src/service/control/control-server.js';
import type { StatusResult, UnitRow } from '../../src/service/control/protocol.js';
import { runOnTerminal, serveMethods, type Finished } from './command-line.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

let directory: TempDirectory;
let server: ControlServer | undefined;
const savedHome = process.env['XCACHE_HOME'];

beforeEach(async () => {
  directory = await createTempDirectory();
  process.env['XCACHE_HOME'] = join(directory.path, 'home');
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  if (savedHome === undefined) delete process.env['XCACHE_HOME'];
  else process.env['XCACHE_HOME'] = savedHome;
  await directory[Symbol.asyncDispose]();
});

async function run(...argv: readonly string[]): Promise<Finished> {
  return await runOnTerminal(argv);
}

async function serve(handlers: Partial<ControlHandlers>): Promise<void> {
  server = await serveMethods(handlers);
}

const status: StatusResult = {
  version: 1,
  pid: 42,
  startedMs: 0,
  storeDirectory: '/store',
  views: [
    {
      view: 'v',
      directory: '/ws/target',
      driver: 'direct',
      state: 'mounted',
      attachedUnits: 7,
      pendingUnits: 3,
      requests: 12345,
      operations: { lookup: 345, read: 12000 },
    },
  ],
  pendingUnits: 3,
  promotionPaused: 'the disk is full',
};

function unit(name: string, sizeBytes: number, buildMs: number | undefined): UnitRow {
  return {
    id: name,
    package: name,
    kind: 'lib',
    profile: 'debug',
    unitHash: `hash-${name}`,
    sizeBytes,
    buildMs,
    createdMs: 0,
    lastUsedMs: 0,
    attachedViews: 1,
  };
}

describe('the command line', () => {
  test.each([
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['status', '--frobnicate'], "unknown option '--frobnicate'"],
    [['mount'], 'DIR'],
    [['mount', ''], 'DIR is empty'],
    [['mount', 'a', 'b'], 'too many arguments'],
    [['mount', 'a', '--driver', 'kernel'], 'direct, fuse-native'],
    [['mount', 'a', '--safe'], '--safe'],
    [['gc', '--max-size', '20XB'], "'20XB'"],
    [['gc', '--max-age', 'soon'], "'soon'"],
    [['units', '--sort', 'luck'], "'luck'"],
    [['service', 'frobnicate'], "unknown command 'frobnicate'"],
    [['help', 'frobnicate'], "unknown command 'frobnicate'\n  see: xcache help"],
    [['mont'], "unknown command 'mont'; Did you mean mount?\n  see: xcache help"],
    [['mount', 'a', 'b'], '\n  see: xcache help mount'],
  ])('%j is a usage error that names what is wrong', async (argv, message) => {
    const { code, out, err } = await run(...argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
  });

  test('a usage error is JSON where JSON is wanted', async () => {
    const { code, err } = await run('gc', '--json', '--max-size', 'x');
    expect(code).toBe(2);
    expect(JSON.parse(err)).toMatchObject({ version: 1, error: { code: 'XC_USAGE' } });
  });

  test('no command at all shows the help on stderr', async () => {
    const { code, out, err } = await run();
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Usage: xcache');
  });

  test('--version is the version of the package', async () => {
    expect(await run('--version')).toMatchObject({ code: 0, out: '0.1.0', err: '' });
  });

  test.each([
    'mount',
    'unmount',
    'umount',
    'status',
    'stats',
    'units',
    'explain',
    'verify',
    'gc',
    'views',
    'forget',
    'service',
  ])('%s has a manual with examples, exit codes and environment', async (name) => {
    for (const argv of [
      [name, '--help'],
      ['help', name],
    ]) {
      const { code, out } = await run(...argv);
      expect(code).toBe(0);
      for (const part of ['Usage:', 'Examples:', 'Exit codes:', 'Environment:', 'XCACHE_HOME']) {
        expect(out).toContain(part);
      }
    }
  });
});

describe('without a service', () => {
  test('status says so and starts none', async () => {
    const { code, out } = await run('status', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ version: 1, running: false, views: [] });
    expect((await run('status')).out).toContain('not running');
  });

  test('service status says so with exit code 1', async () => {
    const { code, out } = await run('service', 'status', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ version: 1, running: false, pid: null });
  });

  test('service stop has nothing to do', async () => {
    const { code, out } = await run('service', 'stop', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ version: 1, wasRunning: false, pid: null });
  });
});

describe('with a service', () => {
  test('mount asks for the absolute path, through symlinks', async () => {
    const asked: unknown[] = [];
    await serve({
      mount: (params) => {
        asked.push(params);
        return Promise.resolve({
          version: 1,
          directory: params.directory,
          view: 'v',
          driver: 'direct',
          wasMounted: false,
          adoptedFiles: 2,
        });
      },
    });
    const real = join(directory.path, 'real');
    await mkdir(join(real, 'target'), { recursive: true });
    await symlink('real', join(directory.path, 'way'));
    await symlink('real/target', join(directory.path, 'there'));
    for (const way of ['real/target', 'way/target/', 'there', 'way/./target/../target']) {
      const { code, out } = await run('mount', join(directory.path, way));
      expect(code).toBe(0);
      expect(out).toContain(`${real}/target`);
      expect(out).toContain('2 files taken over');
    }
    expect(asked).toHaveLength(4);
    for (const params of asked) expect(params).toEqual({ directory: `${real}/target` });
  });

  test('mount passes the driver and its mode on', async () => {
    const asked: unknown[] = [];
    await serve({
      mount: (params) => {
        asked.push(params);
        return Promise.reject(new XcacheError('XC_NO_LIBFUSE', 'no', { hint: 'install libfuse2' }));
      },
    });
    const { code, out, err } = await run('mount', '/x', '--driver', 'fuse-native', '--safe');
    expect(asked).toMatchObject([{ directory: '/x', driver: 'fuse-native', mode: 'safe' }]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe('xcache: no\n  install libfuse2');
  });

  test('mount --foreground ends when the mount goes away', async () => {
    let looks = 0;
    await serve({
      mount: ({ directory: mounted }) =>
        Promise.resolve({
          version: 1,
          directory: mounted,
          view: 'v',
          driver: 'direct',
          wasMounted: false,
          adoptedFiles: 0,
        }),
      status: () => {
        looks += 1;
        return Promise.resolve(looks === 1 ? status : { ...status, views: [] });
      },
    });
    const { code, out, err } = await run('mount', '/ws/target', '--foreground');
    expect(code).toBe(0);
    expect(out).toContain('mounted /ws/target');
    expect(err).toContain('no longer mounted');
  });

  test('mount --foreground fails when the service goes away', async () => {
    await serve({
      mount: ({ directory: mounted }) =>
        Promise.resolve({
          version: 1,
          directory: mounted,
          view: 'v',
          driver: 'direct',
          wasMounted: false,
          adoptedFiles: 0,
        }),
      status: () => {
        setImmediate(() => void server?.close());
        return Promise.resolve(status);
      },
    });
    const { code, err } = await run('mount', '/ws/target', '--foreground');
    expect(code).toBe(1);
    expect(err).toContain('the service of /ws/target has ended');
  });

  test('unmount --materialize tells how many files are left', async () => {
    await serve({
      unmount: ({ directory: mounted, materialize }) =>
        Promise.resolve({
          version: 1,
          directory: mounted,
          materializedFiles: materialize ? 1 : 0,
        }),
    });
    expect((await run('umount', '/x', '--materialize')).out).toContain(
      'plain directory with 1 file',
    );
    expect((await run('unmount', '/x')).out).toBe('unmounted /x');
  });

  test('status shows the mounts and why storing is paused', async () => {
    await serve({ status: () => Promise.resolve(status) });
    const { out } = await run('status');
    for (const part of ['pid 42', '/ws/target', 'mounted', '12,345', '3 units', 'disk is full']) {
      expect(out).toContain(part);
    }
    expect(JSON.parse((await run('status', '--json')).out)).toEqual({ running: true, ...status });
  });

  test('units are sorted as asked, in JSON too', async () => {
    const rows = [unit('b', 10, 5), unit('a', 30, undefined), unit('c', 20, 7)];
    await serve({ units: () => Promise.resolve({ version: 1, units: rows, rejected: [] }) });
    const order = async (...words: readonly string[]): Promise<string> => {
      const { out } = await run('units', '--json', ...words);
      return (JSON.parse(out) as { units: UnitRow[] }).units.map((row) => row.package).join('');
    };
    expect(await order()).toBe('abc');
    expect(await order('--sort', 'size')).toBe('acb');
    expect(await order('--sort', 'time')).toBe('cba');
    expect((await run('units')).out).toContain('3 units, 60 B');
  });

  test('verify fails while damage is left, and only then', async () => {
    const problem = { kind: 'blob', subject: 'ab', message: 'digest differs' };
    await serve({
      verify: ({ repair }) =>
        Promise.resolve({
          version: 1,
          checkedBlobs: 2,
          checkedManifests: 1,
          problems: [problem],
          repaired: repair ? 1 : 0,
        }),
    });
    const found = await run('verify');
    expect(found.code).toBe(1);
    expect(found.out).toContain('digest differs');
    expect((await run('verify', '--repair')).code).toBe(0);
  });

  test('service status and start find it running', async () => {
    await serve({});
    const found = await run('service', 'status', '--json');
    expect(found.code).toBe(0);
    expect(JSON.parse(found.out)).toMatchObject({ version: 1, running: true, pid: process.pid });
    const started = await run('service', 'start', '--json');
    expect(JSON.parse(started.out)).toMatchObject({ pid: process.pid, wasRunning: true });
  });

  test('an error is JSON on stderr where JSON is wanted', async () => {
    await serve({
      mount: () => Promise.reject(new XcacheError('XC_NESTED', 'inside /a', { hint: 'go out' })),
    });
    const { code, out, err } = await run('mount', '/x', '--json');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(JSON.parse(err)).toEqual({
      version: 1,
      error: { code: 'XC_NESTED', message: 'inside /a', hint: 'go out' },
    });
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { XcacheError } from '../../src/base/errors.js';
import { tryConnectControl } from '../../src/service/control/control-client.js';
import { resolvePaths, type XcachePaths } from '../../src/host/paths.js';
import { ensureService, stopService } from '../../src/service/process/service-launcher.js';
import {
  acquireServiceLock,
  isProcessAlive,
  loadServiceRecord,
} from '../../src/service/control/service-lock.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

const mainScript = fileURLToPath(new URL('../fixtures/small-service.mjs', import.meta.url));

let directory: TempDirectory;
let paths: XcachePaths;

beforeEach(async () => {
  directory = await createTempDirectory();
  paths = resolvePaths({ XCACHE_HOME: directory.path });
});

afterEach(async () => {
  delete process.env['SMALL_SERVICE_MODE'];
  await stopService(paths);
  await directory[Symbol.asyncDispose]();
});

async function failureOf(promise: Promise<unknown>): Promise<XcacheError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof XcacheError) return error;
  throw error;
}

describe('starting', () => {
  test('a service is started where none runs, and found by the next command', async () => {
    using first = await ensureService(paths, { mainScript });
    using second = await ensureService(paths, { mainScript });
    expect(first.service.pid).not.toBe(process.pid);
    expect(second.service.pid).toBe(first.service.pid);
    expect(await loadServiceRecord(paths.pidFile)).toEqual({
      pid: first.service.pid,
      socketPath: paths.socketPath,
    });
  });

  test('commands that start it at the same time end up with one service', async () => {
    const clients = await Promise.all(
      Array.from({ length: 4 }, async () => await ensureService(paths, { mainScript })),
    );
    const pids = new Set(clients.map((client) => client.service.pid));
    for (const client of clients) client.close();
    expect(pids.size).toBe(1);
  });

  test('what stopped the service from starting is told as it was', async () => {
    process.env['SMALL_SERVICE_MODE'] = 'refuse';
    expect(await failureOf(ensureService(paths, { mainScript }))).toMatchObject({
      code: 'XC_STORE_VERSION',
      message: 'store 2 is newer than this program',
      hint: 'update xcache',
    });
  });

  test('a service that dies at once is told with its last words, and not those before', async () => {
    const client = await ensureService(paths, { mainScript });
    client.close();
    await stopService(paths);
    await writeFile(paths.logFile, 'an earlier line\n', { flag: 'a' });
    process.env['SMALL_SERVICE_MODE'] = 'crash';
    const error = await failureOf(ensureService(paths, { mainScript }));
    expect(error.code).toBe('XC_SERVICE_FAILED');
    expect(error.message).toContain('SIGKILL');
    expect(error.message).toContain('illegal instruction');
    expect(error.message).not.toContain('earlier');
  });

  test('a service that was killed is replaced', async () => {
    const first = await ensureService(paths, { mainScript });
    process.kill(first.service.pid, 'SIGKILL');
    await first.closed;
    using second = await ensureService(paths, { mainScript });
    expect(second.service.pid).not.toBe(first.service.pid);
  });

  test('a service that another $XDG_RUNTIME_DIR knows is found through the pid file', async () => {
    const xdg = { HOME: directory.path, XDG_CACHE_HOME: `${directory.path}/cache` };
    const inSession = resolvePaths({ ...xdg, XDG_RUNTIME_DIR: `${directory.path}/run` });
    const outside = resolvePaths(xdg);
    expect(outside.socketPath).not.toBe(inSession.socketPath);
    using first = await ensureService(inSession, { mainScript });
    using second = await ensureService(outside, { mainScript });
    expect(second.service.pid).toBe(first.service.pid);
    await stopService(outside);
  });
});

describe('stopping', () => {
  test('the process has ended when stopService returns', async () => {
    const client = await ensureService(paths, { mainScript });
    client.close();
    expect(await stopService(paths)).toBe(client.service.pid);
    expect(await isProcessAlive(client.service.pid)).toBe(false);
    expect(await tryConnectControl(paths)).toBeUndefined();
  });

  test('a process has not ended while one of its threads still runs', async () => {
    const program =
      'import ctypes, sys, threading\n' +
      'threading.Thread(target=lambda: (print(flush=True), sys.stdin.readline())).start()\n' +
      'ctypes.CDLL(None).syscall(60, 0)'; // exit(2) of the main thread alone
    const child = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'ignore'] });
    const pid = child.pid ?? 0;
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    const state = async (): Promise<string> => await readFile(`/proc/${pid}/stat`, 'latin1');
    while (!/^\d+ \(.*\) Z/.test(await state())) await delay(1);
    expect(await isProcessAlive(pid)).toBe(true);
    child.stdin.end();
    await ended;
    expect(await isProcessAlive(pid)).toBe(false);
  });

  test('nothing to stop is no failure', async () => {
    expect(await stopService(paths)).toBeUndefined();
  });
});

describe('the lock', () => {
  test('is held once, and the refusal names the holder', async () => {
    using client = await ensureService(paths, { mainScript });
    const error = await failureOf(acquireServiceLock(paths));
    expect(error.code).toBe('XC_SERVICE_RUNNING');
    expect(error.message).toContain(String(client.service.pid));
  });

  test('can be taken again after it was let go, and leaves no pid behind', async () => {
    const first = await acquireServiceLock(paths);
    await first[Symbol.asyncDispose]();
    expect(await readFile(paths.pidFile, 'utf8')).toBe('');
    await using _second = await acquireServiceLock(paths);
    expect(await loadServiceRecord(paths.pidFile)).toMatchObject({ pid: process.pid });
  });

  test('a pid file with other content is no record', async () => {
    for (const content of ['', 'nonsense', '[]', '{"pid":"1","socketPath":"/x"}', 'null']) {
      await writeFile(paths.pidFile, content);
      expect(await loadServiceRecord(paths.pidFile)).toBeUndefined();
    }
  });
});

import { chmod, lstat, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { XcacheError } from '../../src/base/errors.js';
import { createLogger } from '../../src/base/log.js';
import {
  connectControl,
  tryConnectControl,
  type ControlClient,
} from '../../src/service/control/control-client.js';
import {
  startControlServer,
  type ControlHandlers,
  type ControlServer,
} from '../../src/service/control/control-server.js';
import { resolvePaths, type XcachePaths } from '../../src/host/paths.js';
import {
  protocolVersion,
  type Progress,
  type StatsResult,
} from '../../src/service/control/protocol.js';
import { createDeferred } from '../support/deferred.js';
import { createTempDirectory } from '../support/tmp.js';

const log = createLogger({ level: 'silent' });

const stats: StatsResult = {
  version: 1,
  store: { units: 1, blobs: 2, physicalBytes: 3, logicalBytes: 4 },
  units: {
    served: 5,
    missed: 6,
    missedSharable: 3,
    missedOwn: 2,
    missedUndecided: 1,
    verified: 0,
    differed: 0,
    hitRate: 0.625,
    promoted: 7,
    refused: 8,
    savedMs: 9,
  },
  lastBuild: null,
};

/** Handlers that answer nothing but what a test gives. */
function handlersWith(handlers: Partial<ControlHandlers>): ControlHandlers {
  return new Proxy(handlers as ControlHandlers, {
    get: (target, name): unknown =>
      Reflect.get(target, name) ?? (() => Promise.reject(new Error(`no ${String(name)}`))),
  });
}

interface World extends AsyncDisposable {
  readonly paths: XcachePaths;
  readonly server: ControlServer;
  connect(): Promise<ControlClient>;
}

async function createWorld(handlers: Partial<ControlHandlers> = {}): Promise<World> {
  const directory = await createTempDirectory();
  const paths = resolvePaths({ XCACHE_HOME: directory.path });
  const server = await startControlServer({
    socketPath: paths.socketPath,
    handlers: handlersWith(handlers),
    log,
  });
  const clients: ControlClient[] = [];
  return {
    paths,
    server,
    async connect(): Promise<ControlClient> {
      const client = await connectControl(paths);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const client of clients) client.close();
      await server.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** One message as it goes over the wire. */
function wireFrame(message: object): string {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

async function failureOf(promise: Promise<unknown>): Promise<XcacheError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof XcacheError) return error;
    throw error;
  }
  throw new Error('it succeeded');
}

describe('requests', () => {
  test('a result arrives as the handler gave it', async () => {
    await using world = await createWorld({ stats: () => Promise.resolve(stats) });
    const client = await world.connect();
    expect(await client.request('stats', {})).toEqual(stats);
    expect(client.service).toMatchObject({ version: 1, pid: process.pid, programVersion: '0.1.0' });
  });

  test('an error keeps its code, message and hint', async () => {
    const error = new XcacheError('XC_NESTED', 'inside another view', { hint: 'go elsewhere' });
    await using world = await createWorld({ mount: () => Promise.reject(error) });
    const client = await world.connect();
    expect(await failureOf(client.request('mount', { directory: '/x' }))).toMatchObject({
      code: 'XC_NESTED',
      message: 'inside another view',
      hint: 'go elsewhere',
    });
  });

  test('a full disk is told as such, any other fault as an internal one', async () => {
    const full = Object.assign(new Error('write: no space left'), { code: 'ENOSPC' });
    await using world = await createWorld({
      stats: () => Promise.reject(full),
      units: () => Promise.reject(new TypeError('oops')),
    });
    const client = await world.connect();
    expect((await failureOf(client.request('stats', {}))).code).toBe('XC_NO_SPACE');
    expect((await failureOf(client.request('units', {}))).code).toBe('XC_INTERNAL');
  });

  test('parameters that the protocol does not know are refused before the handler', async () => {
    let calls = 0;
    const count = (): Promise<never> => {
      calls += 1;
      return Promise.reject(new Error('called'));
    };
    await using world = await createWorld({ mount: count, gc: count });
    const client = await world.connect();
    const relative = await failureOf(client.request('mount', { directory: 'target' }));
    expect(relative).toMatchObject({ code: 'XC_USAGE' });
    expect(relative.message).toContain('directory');
    const negative = client.request('gc', { dryRun: true, maxSizeBytes: -1 });
    expect((await failureOf(negative)).code).toBe('XC_USAGE');
    const extra = { directory: '/x', driver: 'kernel' } as unknown as { directory: string };
    expect((await failureOf(client.request('mount', extra))).code).toBe('XC_USAGE');
    expect(calls).toBe(0);
  });

  test('an unknown method is refused by name', async () => {
    await using world = await createWorld();
    const client = await world.connect();
    const error = await failureOf(client.request('frobnicate' as 'stats', {}));
    expect(error.code).toBe('XC_USAGE');
    expect(error.hint).toContain('restart');
    expect(error.message).toContain('frobnicate');
  });

  test('progress reaches the caller that asked, the last report always', async () => {
    await using world = await createWorld({
      gc: (_params, { progress }) => {
        for (let done = 0; done <= 1000; done += 1) progress({ phase: 'plan', done, total: 1000 });
        return Promise.resolve({
          version: 1,
          dryRun: true,
          removedUnits: 0,
          removedBlobs: 0,
          freedBytes: 0,
          keptBytes: 0,
          age: { units: 0, bytes: 0 },
          size: { units: 0, bytes: 0 },
          orphans: { blobs: 0, freedBytes: 0 },
          views: [],
          limits: { maxSizeBytes: null, maxAgeMs: null },
        });
      },
    });
    const client = await world.connect();
    const seen: Progress[] = [];
    await client.request('gc', { dryRun: true }, { onProgress: (report) => seen.push(report) });
    expect(seen.at(0)).toEqual({ phase: 'plan', done: 0, total: 1000 });
    expect(seen.at(-1)).toEqual({ phase: 'plan', done: 1000, total: 1000 });
    expect(seen.length).toBeLessThan(1000);
  });

  test('a command that goes away aborts its request', async () => {
    const started = createDeferred<AbortSignal>();
    await using world = await createWorld({
      verify: (_params, { signal }) => {
        started.resolve(signal);
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')));
        });
      },
    });
    const client = await world.connect();
    const request = failureOf(client.request('verify', { repair: false }));
    const signal = await started.promise;
    const aborted = once(signal, 'abort');
    client.close();
    await aborted;
    expect((await request).code).toBe('XC_SERVICE_UNREACHABLE');
  });

  test('a handler may close the server that it answers on', async () => {
    const held: { server?: ControlServer } = {};
    await using world = await createWorld({
      shutdown: async () => {
        await held.server?.close();
        return { version: 1 };
      },
    });
    held.server = world.server;
    const client = await world.connect();
    await client.request('shutdown', {}).catch(() => undefined);
    await client.closed;
    expect(await tryConnectControl(world.paths)).toBeUndefined();
  });

  test('closing the server waits for answers on their way', async () => {
    const gate = createDeferred<StatsResult>();
    const started = createDeferred<undefined>();
    await using world = await createWorld({
      stats: () => {
        started.resolve(undefined);
        return gate.promise;
      },
    });
    const client = await world.connect();
    const answer = client.request('stats', {});
    await started.promise;
    const closed = world.server.close();
    gate.resolve(stats);
    expect(await answer).toEqual(stats);
    await closed;
  });

  test('closing the server succeeds although requests wait to be read', async () => {
    const held: { server?: ControlServer } = {};
    const closing = createDeferred<Promise<void> | undefined>();
    await using world = await createWorld({
      stats: () => {
        closing.resolve(held.server?.close());
        return Promise.resolve(stats);
      },
    });
    held.server = world.server;
    const socket = createConnection(world.paths.socketPath);
    const closed = new Promise((resolve) => socket.resume().once('close', resolve));
    socket.write(wireFrame({ id: 0, method: 'hello', params: [{ protocolVersion }, null] }));
    // One is read in each turn: the later ones are answered when nothing can be written any more.
    const requests = Array.from({ length: 30 }, (_, at) =>
      wireFrame({ id: at + 1, method: 'stats', params: [{}, null] }),
    );
    socket.write(requests.join(''));
    await closing.promise;
    await closed;
  });
});

describe('versions', () => {
  /** A service of another protocol version, seen from the wire. */
  async function createOtherService(paths: XcachePaths): Promise<AsyncDisposable> {
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 0,
      result: { version: 1, protocolVersion: 99, pid: 4711, programVersion: '9.0.0' },
    });
    await mkdir(join(paths.socketPath, '..'), { mode: 0o700 });
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
      });
    });
    server.listen(paths.socketPath);
    await once(server, 'listening');
    return {
      async [Symbol.asyncDispose](): Promise<void> {
        server.close();
        await once(server, 'close');
      },
    };
  }

  test('a service of another version is refused with the remedy', async () => {
    await using directory = await createTempDirectory();
    const paths = resolvePaths({ XCACHE_HOME: directory.path });
    await using _service = await createOtherService(paths);
    const error = await failureOf(connectControl(paths));
    expect(error).toMatchObject({ code: 'XC_SERVICE_UNREACHABLE' });
    expect(error.message).toContain('4711');
    expect(error.hint).toContain('service restart');
  });

  test('a service of another version can still be greeted, to stop it', async () => {
    await using directory = await createTempDirectory();
    const paths = resolvePaths({ XCACHE_HOME: directory.path });
    await using _service = await createOtherService(paths);
    using client = await connectControl(paths, { anyVersion: true });
    expect(client.service.pid).toBe(4711);
  });
});

describe('the socket', () => {
  test('lies in a directory and has a mode that shut others out', async () => {
    await using world = await createWorld();
    expect((await lstat(world.paths.socketPath)).mode & 0o777).toBe(0o600);
    expect((await lstat(join(world.paths.socketPath, '..'))).mode & 0o777).toBe(0o700);
  });

  test('both sides refuse a directory that others may enter', async () => {
    await using world = await createWorld();
    await chmod(join(world.paths.socketPath, '..'), 0o755);
    expect((await failureOf(world.connect())).code).toBe('XC_STORE_UNSAFE');
    const second = startControlServer({
      socketPath: join(world.paths.socketPath, '..', 'second.sock'),
      handlers: handlersWith({}),
      log,
    });
    expect((await failureOf(second)).code).toBe('XC_STORE_UNSAFE');
  });

  test('both sides refuse a directory behind a symlink', async () => {
    await using directory = await createTempDirectory();
    const paths = resolvePaths({ XCACHE_HOME: directory.path });
    await mkdir(join(directory.path, 'elsewhere'), { mode: 0o700 });
    await symlink('elsewhere', join(directory.path, 'run'));
    expect((await failureOf(connectControl(paths))).code).toBe('XC_STORE_UNSAFE');
    const start = startControlServer({
      socketPath: paths.socketPath,
      handlers: handlersWith({}),
      log,
    });
    expect((await failureOf(start)).code).toBe('XC_STORE_UNSAFE');
  });

  test('one that a killed service left behind is replaced', async () => {
    await using directory = await createTempDirectory();
    const paths = resolvePaths({ XCACHE_HOME: directory.path });
    await mkdir(join(paths.socketPath, '..'), { mode: 0o700 });
    // A name that is bound and whose listener is gone: renamed away, so closing does not unlink it.
    const dead = createServer();
    dead.listen(`${paths.socketPath}.dead`);
    await once(dead, 'listening');
    await rename(`${paths.socketPath}.dead`, paths.socketPath);
    dead.close();
    await once(dead, 'close');
    expect((await lstat(paths.socketPath)).isSocket()).toBe(true);
    expect(await tryConnectControl(paths)).toBeUndefined();
    const server = await startControlServer({
      socketPath: paths.socketPath,
      handlers: handlersWith({ stats: () => Promise.resolve(stats) }),
      log,
    });
    using client = await connectControl(paths);
    expect(await client.request('stats', {})).toEqual(stats);
    client.close();
    await server.close();
  });

  test('one that answers is left alone', async () => {
    await using world = await createWorld();
    const second = startControlServer({
      socketPath: world.paths.socketPath,
      handlers: handlersWith({}),
      log,
    });
    expect((await failureOf(second)).code).toBe('XC_SERVICE_RUNNING');
    await world.connect();
  });

  test('a file that is no socket is never removed', async () => {
    await using directory = await createTempDirectory();
    const paths = resolvePaths({ XCACHE_HOME: directory.path });
    await mkdir(join(paths.socketPath, '..'), { mode: 0o700 });
    await writeFile(paths.socketPath, 'mine');
    const start = startControlServer({
      socketPath: paths.socketPath,
      handlers: handlersWith({}),
      log,
    });
    expect((await failureOf(start)).code).toBe('XC_STORE_UNSAFE');
    expect((await lstat(paths.socketPath)).isFile()).toBe(true);
  });

  test('is made again when something has removed it, and open connections go on', async () => {
    await using world = await createWorld({ stats: () => Promise.resolve(stats) });
    const before = await world.connect();
    await rm(join(world.paths.socketPath, '..'), { recursive: true });
    expect(await tryConnectControl(world.paths)).toBeUndefined();
    await world.server.rebindIfLost();
    const after = await world.connect();
    expect(await after.request('stats', {})).toEqual(stats);
    expect(await before.request('stats', {})).toEqual(stats);
  });

  test('is gone after close', async () => {
    await using world = await createWorld();
    await world.server.close();
    await expect(lstat(world.paths.socketPath)).rejects.toThrow('ENOENT');
  });

  test('a message that is too long, or none at all, ends the connection and nothing else', async () => {
    await using world = await createWorld({ stats: () => Promise.resolve(stats) });
    const refused = [
      'Content-Length: 99999999999\r\n\r\n',
      'Content-Length: nonsense\r\n\r\n',
      'x'.repeat(512),
      'Content-Length: 5\r\n\r\n{{{{{',
    ];
    for (const bytes of refused) {
      const socket = createConnection(world.paths.socketPath);
      await once(socket, 'connect');
      socket.on('error', () => undefined);
      const closed = once(socket.resume(), 'close');
      socket.write(bytes);
      await closed;
    }
    const client = await world.connect();
    expect(await client.request('stats', {})).toEqual(stats);
  });

  test('requests before the greeting are refused', async () => {
    await using world = await createWorld({ stats: () => Promise.resolve(stats) });
    const socket = createConnection(world.paths.socketPath);
    await once(socket, 'connect');
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'stats', params: [{}, null] });
    socket.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(answer.toString()).toContain('XC_SERVICE_UNREACHABLE');
  });
});

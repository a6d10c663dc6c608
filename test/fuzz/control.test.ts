/** Bytes on the control socket: frames, JSON-RPC messages and parameters of no sense. */
import { createConnection } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createLogger } from '../../src/base/log.js';
import { controlRequestBytesMax } from '../../src/base/limits.js';
import { connectControl } from '../../src/service/control/control-client.js';
import { parseControlParams } from '../../src/service/control/control-schemas.js';
import {
  startControlServer,
  type ControlHandlers,
  type ControlServer,
} from '../../src/service/control/control-server.js';
import { resolvePaths, type XcachePaths } from '../../src/host/paths.js';
import { protocolVersion, type ControlMethod } from '../../src/service/control/protocol.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';
import { fuzz } from './fuzz.js';
import { mutated, mutatedJson } from './mutations.js';

let directory: TempDirectory;
let paths: XcachePaths;
let server: ControlServer;

const stray: unknown[] = [];
const keepStray = (error: unknown): void => void stray.push(error);

beforeAll(async () => {
  directory = await createTempDirectory();
  paths = resolvePaths({ XCACHE_HOME: directory.path });
  // Every handler answers: whatever reaches one has passed the schemas.
  const handlers = new Proxy({} as ControlHandlers, {
    get: () => (params: unknown) => Promise.resolve({ version: 1, params }),
  });
  const log = createLogger({ level: 'silent' });
  server = await startControlServer({ socketPath: paths.socketPath, handlers, log });
  process.on('uncaughtException', keepStray);
  process.on('unhandledRejection', keepStray);
});

afterAll(async () => {
  process.off('uncaughtException', keepStray);
  process.off('unhandledRejection', keepStray);
  await server.close();
  await directory[Symbol.asyncDispose]();
});

const messages = [
  { jsonrpc: '2.0', id: 0, method: 'hello', params: [{ protocolVersion }, null] },
  { jsonrpc: '2.0', id: 1, method: 'mount', params: [{ directory: '/x', driver: 'direct' }, 7] },
  { jsonrpc: '2.0', id: 'x', method: 'stats', params: [{}, null] },
  { jsonrpc: '2.0', id: 2, method: 'gc', params: [{ dryRun: true, maxSizeBytes: 1 }, null] },
  { jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 1 } },
  { jsonrpc: '2.0', method: '$/progress', params: { token: 7, value: {} } },
  { jsonrpc: '2.0', id: 3, result: {} },
  { jsonrpc: '2.0', id: 3, error: { code: 1, message: 'x' } },
  { jsonrpc: '2.0', method: '$/setTrace', params: { value: 'verbose' } },
];

function frame(value: unknown): Buffer {
  const body = JSON.stringify(value);
  return Buffer.from(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

const greeting = frame(messages[0]);

const lengths = fc.constantFrom(
  '99999999999',
  String(controlRequestBytesMax + 1),
  String(controlRequestBytesMax),
  '-1',
  '0',
  '1e3',
  '0x10',
  ' 7',
  '',
);

/** What a connection sends, in one piece or torn into two. */
const conversations = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: mutatedJson(messages).map(frame) },
    { weight: 2, arbitrary: mutated(messages.map(frame)) },
    {
      weight: 1,
      arbitrary: lengths.map((length) => Buffer.from(`Content-Length: ${length}\r\n\r\n{}`)),
    },
    { weight: 1, arbitrary: fc.constant(Buffer.alloc(controlRequestBytesMax >> 3, '[')) },
  ),
  { minLength: 1, maxLength: 6 },
);

/** Sends the bytes, ends its side and waits for the other to end too. */
async function talk(pieces: readonly Buffer[]): Promise<void> {
  const socket = createConnection(paths.socketPath);
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.resume().once('close', resolve));
  for (const piece of pieces) socket.write(piece);
  socket.end();
  await closed;
}

describe('bytes on the control socket', () => {
  fuzz('messages', {
    inputs: fc.tuple(fc.boolean(), conversations, fc.nat(200)),
    check: async ([isGreeted, pieces, cut]) => {
      const all = Buffer.concat(pieces);
      const parts = [all.subarray(0, cut), all.subarray(cut)];
      await talk(isGreeted ? [greeting, ...parts] : parts);
      if (stray.length > 0) throw new Error('an error reached the process', { cause: stray.pop() });
    },
  });

  fuzz('messages, and a command afterwards', {
    inputs: conversations,
    check: async (pieces) => {
      await Promise.all([talk(pieces), talk([greeting, ...pieces])]);
      using client = await connectControl(paths);
      expect(await client.request('stats', {})).toMatchObject({ version: 1 });
      if (stray.length > 0) throw new Error('an error reached the process', { cause: stray.pop() });
    },
  });

  fuzz('parameters', {
    inputs: fc.tuple(
      fc.constantFrom<ControlMethod>('mount', 'gc', 'explain', 'views', 'forget', 'hello'),
      mutatedJson(messages.map(({ params }) => (Array.isArray(params) ? params[0] : {}))),
    ),
    check: ([method, value]) => {
      try {
        parseControlParams(method, value);
      } catch (error) {
        expect(error).toMatchObject({ name: 'XcacheError', code: 'XC_USAGE' });
      }
    },
  });
});

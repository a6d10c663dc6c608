import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ControlServer } from '../../src/service/control/control-server.js';
import type {
  SessionSummary,
  StatusResult,
  UnitRow,
  UnitsResult,
} from '../../src/service/control/protocol.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';
import { serveMethods } from './command-line.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const savedHome = process.env['XCACHE_HOME'];

let directory: TempDirectory;
let server: ControlServer | undefined;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = await createTempDirectory();
  process.env['XCACHE_HOME'] = join(directory.path, 'home');
});

afterEach(async () => {
  // Only where a test has failed is one left.
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await server?.close();
  server = undefined;
  if (savedHome === undefined) delete process.env['XCACHE_HOME'];
  else process.env['XCACHE_HOME'] = savedHome;
  await directory[Symbol.asyncDispose]();
});

/** More than 10 MB as JSON. */
const manyUnits: readonly UnitRow[] = Array.from({ length: 40_000 }, (_, index) => ({
  id: `unit-${index}`,
  package: `package-${index % 97}`,
  kind: 'library',
  profile: 'dev',
  unitHash: index.toString(16).padStart(16, '0'),
  sizeBytes: index,
  buildMs: 1,
  createdMs: 1,
  lastUsedMs: 1,
  attachedViews: 1,
}));

const emptyStatus: StatusResult = {
  version: 1,
  pid: 42,
  startedMs: 0,
  storeDirectory: '/store',
  views: [],
  pendingUnits: 0,
  promotionPaused: undefined,
};

const summary: SessionSummary = {
  version: 1,
  pid: 43,
  startedMs: 0,
  endedMs: 1,
  directory: '/ws/target',
  workspace: '/ws',
  profiles: ['debug'],
  served: 1,
  compiled: 1,
  promoted: 1,
  keptPrivate: 0,
  savedMs: 1,
  sharedBytes: 0,
};

function xcache(
  argv: readonly string[],
  stdout: number | 'pipe' = 'pipe',
): ChildProcess & { readonly stderr: NonNullable<ChildProcess['stderr']> } {
  const child = spawn(process.execPath, [main, ...argv], {
    cwd: '/',
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', stdout, 'pipe'],
  });
  children.push(child);
  return child as ChildProcess & { readonly stderr: NonNullable<ChildProcess['stderr']> };
}

function stdoutOf(child: ChildProcess): NonNullable<ChildProcess['stdout']> {
  if (child.stdout === null) throw new Error('stdout is no pipe');
  return child.stdout;
}

async function serveUnits(units: readonly UnitRow[]): Promise<void> {
  server = await serveMethods({
    units: () => Promise.resolve({ version: 1, units, rejected: [] }),
  });
}

describe('results', () => {
  test('arrive whole at a reader that is slow', async () => {
    await serveUnits(manyUnits);
    const child = xcache(['units', '--json']);
    const exited = once(child, 'exit');
    const messages = text(child.stderr);
    const chunks: Buffer[] = [];
    for await (const chunk of stdoutOf(child) as AsyncIterable<Buffer>) {
      // The writer meets a full pipe again and again.
      if (chunks.length % 16 === 0) await delay(2);
      chunks.push(chunk);
    }
    expect(await exited).toEqual([0, null]);
    expect(await messages).toBe('');
    const whole = Buffer.concat(chunks).toString();
    expect(whole.length).toBeGreaterThan(10 << 20);
    expect((JSON.parse(whole) as UnitsResult).units).toHaveLength(manyUnits.length);
  });

  test('end silently with a reader that takes a part of them and leaves', async () => {
    await serveUnits(manyUnits);
    const child = xcache(['units', '--json']);
    const messages = text(child.stderr);
    const stdout = stdoutOf(child);
    await once(stdout, 'data');
    stdout.destroy();
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await messages).toBe('');
  });

  test('that have no room are a failure that is told', async () => {
    await serveUnits(manyUnits.slice(0, 100));
    const full = openSync('/dev/full', 'w');
    const child = xcache(['units'], full);
    closeSync(full);
    const messages = text(child.stderr);
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(await messages).toMatch(/^xcache: the results cannot be written: ENOSPC[^\n]*\n$/);
  });
});

describe('messages', () => {
  test('arrive whole, too', async () => {
    const message = 'x'.repeat(2 << 20);
    server = await serveMethods({ units: () => Promise.reject(new Error(message)) });
    const child = xcache(['units', '--json']);
    stdoutOf(child).resume();
    await delay(100);
    const whole = await text(child.stderr);
    const { error } = JSON.parse(whole) as { error: { message: string } };
    expect(error.message).toBe(message);
  });
});

describe('a command that goes on printing', () => {
  test('ends with its reader', async () => {
    let tell: ((summary: SessionSummary) => void) | undefined;
    server = await serveMethods({
      status: () => Promise.resolve(emptyStatus),
      watch: async (_params, { session, signal }) => {
        tell = session;
        await once(signal, 'abort');
        return { version: 1 };
      },
    });
    const child = xcache(['status', '--watch', '--json']);
    const exited = once(child, 'exit');
    await once(child.stderr, 'data');
    stdoutOf(child).destroy();
    tell?.(summary);
    expect(await exited).toEqual([0, null]);
  });
});

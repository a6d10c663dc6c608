import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ControlHandlers, ControlServer } from '../../src/service/control/control-server.js';
import type { GcResult, ViewRow } from '../../src/service/control/protocol.js';
import { runOnTerminal as run, serveMethods } from './command-line.js';
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

async function serve(handlers: Partial<ControlHandlers>): Promise<void> {
  server = await serveMethods(handlers);
}

const collected: GcResult = {
  version: 1,
  dryRun: false,
  removedUnits: 1,
  removedBlobs: 2,
  freedBytes: 1024,
  keptBytes: 2048,
  age: { units: 1, bytes: 1024 },
  size: { units: 0, bytes: 0 },
  orphans: { blobs: 0, freedBytes: 0 },
  views: [],
  limits: { maxSizeBytes: 4096, maxAgeMs: null },
};

function viewRow(id: string, workspace: string, more: Partial<ViewRow> = {}): ViewRow {
  return {
    view: id.repeat(16),
    directory: `${workspace}/target`,
    workspace,
    driver: 'direct',
    state: 'unmounted',
    createdMs: 0,
    lastUsedMs: 0,
    ownBytes: 2048,
    servedUnits: 3,
    servedBytes: 4096,
    missingSinceMs: null,
    ...more,
  };
}

/** A service that has these views, and the ids that it was told to forget. */
async function serveViews(views: readonly ViewRow[]): Promise<readonly string[]> {
  const forgotten: string[] = [];
  await serve({
    views: (params) =>
      Promise.resolve({
        version: 1,
        views: views.filter(({ view }) => params.view === undefined || params.view === view),
      }),
    forget: ({ view }) => {
      forgotten.push(view);
      return Promise.resolve({ version: 1, view, directory: '/ws/target', freedBytes: 2048 });
    },
  });
  return forgotten;
}

test('gc passes sizes and ages on as numbers', async () => {
  const asked: unknown[] = [];
  await serve({
    gc: (params) => {
      asked.push(params);
      return Promise.resolve({ ...collected, dryRun: params.dryRun });
    },
  });
  await run(['gc', '--max-size', '1K', '--max-age', '1d', '-n']);
  const { out } = await run(['gc']);
  expect(out).toBe('removed 1 unit and 2 blobs: 1.0 KiB freed, 2.0 KiB kept');
  expect(asked).toEqual([
    { dryRun: true, maxSizeBytes: 1024, maxAgeMs: 86_400_000 },
    { dryRun: false },
  ]);
});

test('gc --dry-run tells what would go, and why', async () => {
  const views = [
    { view: 'v', directory: '/gone/target', reason: 'workspace-gone', bytes: 512 } as const,
  ];
  await serve({ gc: () => Promise.resolve({ ...collected, dryRun: true, views }) });
  expect((await run(['gc', '-n'])).out.split('\n')).toEqual([
    'size           0 B  0 units because of the budget of 4.0 KiB',
    'orphans        0 B  0 blobs of no unit',
    'views        512 B  1 view nobody comes back to',
    'would remove the view of /gone/target (512 B): its workspace is gone',
    'would remove 1 unit and 2 blobs: 1.0 KiB to free, 2.0 KiB kept',
  ]);
});

test('views lists them with what they take, and says so where that is not known', async () => {
  await serveViews([viewRow('a', '/ws'), viewRow('b', '/other', { ownBytes: null })]);
  const lines = (await run(['views'])).out.split('\n');
  expect(lines[1]).toMatch(/^a{16}\s+\/ws\s+unmounted\s+direct\s+2\.0 KiB\s+4\.0 KiB/);
  expect(lines[2]).toMatch(/^b{16}\s+\/other\s+unmounted\s+direct\s+\?\s+4\.0 KiB/);
  expect(lines.at(-1)).toBe('2 views, 2.0 KiB of their own');
  expect(lines.join()).not.toContain('/ws/target');
  const json = JSON.parse((await run(['views', '--json'])).out) as { version: number };
  expect(json.version).toBe(1);
});

test('views tells several of one workspace apart by their build-dirs', async () => {
  await serveViews([
    viewRow('a', '/ws'),
    viewRow('b', '/ws', { directory: '/mnt/ws/@build', state: 'mounted' }),
  ]);
  const { out } = await run(['views']);
  expect(out).toMatch(/^a{16}\s+\/ws\/target\s+unmounted/m);
  expect(out).toMatch(/^b{16}\s+\/mnt\/ws\/@build\s+mounted/m);
});

test('forget takes a workspace, its build-dir, or an id', async () => {
  const workspace = join(directory.path, 'ws');
  await mkdir(workspace);
  const forgotten = await serveViews([viewRow('a', workspace), viewRow('b', '/other')]);
  for (const name of [workspace, `${workspace}/target`, 'a'.repeat(16)]) {
    expect((await run(['forget', name, '--yes'])).code).toBe(0);
  }
  expect(forgotten).toEqual(['a', 'a', 'a'].map((id) => id.repeat(16)));
});

test('forget asks first, and does nothing without a yes', async () => {
  const forgotten = await serveViews([viewRow('a', '/ws')]);
  const refused = await run(['forget', '/ws'], false);
  expect(refused).toMatchObject({ code: 1, asked: ['remove the view of /ws/target (2.0 KiB)?'] });
  expect(forgotten).toEqual([]);
  expect((await run(['forget', '/ws'], true)).code).toBe(0);
  expect(forgotten).toHaveLength(1);
});

test('forget wants --yes where nobody can be asked', async () => {
  const forgotten = await serveViews([viewRow('a', '/ws')]);
  const { code, err } = await run(['forget', '/ws']);
  expect(code).toBe(2);
  expect(err).toContain('--yes');
  expect(forgotten).toEqual([]);
});

test('forget names what is wrong: no view, or several', async () => {
  const twice = [viewRow('a', '/ws'), viewRow('b', '/ws', { directory: '/mnt/ws/@build' })];
  const forgotten = await serveViews(twice);
  const none = await run(['forget', '/nowhere', '--yes']);
  expect(none.code).toBe(1);
  expect(none.err).toContain('/nowhere has no view');
  const several = await run(['forget', '/ws', '--yes']);
  expect(several.code).toBe(2);
  expect(several.err).toContain('/mnt/ws/@build');
  expect(forgotten).toEqual([]);
});

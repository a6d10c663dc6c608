import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLogger } from '../../src/base/log.js';
import type { VirtualPath } from '../../src/base/byte-string.js';
import { openOverlay } from '../../src/fs/overlay.js';
import { openRejections } from '../../src/units/rejections.js';
import { UnitVerification } from '../../src/units/unit-verification.js';
import { DecisionLog } from '../../src/units/decisions.js';
import { HostFiles } from '../../src/host/host-files.js';
import { Housekeeping } from '../../src/service/housekeeping/housekeeping.js';
import { InputVerifier } from '../../src/units/input-verifier.js';
import type { GcResult } from '../../src/service/control/protocol.js';
import { SessionLedger } from '../../src/views/session-summary.js';
import { ToolchainProbe } from '../../src/host/toolchain.js';
import {
  saveViewRecord,
  viewDirectory,
  type ViewDirectory,
} from '../../src/views/view-directory.js';
import { Views } from '../../src/views/views.js';
import { openStore, type Store } from '../../src/store/store.js';
import { storeUnit } from '../store/store-world.js';
import { createTempDirectory } from '../support/tmp.js';

const dayMs = 24 * 3_600_000;
const log = createLogger({ level: 'silent' });

interface World extends AsyncDisposable {
  readonly path: string;
  readonly store: Store;
  readonly viewsDirectory: string;
  readonly housekeeping: Housekeeping;
  /** How often clean-up by itself has made room. */
  readonly cleaned: { count: number; next: () => void };
  collect(params?: {
    readonly dryRun?: boolean;
    readonly maxSizeBytes?: number;
  }): Promise<GcResult>;
}

async function createWorld(): Promise<World> {
  const root = await createTempDirectory();
  const viewsDirectory = join(root.path, 'views');
  const storeDirectory = join(root.path, 'store');
  await mkdir(viewsDirectory);
  // Somebody else's project: the directory above the workspaces is not empty.
  await mkdir(join(root.path, 'code', 'other'), { recursive: true });
  const clock = { hasMoved: 0 };
  const store = await openStore({
    directory: storeDirectory,
    log,
    // Later than any blob's own hour of grace.
    clock: () => Date.now() + 2 * 3_600_000 * clock.hasMoved,
  });
  const host = new HostFiles(() => []);
  const rejections = await openRejections(join(storeDirectory, 'rejected.json'));
  const views = new Views(viewsDirectory, {
    store,
    stateDirectory: root.path,
    blobsDirectory: store.parts.paths.blobs,
    reader: { files: host, toolchains: new ToolchainProbe(host) },
    inputs: new InputVerifier(host, store),
    host,
    rejections,
    verification: new UnitVerification(store, rejections),
    verifySample: 0,
    damaged: () => undefined,
    decisions: new DecisionLog(),
    sessions: new SessionLedger({ isRunning: () => false, ended: () => undefined }),
    log,
    isPaused: () => false,
    pause: () => undefined,
    lost: () => undefined,
    emptied: () => undefined,
  });
  const cleaned = { count: 0, next: (): void => undefined };
  const housekeeping = new Housekeeping({
    store,
    views,
    viewsDirectory,
    storeDirectory,
    log,
    limits: { isAutomatic: true, maxSizeBytes: 1 },
    cleaned: () => {
      cleaned.count += 1;
      cleaned.next();
    },
  });
  const never = new AbortController().signal;
  return {
    path: root.path,
    store,
    viewsDirectory,
    housekeeping,
    cleaned,
    collect: async (params = {}) => {
      clock.hasMoved = 1;
      return await housekeeping.collect(
        { dryRun: false, ...params },
        { progress: () => undefined, signal: never },
      );
    },
    async [Symbol.asyncDispose]() {
      await housekeeping.stop();
      await store.close();
      await root[Symbol.asyncDispose]();
    },
  };
}

/** A view that is not mounted, of the workspace `code/<name>`. */
async function addView(
  world: World,
  name: string,
  more: { readonly isMounted?: boolean } = {},
): Promise<ViewDirectory> {
  const workspace = join(world.path, 'code', name);
  await mkdir(workspace, { recursive: true });
  const view = viewDirectory(world.viewsDirectory, join(workspace, 'target'));
  await saveViewRecord(view, {
    version: 1,
    mountPoint: join(workspace, 'target'),
    driver: 'direct',
    mode: 'fast',
    isMounted: false,
    createdMs: 1,
    ...more,
  });
  await writeFile(join(view.upperDirectory, 'mine'), 'mine');
  return view;
}

/** Lets the view's journal name a blob that nothing else names. */
async function attachBlob(world: World, view: ViewDirectory, text: string): Promise<string> {
  const digest = await world.store.putBytes(Buffer.from(text));
  const overlay = openOverlay({
    upperDirectory: view.upperDirectory,
    journalPath: view.journalPath,
    lower: {
      isVolatile: () => false,
      resolve: () => [],
      backingPath: (blob) => world.store.blobPath(blob as typeof digest),
    },
    observer: {
      attached: () => undefined,
      changed: () => undefined,
      attributesChanged: () => undefined,
      removed: () => undefined,
      appeared: () => undefined,
      detached: () => undefined,
      rootEmptied: () => undefined,
    },
  });
  overlay.attach([
    {
      id: 'unit',
      requires: [],
      entries: [
        {
          kind: 'file',
          path: 'debug/deps/x' as VirtualPath,
          mode: 0o644,
          mtimeNs: 1n,
          extent: { digest, offset: 0, sizeBytes: text.length },
        },
      ],
    },
  ]);
  overlay.close();
  return world.store.blobPath(digest);
}

async function mark(view: ViewDirectory, sinceMs: number, sightings: number): Promise<void> {
  await writeFile(join(view.directory, 'missing.json'), JSON.stringify({ sinceMs, sightings }));
}

test('a view goes when its workspace is gone for a week and was looked for often enough', async () => {
  await using world = await createWorld();
  const [young, unsure, old, present] = await Promise.all(
    ['young', 'unsure', 'old', 'present'].map(async (name) => await addView(world, name)),
  );
  if (!young || !unsure || !old || !present) throw new Error('no views');
  for (const name of ['young', 'unsure', 'old']) {
    await rm(join(world.path, 'code', name), { recursive: true });
  }
  await mark(young, Date.now() - 6 * dayMs, 100);
  await mark(unsure, Date.now() - 60 * dayMs, 2);
  await mark(old, Date.now() - 8 * dayMs, 3);
  await mark(present, Date.now() - 8 * dayMs, 3);
  const plan = await world.collect({ dryRun: true });
  expect(plan.views.map(({ view, reason }) => [view, reason])).toEqual([
    [old.id, 'workspace-gone'],
  ]);
  expect(await readdir(world.viewsDirectory)).toHaveLength(4);
  expect((await world.collect()).views).toEqual(plan.views);
  const { views } = await world.housekeeping.list({ withSizes: false });
  const missing = new Map(views.map(({ view, missingSinceMs }) => [view, missingSinceMs]));
  expect(missing.get(present.id)).toBeNull();
  expect(missing.get(young.id)).toBeLessThan(Date.now() - 5 * dayMs);
  expect((await readdir(world.viewsDirectory)).sort()).toEqual(
    [young.id, unsure.id, present.id].sort(),
  );
});

test('a disk that is not mounted takes no view with it', async () => {
  await using world = await createWorld();
  const view = await addView(world, 'disk/workspace');
  await mark(view, Date.now() - 60 * dayMs, 100);
  // What an unmounted disk leaves: an empty mount point, or none.
  await rm(join(world.path, 'code', 'disk', 'workspace'), { recursive: true });
  expect((await world.collect()).views).toEqual([]);
  await rm(join(world.path, 'code', 'disk'), { recursive: true });
  expect((await world.collect()).views).toEqual([]);
  expect(await readdir(world.viewsDirectory)).toEqual([view.id]);
});

test('what was set aside is protected by its journal for a month, and then goes', async () => {
  await using world = await createWorld();
  const view = await addView(world, 'app');
  const blob = await attachBlob(world, view, 'kept');
  const old = new Date(Date.now() - 2 * dayMs);
  await utimes(join(view.directory, 'journal'), old, old);
  const name = `${view.id}.aside-${Date.now() - 29 * dayMs}`;
  await rename(view.directory, join(world.viewsDirectory, name));
  const orphan = world.store.blobPath(await world.store.putBytes(Buffer.from('of nobody')));
  await world.collect({ maxSizeBytes: 0 });
  await expect(stat(orphan)).rejects.toMatchObject({ code: 'ENOENT' });
  expect((await stat(blob)).size).toBe(4);
  expect(world.store.views()).toEqual([name]);
  const journal = await stat(join(world.viewsDirectory, name, 'journal'));
  expect(Math.round(journal.mtimeMs)).toBe(old.getTime());
  const aged = `${view.id}.aside-${Date.now() - 31 * dayMs}`;
  await rename(join(world.viewsDirectory, name), join(world.viewsDirectory, aged));
  expect((await world.collect()).views.map(({ reason }) => reason)).toEqual(['set-aside']);
  expect(await readdir(world.viewsDirectory)).toEqual([]);
});

test('the journal of a view that a killed service had mounted counts, not the index', async () => {
  await using world = await createWorld();
  const view = await addView(world, 'app', { isMounted: true });
  await world.store.setViewReferences(view.id, { manifests: [], blobs: [] });
  const blob = await attachBlob(world, view, 'attached before the kill');
  await world.collect({ maxSizeBytes: 0 });
  expect((await stat(blob)).isFile()).toBe(true);
  expect(world.store.viewManifests(view.id)).toEqual([]);
});

test('a removal that was interrupted is ended, and a new view of the place is left alone', async () => {
  await using world = await createWorld();
  const [gone, again] = [await addView(world, 'gone'), await addView(world, 'again')];
  for (const view of [gone, again]) {
    await world.store.setViewReferences(view.id, { manifests: [], blobs: [] });
    await rename(view.directory, `${view.directory}.removed-1`);
  }
  await addView(world, 'again');
  const { views } = await world.collect();
  expect(views.map(({ reason }) => reason)).toEqual(['interrupted-removal', 'interrupted-removal']);
  expect(await readdir(world.viewsDirectory)).toEqual([again.id]);
  expect(world.store.views()).toEqual([again.id]);
});

test('the list tells what each view takes, without an age for those that are gone', async () => {
  await using world = await createWorld();
  const view = await addView(world, 'app');
  const { views } = await world.housekeeping.list({ withSizes: true });
  expect(views).toHaveLength(1);
  expect(views[0]).toMatchObject({
    view: view.id,
    workspace: join(world.path, 'code', 'app'),
    state: 'unmounted',
    servedUnits: 0,
    missingSinceMs: null,
  });
  expect(views[0]?.ownBytes).toBeGreaterThan(4096);
  const [unmeasured] = (await world.housekeeping.list({ withSizes: false })).views;
  expect(unmeasured?.ownBytes).toBeNull();
});

test('forget removes a view with its references, and knows when there is none', async () => {
  await using world = await createWorld();
  const view = await addView(world, 'app');
  await world.store.setViewReferences(view.id, { manifests: [], blobs: [] });
  const readOnly = join(view.upperDirectory, 'read-only');
  await mkdir(readOnly);
  await writeFile(join(readOnly, 'file'), '');
  expect(await world.housekeeping.forget(view.id)).toMatchObject({ version: 1, view: view.id });
  expect(await readdir(world.viewsDirectory)).toEqual([]);
  expect(world.store.views()).toEqual([]);
  await expect(world.housekeeping.forget(view.id)).rejects.toMatchObject({ code: 'XC_NOT_FOUND' });
});

test('a full disk starts clean-up at once, but not again and again', async () => {
  await using world = await createWorld();
  const kept = await storeUnit(world.store, ['kept']);
  await storeUnit(world.store, ['free']);
  await world.store.setViewReferences('view', { manifests: [kept], blobs: [] });
  const cleaned = new Promise<void>((resolve) => {
    world.cleaned.next = resolve;
  });
  world.housekeeping.makeRoom();
  world.housekeeping.makeRoom();
  await cleaned;
  expect(world.store.stats().units).toBe(1);
  expect(world.store.manifest(kept)).toBeDefined();
  await storeUnit(world.store, ['free']);
  world.housekeeping.makeRoom();
  await world.housekeeping.stop();
  expect(world.cleaned.count).toBe(1);
  expect(world.store.stats().units).toBe(2);
});

/**
 * Collects what no unit names: blobs and manifests that a killed promotion or removal left behind,
 * old quarantine, and rows that only cost space. Work in progress is told from leftovers by leases,
 * and beyond those by age.
 */
import type { Stats } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inputRowsMax, orphanAgeMs, quarantineAgeMs, scanStepFiles } from '../base/limits.js';
import type { DigestDirectory } from './digest-directory.js';
import { loadGcSnapshot, type GcRun } from './gc.js';
import type { GcSnapshot } from './gc-plan.js';
import type { IndexOperation } from './index-db.js';
import type { Digest } from './manifest.js';
import { Pacer } from './pacer.js';
import { removeFreeBlobs } from './removal.js';
import { rowPrefix } from './rows.js';
import type { StoreParts } from './store-parts.js';
import type { Store } from './store.js';

export interface OrphanResult {
  readonly blobs: number;
  readonly manifests: number;
  readonly freedBytes: number;
}

/** Clocks are set and file times are coarse: so much earlier than the opening counts as before it. */
const openingMarginMs = 60_000;

/**
 * Removes unreferenced, unprotected blobs and manifests that are older than an hour or than this
 * opening of the store. Views must have registered their references before.
 */
export async function collectOrphans(store: Store, run: GcRun = {}): Promise<OrphanResult> {
  const { parts } = store;
  const { signal } = run;
  const snapshot = await loadGcSnapshot(store);
  const gone = { blobs: 0, freedBytes: 0 };
  for await (const free of orphanGroups(parts, snapshot, run)) {
    const { blobs, freedBytes } = await parts.queue.run(
      async () => await removeFreeBlobs(parts, free),
    );
    gone.blobs += blobs;
    gone.freedBytes += freedBytes;
  }
  const manifests = await collectManifests(parts, snapshot, signal);
  await emptyQuarantine(parts);
  await forgetOldInputs(parts);
  return { ...gone, manifests };
}

/** What `collectOrphans` would remove now; manifests are not looked for. */
export async function planOrphans(
  store: Store,
  run: GcRun = {},
): Promise<Omit<OrphanResult, 'manifests'>> {
  const { parts } = store;
  let [blobs, freedBytes] = [0, 0];
  for await (const free of orphanGroups(parts, await loadGcSnapshot(store), run)) {
    for (const digest of free) {
      blobs += 1;
      freedBytes += ((await parts.blobs.lstat(digest))?.blocks ?? 0) * 512;
    }
  }
  return { blobs, freedBytes };
}

async function* orphanGroups(
  parts: StoreParts,
  snapshot: GcSnapshot,
  { onProgress, signal, pacer = new Pacer() }: GcRun,
): AsyncGenerator<readonly Digest[]> {
  let done = 0;
  for await (const group of groupsOf(parts.blobs)) {
    if (signal?.aborted === true) return;
    const free = await filterOrphanBlobs(parts, snapshot, group);
    if (free.length > 0) yield free;
    done += group.length;
    onProgress?.({ phase: 'orphans', done, total: Math.max(done, snapshot.blobBytes.size) });
    await pacer.rest();
  }
}

/** Those of the blobs that nothing needs, as far as can be told now. */
export async function filterOrphanBlobs(
  parts: StoreParts,
  snapshot: Pick<GcSnapshot, 'blobBytes'>,
  digests: readonly Digest[],
): Promise<Digest[]> {
  const free: Digest[] = [];
  for (const digest of digests) {
    // The snapshot too, for a row of the index can be damaged after it was taken.
    if (snapshot.blobBytes.has(digest) || parts.index.blob(digest) !== undefined) continue;
    if (parts.protections.isProtected(digest)) continue;
    const stats = await parts.blobs.lstat(digest);
    if (stats !== undefined && isLeftover(parts, stats)) free.push(digest);
  }
  return free;
}

/**
 * Whether a file is too old to belong to work in progress. The change time counts: renaming a file
 * into the store sets it, while the modification time may be of any age.
 */
export function isLeftover(
  parts: Pick<StoreParts, 'clock' | 'openedMs'>,
  stats: Pick<Stats, 'ctimeMs'>,
): boolean {
  return (
    stats.ctimeMs < parts.clock() - orphanAgeMs || stats.ctimeMs < parts.openedMs - openingMarginMs
  );
}

/** The digests in a directory, a few at a time. */
export async function* groupsOf(directory: DigestDirectory): AsyncGenerator<Digest[]> {
  let group: Digest[] = [];
  for await (const { digest } of directory.files()) {
    if (digest === undefined) continue;
    group.push(digest);
    if (group.length < scanStepFiles) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

async function collectManifests(
  parts: StoreParts,
  snapshot: GcSnapshot,
  signal: AbortSignal | undefined,
): Promise<number> {
  const known = new Set(snapshot.units.map(({ digest }) => digest));
  let count = 0;
  for await (const group of groupsOf(parts.manifests)) {
    if (signal?.aborted === true) break;
    const strangers = group.filter((digest) => !known.has(digest));
    if (strangers.length === 0) continue;
    await parts.queue.run(async () => {
      for (const digest of strangers) {
        if (parts.index.unit(digest) !== undefined) continue;
        const stats = await parts.manifests.lstat(digest);
        if (stats === undefined || !isLeftover(parts, stats)) continue;
        if (await parts.manifests.remove(digest)) count += 1;
      }
    });
  }
  return count;
}

async function emptyQuarantine(parts: StoreParts): Promise<void> {
  const { quarantine } = parts.paths;
  for (const name of await readdir(quarantine)) {
    const path = join(quarantine, name);
    const { ctimeMs } = await lstat(path);
    if (ctimeMs < parts.clock() - quarantineAgeMs) await rm(path, { recursive: true, force: true });
  }
}

/** Keeps the most recent input digests; the others cost one hash when they are needed again. */
async function forgetOldInputs(parts: StoreParts): Promise<void> {
  const seen: { readonly path: string; readonly seenMs: number }[] = [];
  for await (const [path, row] of parts.index.rows('input')) {
    seen.push({ path, seenMs: row.seenMs });
  }
  if (seen.length <= inputRowsMax) return;
  seen.sort((one, other) => other.seenMs - one.seenMs);
  const operations = seen
    .slice(inputRowsMax >> 1)
    .map(({ path }): IndexOperation => ({ type: 'del', key: rowPrefix.input + path }));
  await parts.index.db.write(operations, false);
}

/**
 * Clean-up in two steps: `planGc` (gc-plan.ts) decides over a snapshot and touches nothing,
 * `executeGc` removes unit by unit, asking again for each whether it is protected by then.
 */
import { gcStepUnits } from '../base/limits.js';
import { countBlobs, type GcPlan, type GcSnapshot, type GcUnit } from './gc-plan.js';
import type { Digest } from './manifest.js';
import { Pacer } from './pacer.js';
import { rebuildIndex } from './rebuild.js';
import { removeUnits } from './removal.js';
import { IndexDamagedError } from './index-db.js';
import type { StoreParts } from './store-parts.js';
import type { Store } from './store.js';
import { noTotals, toggleSetHash } from './unit-rows.js';

export interface GcOutcome {
  readonly removedUnits: number;
  readonly removedBlobs: number;
  readonly freedBytes: number;
  /** What blobs and manifests take afterwards. */
  readonly keptBytes: number;
}

/** Called between the steps of long work. */
export type OnProgress = (progress: {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
}) => void;

/**
 * Reads all units. The reference counts are compared with the units on the way; where they differ
 * the index is rebuilt first, because clean-up trusts them.
 */
export async function loadGcSnapshot(store: Store): Promise<GcSnapshot> {
  const { parts } = store;
  return await parts.queue.run(async () => {
    const first = await readSnapshotUnlessDamaged(parts);
    if (first !== undefined) return first;
    await rebuildIndex(parts, 'its reference counts are wrong');
    const second = await readSnapshot(parts);
    if (second === undefined) throw new Error('the index is inconsistent after a rebuild');
    return second;
  });
}

async function readSnapshotUnlessDamaged(parts: StoreParts): Promise<GcSnapshot | undefined> {
  try {
    return await readSnapshot(parts);
  } catch (error) {
    if (error instanceof IndexDamagedError) return undefined;
    throw error;
  }
}

/** How a collection runs; all may be left out. */
export interface GcRun {
  readonly onProgress?: OnProgress;
  /** Ends it early, between two steps. */
  readonly signal?: AbortSignal;
  readonly pacer?: Pacer;
}

/**
 * Removes what was planned, a few units at a time, so that builds find the store between the steps.
 * Units that were taken into use meanwhile stay.
 */
export async function executeGc(store: Store, plan: GcPlan, run: GcRun = {}): Promise<GcOutcome> {
  const { parts } = store;
  const { onProgress, signal, pacer = new Pacer() } = run;
  let [removedUnits, removedBlobs, freedBytes] = [0, 0, 0];
  for (let at = 0; at < plan.remove.length; at += gcStepUnits) {
    if (signal?.aborted === true) break;
    const digests = plan.remove.slice(at, at + gcStepUnits).map(({ digest }) => digest);
    const gone = await parts.queue.run(async () => await removeUnits(parts, digests));
    removedUnits += gone.units.length;
    removedBlobs += gone.blobs;
    freedBytes += gone.freedBytes;
    onProgress?.({ phase: 'gc', done: at + digests.length, total: plan.remove.length });
    await pacer.rest();
  }
  return { removedUnits, removedBlobs, freedBytes, keptBytes: store.stats().physicalBytes };
}

/**
 * The units and blobs of the index; undefined where its rows do not agree with each other. Never
 * rests, only gives way: units that are to be stored wait for the end of it.
 */
async function readSnapshot(parts: StoreParts): Promise<GcSnapshot | undefined> {
  const { index, deferred, protections } = parts;
  const pacer = new Pacer();
  const units: GcUnit[] = [];
  const references = new Map<Digest, number>();
  let setHash = noTotals.setHash;
  for await (const [name, row] of index.rows('unit')) {
    const digest = name as Digest;
    setHash = toggleSetHash(setHash, digest);
    const unit = {
      digest,
      lastUsedMs: Math.max(row.createdMs, deferred.lastUse(digest) ?? 0),
      allocatedBytes: row.allocatedBytes,
      blobs: row.blobs,
      isProtected: protections.isProtected(digest),
    };
    units.push(unit);
    countBlobs(references, unit);
    if (pacer.isDue) await pacer.rest();
  }
  if (index.totals.units !== units.length || index.totals.setHash !== setHash) return undefined;
  const blobBytes = new Map<Digest, number>();
  for await (const [name, row] of index.rows('blob')) {
    const digest = name as Digest;
    if (references.get(digest) !== row.references) return undefined;
    blobBytes.set(digest, row.allocatedBytes);
    if (pacer.isDue) await pacer.rest();
  }
  return blobBytes.size === references.size ? { units, blobBytes } : undefined;
}

/**
 * Clean-up in two steps: `planGc` decides over a snapshot and touches nothing, `executeGc` removes
 * unit by unit, asking again for each whether it is protected by then.
 */
import { gcStepUnits } from '../base/limits.js';
import type { Digest } from './manifest.js';
import { rebuildIndex } from './rebuild.js';
import { removeUnits } from './removal.js';
import type { StoreParts } from './store-parts.js';
import type { Store } from './store.js';
import { noTotals, toggleSetHash } from './unit-rows.js';

/** One unit as clean-up sees it. */
export interface GcUnit {
  readonly digest: Digest;
  readonly lastUsedMs: number;
  /** What its manifest takes on disk. */
  readonly allocatedBytes: number;
  readonly blobs: readonly Digest[];
  /** Leased, or attached to a view. */
  readonly isProtected: boolean;
}

/** The store at one moment. */
export interface GcSnapshot {
  readonly units: readonly GcUnit[];
  /** What each referenced blob takes on disk. */
  readonly blobBytes: ReadonlyMap<Digest, number>;
}

export interface GcLimits {
  readonly nowMs: number;
  /** Above this, least recently used units go … */
  readonly maxSizeBytes?: number;
  /** … until this is reached; `maxSizeBytes` unless given. */
  readonly targetSizeBytes?: number;
  /** Units that were not used for longer go. */
  readonly maxAgeMs?: number;
}

export interface GcPlan {
  /** Least recently used first. */
  readonly remove: readonly { readonly digest: Digest; readonly reason: 'age' | 'size' }[];
  readonly removedBlobs: number;
  readonly freedBytes: number;
  readonly keptBytes: number;
}

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
    const first = await readSnapshot(parts);
    if (first !== undefined) return first;
    await rebuildIndex(parts, 'its reference counts are wrong');
    const second = await readSnapshot(parts);
    if (second === undefined) throw new Error('the index is inconsistent after a rebuild');
    return second;
  });
}

/** What goes: first by age, then by size, never what is protected. */
export function planGc(snapshot: GcSnapshot, limits: GcLimits): GcPlan {
  const references = countReferences(snapshot.units);
  let keptBytes = 0;
  for (const bytes of snapshot.blobBytes.values()) keptBytes += bytes;
  for (const unit of snapshot.units) keptBytes += unit.allocatedBytes;
  const totalBytes = keptBytes;
  const remove: { digest: Digest; reason: 'age' | 'size' }[] = [];
  let removedBlobs = 0;
  const drop = (unit: GcUnit, reason: 'age' | 'size'): void => {
    remove.push({ digest: unit.digest, reason });
    keptBytes -= unit.allocatedBytes;
    for (const blob of unit.blobs) {
      const left = (references.get(blob) ?? 0) - 1;
      references.set(blob, left);
      if (left > 0) continue;
      removedBlobs += 1;
      keptBytes -= snapshot.blobBytes.get(blob) ?? 0;
    }
  };
  const { maxAgeMs = Infinity, maxSizeBytes = Infinity } = limits;
  const targetBytes = Math.min(limits.targetSizeBytes ?? maxSizeBytes, maxSizeBytes);
  const candidates = snapshot.units.filter((unit) => !unit.isProtected).sort(byLastUse);
  const isTooOld = (unit: GcUnit): boolean => limits.nowMs - unit.lastUsedMs > maxAgeMs;
  for (const unit of candidates) if (isTooOld(unit)) drop(unit, 'age');
  if (keptBytes > maxSizeBytes) {
    for (const unit of candidates) {
      if (keptBytes <= targetBytes) break;
      if (!isTooOld(unit)) drop(unit, 'size');
    }
  }
  return { remove, removedBlobs, freedBytes: totalBytes - keptBytes, keptBytes };
}

/**
 * Removes what was planned, a few units at a time, so that builds find the store between the steps.
 * Units that were taken into use meanwhile stay. Stops early where `signal` is aborted.
 */
export async function executeGc(
  store: Store,
  plan: GcPlan,
  onProgress: OnProgress = () => undefined,
  signal?: AbortSignal,
): Promise<GcOutcome> {
  const { parts } = store;
  let [removedUnits, removedBlobs, freedBytes] = [0, 0, 0];
  for (let at = 0; at < plan.remove.length; at += gcStepUnits) {
    if (signal?.aborted === true) break;
    const digests = plan.remove.slice(at, at + gcStepUnits).map(({ digest }) => digest);
    const gone = await parts.queue.run(async () => await removeUnits(parts, digests));
    removedUnits += gone.units.length;
    removedBlobs += gone.blobs;
    freedBytes += gone.freedBytes;
    onProgress({ phase: 'gc', done: at + digests.length, total: plan.remove.length });
    await yieldToEventLoop();
  }
  return { removedUnits, removedBlobs, freedBytes, keptBytes: store.stats().physicalBytes };
}

/** Lets everything that waits in the event loop run. */
export async function yieldToEventLoop(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The units and blobs of the index; undefined where its rows do not agree with each other. */
async function readSnapshot(parts: StoreParts): Promise<GcSnapshot | undefined> {
  const { index, deferred, protections } = parts;
  const units: GcUnit[] = [];
  let setHash = noTotals.setHash;
  for await (const [name, row] of index.rows('unit')) {
    const digest = name as Digest;
    setHash = toggleSetHash(setHash, digest);
    units.push({
      digest,
      lastUsedMs: Math.max(row.createdMs, deferred.lastUse(digest) ?? 0),
      allocatedBytes: row.allocatedBytes,
      blobs: row.blobs,
      isProtected: protections.isProtected(digest),
    });
  }
  if (index.totals.units !== units.length || index.totals.setHash !== setHash) return undefined;
  const references = countReferences(units);
  const blobBytes = new Map<Digest, number>();
  for await (const [name, row] of index.rows('blob')) {
    const digest = name as Digest;
    if (references.get(digest) !== row.references) return undefined;
    blobBytes.set(digest, row.allocatedBytes);
  }
  return blobBytes.size === references.size ? { units, blobBytes } : undefined;
}

function countReferences(units: readonly GcUnit[]): Map<Digest, number> {
  const references = new Map<Digest, number>();
  for (const { blobs } of units) {
    for (const blob of blobs) references.set(blob, (references.get(blob) ?? 0) + 1);
  }
  return references;
}

function byLastUse(one: GcUnit, other: GcUnit): number {
  return one.lastUsedMs - other.lastUsedMs || (one.digest < other.digest ? -1 : 1);
}

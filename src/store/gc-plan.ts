/** What a collection removes: decided over a snapshot of the store, touching nothing. */
import type { Digest } from './manifest.js';
import { runInSlices, type Pacer } from './pacer.js';

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

/** Units that go for one reason, and what that frees. */
export interface GcShare {
  readonly units: number;
  readonly bytes: number;
}

export interface GcPlan {
  /** Least recently used first, those of age before those of size. */
  readonly remove: readonly { readonly digest: Digest; readonly reason: 'age' | 'size' }[];
  readonly removedBlobs: number;
  readonly freedBytes: number;
  readonly keptBytes: number;
  readonly age: GcShare;
  readonly size: GcShare;
}

/** What goes: first by age, then by size, never what is protected. */
export function planGc(snapshot: GcSnapshot, limits: GcLimits): GcPlan {
  const steps = planSteps(snapshot, limits);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same, giving way to others after every slice. */
export async function planGcInSlices(
  snapshot: GcSnapshot,
  limits: GcLimits,
  pacer: Pacer,
): Promise<GcPlan> {
  return await runInSlices(planSteps(snapshot, limits), pacer);
}

function* planSteps(snapshot: GcSnapshot, limits: GcLimits): Generator<void, GcPlan> {
  const removal = new Removal(snapshot);
  yield* removal.count();
  const totalBytes = removal.keptBytes;
  const { maxAgeMs = Infinity, maxSizeBytes = Infinity } = limits;
  const targetBytes = Math.min(limits.targetSizeBytes ?? maxSizeBytes, maxSizeBytes);
  const candidates = yield* sortSteps(snapshot.units.filter((unit) => !unit.isProtected));
  const isTooOld = (unit: GcUnit): boolean => limits.nowMs - unit.lastUsedMs > maxAgeMs;
  for (const unit of candidates) {
    if (!isTooOld(unit)) break;
    removal.drop(unit, 'age');
    yield;
  }
  const oldUnits = removal.remove.length;
  const ageBytes = totalBytes - removal.keptBytes;
  if (removal.keptBytes > maxSizeBytes) {
    for (const unit of candidates.slice(oldUnits)) {
      if (removal.keptBytes <= targetBytes) break;
      removal.drop(unit, 'size');
      yield;
    }
  }
  const { remove, removedBlobs, keptBytes } = removal;
  const freedBytes = totalBytes - keptBytes;
  const age = { units: oldUnits, bytes: ageBytes };
  const size = { units: remove.length - oldUnits, bytes: freedBytes - ageBytes };
  return { remove, removedBlobs, freedBytes, keptBytes, age, size };
}

/** What is left of the store while one unit after the other is struck off. */
class Removal {
  readonly remove: { digest: Digest; reason: 'age' | 'size' }[] = [];
  removedBlobs = 0;
  keptBytes = 0;
  readonly #snapshot: GcSnapshot;
  readonly #references = new Map<Digest, number>();

  constructor(snapshot: GcSnapshot) {
    this.#snapshot = snapshot;
  }

  *count(): Generator<void, void> {
    for (const unit of this.#snapshot.units) {
      this.keptBytes += unit.allocatedBytes;
      countBlobs(this.#references, unit);
      yield;
    }
    for (const bytes of this.#snapshot.blobBytes.values()) {
      this.keptBytes += bytes;
      yield;
    }
  }

  drop(unit: GcUnit, reason: 'age' | 'size'): void {
    this.remove.push({ digest: unit.digest, reason });
    this.keptBytes -= unit.allocatedBytes;
    for (const blob of unit.blobs) {
      const left = (this.#references.get(blob) ?? 0) - 1;
      this.#references.set(blob, left);
      if (left > 0) continue;
      this.removedBlobs += 1;
      this.keptBytes -= this.#snapshot.blobBytes.get(blob) ?? 0;
    }
  }
}

/** Adds the blobs of a unit to the number of units that name each. */
export function countBlobs(references: Map<Digest, number>, unit: GcUnit): void {
  for (const blob of unit.blobs) references.set(blob, (references.get(blob) ?? 0) + 1);
}

/** Units that are sorted in one go: about a millisecond. */
const runLength = 512;

/** Least recently used first: sorted runs, merged with a step for each unit. */
function* sortSteps(units: readonly GcUnit[]): Generator<void, readonly GcUnit[]> {
  let runs: GcUnit[][] = [];
  for (let at = 0; at < units.length; at += runLength) {
    runs.push(units.slice(at, at + runLength).sort(byLastUse));
    yield;
  }
  while (runs.length > 1) {
    const merged: GcUnit[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(yield* mergeSteps(runs[at] ?? [], runs[at + 1] ?? []));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergeSteps(one: readonly GcUnit[], other: readonly GcUnit[]): Generator<void, GcUnit[]> {
  const merged: GcUnit[] = [];
  let [at, otherAt] = [0, 0];
  for (;;) {
    const [first, second] = [one[at], other[otherAt]];
    if (first === undefined && second === undefined) return merged;
    const isFirst = second === undefined || (first !== undefined && byLastUse(first, second) <= 0);
    if (isFirst && first !== undefined) {
      merged.push(first);
      at += 1;
    } else if (second !== undefined) {
      merged.push(second);
      otherAt += 1;
    }
    yield;
  }
}

function byLastUse(one: GcUnit, other: GcUnit): number {
  return one.lastUsedMs - other.lastUsedMs || (one.digest < other.digest ? -1 : 1);
}

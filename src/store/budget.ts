/** How large the store may grow and how long it keeps what nobody uses. Pure. */
import type { GcLimits } from './gc-plan.js';

const gibibyte = 2 ** 30;

/** Of the file system that the store lies on. */
const diskShare = 0.1;

/** Below this, one large workspace would push out another; above, nobody finds what is that old. */
const sizeBudgetMin = 10 * gibibyte;
const sizeBudgetMax = 100 * gibibyte;

/** Collection goes down to this share of the budget, so that it does not start again at once. */
const lowWaterShare = 0.8;

/** A quarter of a year: a project that rests between two releases finds its units again. */
const ageMaxMs = 90 * 24 * 3_600_000;

/** A build needs room beside the store; the cache gives way before the disk is full. */
const freeShare = 0.05;
const freeMax = 10 * gibibyte;

/** The store gives no more than this for files that are not its own. */
const lastShare = 0.25;

/** The file system of the store, and what the store takes of it, in bytes. */
export interface DiskUse {
  readonly totalBytes: number;
  /** What this user could still write. */
  readonly freeBytes: number;
  readonly storeBytes: number;
}

/** What somebody asked for; the defaults stand in for what is left out. */
export interface BudgetOptions {
  readonly maxSizeBytes?: number;
  readonly maxAgeMs?: number;
  /** False: only what was asked for applies. */
  readonly isAutomatic: boolean;
}

/**
 * The limits of a collection: above `maxSizeBytes` it starts and goes down to `targetSizeBytes`.
 * Sizes that were asked for by hand are met exactly. Where the disk is nearly full, an automatic
 * budget shrinks by what is missing there, to a quarter at most.
 */
export function planBudget(options: BudgetOptions, disk: DiskUse): Omit<GcLimits, 'nowMs'> {
  if (!options.isAutomatic) {
    const { maxSizeBytes, maxAgeMs } = options;
    return {
      ...(maxSizeBytes !== undefined && { maxSizeBytes, targetSizeBytes: maxSizeBytes }),
      ...(maxAgeMs !== undefined && { maxAgeMs }),
    };
  }
  const budgetBytes = options.maxSizeBytes ?? defaultSizeBudget(disk.totalBytes);
  const missingBytes = Math.min(disk.totalBytes * freeShare, freeMax) - disk.freeBytes;
  const affordableBytes = Math.max(disk.storeBytes - missingBytes, budgetBytes * lastShare);
  const maxSizeBytes = Math.round(
    missingBytes > 0 ? Math.min(budgetBytes, affordableBytes) : budgetBytes,
  );
  return {
    maxSizeBytes,
    targetSizeBytes: Math.round(maxSizeBytes * lowWaterShare),
    maxAgeMs: options.maxAgeMs ?? ageMaxMs,
  };
}

/** A tenth of the disk, at least 10 GiB and at most 100. */
function defaultSizeBudget(totalBytes: number): number {
  return Math.min(Math.max(totalBytes * diskShare, sizeBudgetMin), sizeBudgetMax);
}

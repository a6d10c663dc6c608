/**
 * What a store is made of, for the modules of this folder that each do one job on it. Not for use
 * outside: `Store` is the interface.
 */
import type { DeferredRows } from './deferred-rows.js';
import type { DigestDirectory } from './digest-directory.js';
import type { HashPool } from './hash-pool.js';
import type { Protections } from './protections.js';
import type { SerialQueue } from './serial-queue.js';
import type { StepHook } from './step-hook.js';
import type { StorePaths } from './store-directory.js';
import type { StoreLog } from './store-log.js';
import type { UnitIndex } from './unit-index.js';

export interface StoreParts {
  readonly paths: StorePaths;
  readonly blobs: DigestDirectory;
  readonly manifests: DigestDirectory;
  readonly index: UnitIndex;
  readonly deferred: DeferredRows;
  readonly protections: Protections;
  readonly hashing: HashPool;
  /**
   * Guards the set of units and the files behind them: whoever adds or removes either, or relies
   * on their agreement over an `await`, does it in here.
   */
  readonly queue: SerialQueue;
  readonly clock: () => number;
  /** When this store was opened, by `clock`. */
  readonly openedMs: number;
  readonly log: StoreLog;
  readonly step: StepHook;
}

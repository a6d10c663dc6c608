/**
 * Clean-up of everything, by hand (`gc`) and by itself: views that nobody comes back to, units by
 * age and size, and what interrupted work has left. One at a time, in small steps.
 */
import { statfs } from 'node:fs/promises';
import { XcacheError } from '../../base/errors.js';
import { planBudget, type BudgetOptions } from '../../store/budget.js';
import { executeGc, loadGcSnapshot, type GcRun } from '../../store/gc.js';
import { planGcInSlices } from '../../store/gc-plan.js';
import { collectOrphans, planOrphans } from '../../store/orphans.js';
import { Pacer } from '../../store/pacer.js';
import { ViewKeeper, type ViewKeeping } from './housekeeping-views.js';
import { removeView } from './housekeeping-removal.js';
import type { ForgetResult, GcParams, GcResult } from '../control/protocol.js';
import type { Progress } from '../../base/progress.js';
import type { ViewsParams, ViewsResult } from '../../views/view-requests.js';
import { listViews, loadStoredViews, measureViews } from '../../views/view-list.js';

/** Builds after a login come first. */
const firstRunMs = 5 * 60_000;
const intervalMs = 3_600_000;

/** More often there would be nothing to give up. */
const pressedIntervalMs = 10 * 60_000;

export interface HousekeepingOptions extends ViewKeeping {
  readonly storeDirectory: string;
  /** What the user has set; the defaults stand in for what is left out. */
  readonly limits: BudgetOptions;
  /** Called when there may be room again. */
  readonly cleaned: () => void;
}

interface Report {
  readonly progress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #keeper: ViewKeeper;
  /** One run after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  /** Of the run that nobody asked for. */
  #automatic: AbortController | undefined;
  readonly #stopped = new AbortController();
  /** By the monotonic clock: when a run by itself has begun last. */
  #lastRunMs = -Infinity;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    this.#keeper = new ViewKeeper(options);
  }

  /** Runs a few minutes from now, and then every hour. Node's timers do not follow the clock. */
  start(): void {
    if (this.#options.limits.isAutomatic) this.#schedule(firstRunMs);
  }

  /** The disk is full: what the budget gives up is needed now. At most every ten minutes. */
  makeRoom(): void {
    const isSoon = performance.now() - this.#lastRunMs < pressedIntervalMs;
    if (!this.#options.limits.isAutomatic || isSoon || this.#stopped.signal.aborted) return;
    this.#lastRunMs = performance.now();
    this.#schedule(0);
  }

  /** Ends what runs, between two of its steps. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#last;
  }

  /** `gc`: limits that are given stand in place of the automatic ones. */
  async collect(params: GcParams, { progress, signal }: Report): Promise<GcResult> {
    const { maxSizeBytes, maxAgeMs } = params;
    const isByHand = maxSizeBytes !== undefined || maxAgeMs !== undefined;
    const limits: BudgetOptions = isByHand
      ? {
          isAutomatic: false,
          ...(maxSizeBytes !== undefined && { maxSizeBytes }),
          ...(maxAgeMs !== undefined && { maxAgeMs }),
        }
      : { ...this.#options.limits, isAutomatic: true };
    // Whoever waits for an answer does not wait for somebody who has time.
    this.#automatic?.abort();
    const run = {
      onProgress: progress,
      signal: AbortSignal.any([signal, this.#stopped.signal]),
      // A build that runs now is worth more than the wait of whoever made room by hand.
      pacer: new Pacer({ isUnhurried: this.#isBuilding() }),
    };
    return await this.#alone(async () =>
      params.dryRun ? await this.#plan(limits, run) : await this.#execute(limits, run),
    );
  }

  /** `views`: all that lie on the disk. */
  async list(params: ViewsParams): Promise<ViewsResult> {
    return await listViews(this.#options, params);
  }

  /** `forget`: removes one view. Throws `XC_NOT_FOUND`, and `XC_UNMOUNT_BUSY` while it is in use. */
  async forget(id: string): Promise<ForgetResult> {
    const { viewsDirectory } = this.#options;
    const stored = (await loadStoredViews(viewsDirectory)).find(
      ({ kind, files }) => kind !== 'removed' && files.id === id,
    );
    if (stored === undefined) {
      throw new XcacheError('XC_NOT_FOUND', `there is no view ${id}`, {
        hint: 'see which there are: xcache views',
      });
    }
    const bytes = (await measureViews([stored])).get(id) ?? null;
    await removeView(this.#options, stored.files);
    const directory = stored.record?.mountPoint ?? null;
    return { version: 1, view: id, directory, freedBytes: bytes };
  }

  #isBuilding(): boolean {
    return this.#options.views.all().some(({ user }) => user !== undefined);
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    const run = async (): Promise<void> => {
      const automatic = new AbortController();
      this.#automatic = automatic;
      this.#lastRunMs = performance.now();
      const signal = AbortSignal.any([automatic.signal, this.#stopped.signal]);
      try {
        await this.#alone(async () => await this.#runByItself(signal));
      } catch (error) {
        this.#options.log.warn({ err: error }, 'clean-up failed');
      }
      this.#automatic = undefined;
      if (!this.#stopped.signal.aborted) this.#schedule(intervalMs);
    };
    this.#timer = setTimeout(() => void run(), delayMs).unref();
  }

  async #runByItself(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const startedMs = performance.now();
    const pacer = new Pacer({ isUnhurried: true });
    const result = await this.#execute(this.#options.limits, { signal, pacer }, true);
    const { removedUnits, removedBlobs, freedBytes } = result;
    if (removedUnits + removedBlobs + result.views.length === 0) return;
    const tookMs = Math.round(performance.now() - startedMs);
    const views = result.views.length;
    this.#options.log.info({ removedUnits, removedBlobs, freedBytes, views, tookMs }, 'cleaned up');
    this.#options.cleaned();
  }

  async #plan(limits: BudgetOptions, run: GcRun): Promise<GcResult> {
    const { store } = this.#options;
    await this.#keeper.protect();
    const views = await this.#keeper.describe(await this.#keeper.plan({ isLook: false }));
    const applied = await this.#limits(limits);
    const snapshot = await loadGcSnapshot(store);
    const plan = await planGcInSlices(snapshot, applied, new Pacer());
    const orphans = await planOrphans(store, run);
    return {
      version: 1,
      dryRun: true,
      removedUnits: plan.remove.length,
      removedBlobs: plan.removedBlobs + orphans.blobs,
      freedBytes: plan.freedBytes + orphans.freedBytes,
      keptBytes: plan.keptBytes,
      age: plan.age,
      size: plan.size,
      orphans,
      views,
      limits: { maxSizeBytes: applied.maxSizeBytes ?? null, maxAgeMs: applied.maxAgeMs ?? null },
    };
  }

  async #execute(limits: BudgetOptions, run: GcRun, isLook = false): Promise<GcResult> {
    const { store } = this.#options;
    await this.#keeper.protect();
    const gone = await this.#keeper.plan({ isLook });
    const described = new Map((await this.#keeper.describe(gone)).map((row) => [row.view, row]));
    const removed = await this.#keeper.remove(gone, run.signal);
    const views = removed.flatMap(({ files }) => described.get(files.id) ?? []);
    const applied = await this.#limits(limits);
    const pacer = run.pacer ?? new Pacer();
    const plan = await planGcInSlices(await loadGcSnapshot(store), applied, pacer);
    const outcome = await executeGc(store, plan, run);
    const orphans = await collectOrphans(store, run);
    return {
      version: 1,
      dryRun: false,
      removedUnits: outcome.removedUnits,
      removedBlobs: outcome.removedBlobs + orphans.blobs,
      freedBytes: outcome.freedBytes + orphans.freedBytes,
      keptBytes: outcome.keptBytes,
      age: plan.age,
      size: plan.size,
      orphans: { blobs: orphans.blobs, freedBytes: orphans.freedBytes },
      views,
      limits: { maxSizeBytes: applied.maxSizeBytes ?? null, maxAgeMs: applied.maxAgeMs ?? null },
    };
  }

  async #limits(
    limits: BudgetOptions,
  ): Promise<ReturnType<typeof planBudget> & { readonly nowMs: number }> {
    const { store, storeDirectory } = this.#options;
    const { bsize, blocks, bavail } = await statfs(storeDirectory);
    const disk = {
      totalBytes: blocks * bsize,
      freeBytes: bavail * bsize,
      storeBytes: store.stats().physicalBytes,
    };
    return { ...planBudget(limits, disk), nowMs: Date.now() };
  }

  async #alone<T>(action: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(action, action);
    this.#last = mine.catch(() => undefined);
    return await mine;
  }
}

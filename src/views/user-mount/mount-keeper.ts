/**
 * Brings a mount back that was lost: its serving thread failed, somebody detached it or aborted its
 * connection. At a bounded rate, because what ended it may end it again.
 */
import type { Logger } from '../../base/log.js';

/** How often and when a mount was lost since the service started. */
export interface MountLoss {
  readonly count: number;
  readonly lastMs: number;
  /** In words. */
  readonly reason: string;
}

export interface MountKeeperOptions {
  /** Mounts again; throws where that fails. */
  readonly restore: () => Promise<void>;
  /** Called from time to time while mounted: nobody tells of a mount that was detached in use. */
  readonly look: () => void;
  readonly log: Logger;
}

/**
 * Waits before the first, second … attempt, the last for all further ones. The first is long enough
 * for whoever unmounts to come to an end.
 */
const waitsMs = [100, 1_000, 5_000, 15_000, 60_000] as const;

/** A mount that stood this long begins anew with the first wait. */
const soundMs = 60_000;

/** One look reads the table of mounts, about 50 µs. */
const lookMs = 5_000;

export class MountKeeper {
  readonly #options: MountKeeperOptions;
  #restoring: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  #loss: MountLoss | undefined;
  #attempts = 0;
  #mountedAtMs = 0;
  /** Of the latest attempt: the same failure is logged once. */
  #failure: string | undefined;

  constructor(options: MountKeeperOptions) {
    this.#options = options;
  }

  /** Undefined where the mount was never lost. */
  get loss(): MountLoss | undefined {
    return this.#loss;
  }

  /** The mount is there, for the first time or again. */
  mounted(): void {
    this.stop();
    this.#mountedAtMs = performance.now();
    this.#looking = setInterval(() => this.#options.look(), lookMs).unref();
  }

  /** The mount is gone and nobody has asked for that. */
  lost(reason: string): void {
    this.stop();
    this.#loss = { count: (this.#loss?.count ?? 0) + 1, lastMs: Date.now(), reason };
    if (performance.now() - this.#mountedAtMs >= soundMs) this.#attempts = 0;
    this.#failure = undefined;
    this.#schedule();
  }

  /** Nothing more is tried, until the next `mounted` or `lost`. */
  stop(): void {
    clearTimeout(this.#restoring);
    clearInterval(this.#looking);
    this.#restoring = undefined;
    this.#looking = undefined;
  }

  #schedule(): void {
    const waitMs = waitsMs[Math.min(this.#attempts, waitsMs.length - 1)];
    this.#attempts += 1;
    const timer = setTimeout(() => {
      this.#restore(timer).catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'the per-user mount is not tried any more');
      });
    }, waitMs).unref();
    this.#restoring = timer;
  }

  async #restore(timer: NodeJS.Timeout): Promise<void> {
    const { restore, log } = this.#options;
    try {
      await restore();
      log.info(this.#loss, 'the per-user mount is back');
    } catch (error) {
      const failure = String(error);
      if (failure !== this.#failure)
        log.error({ err: error }, 'the per-user mount is not back yet');
      this.#failure = failure;
      // Stopped or mounted by somebody else meanwhile: nothing is left to do.
      if (this.#restoring === timer) this.#schedule();
    }
  }
}

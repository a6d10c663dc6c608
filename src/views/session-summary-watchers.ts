/** Who hears of cargo sessions that have ended: the log, and every command that watches. */
import type { Logger } from '../base/log.js';
import { cargoProcessAt } from '../host/process-tree.js';
import type { SessionSummary } from './session-summary.js';
import { SessionLedger } from './session-summary.js';

type Listener = (summary: SessionSummary) => void;

/** Owned by the service. */
export class SessionWatchers {
  /** Where views note what happens. */
  readonly ledger: SessionLedger;
  readonly #log: Logger;
  readonly #listeners = new Set<Listener>();

  constructor(log: Logger) {
    this.#log = log;
    this.ledger = new SessionLedger({
      isRunning: (pid, startTicks) => cargoProcessAt(pid)?.startTicks === startTicks,
      ended: (summary) => this.#tell(summary),
    });
  }

  /** Calls `listener` for each session that ends from now on, until `signal` is aborted. */
  async watch(listener: Listener, signal: AbortSignal): Promise<{ readonly version: 1 }> {
    if (signal.aborted) return { version: 1 };
    this.#listeners.add(listener);
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#listeners.delete(listener);
    return { version: 1 };
  }

  /** One line in the log, and one message to each watcher. */
  #tell(summary: SessionSummary): void {
    const { version: _version, pid, ...rest } = summary;
    this.#log.info({ cargo: pid, ...rest }, 'a cargo session has ended');
    for (const listener of this.#listeners) listener(summary);
  }
}

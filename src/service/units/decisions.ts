/** The latest decisions of the service, for `xcache explain`: bounded, in memory. */
import type { Decision, ExplainParams } from '../control/protocol.js';

/** Enough for several builds of a large workspace. */
const decisionsMax = 20_000;

export interface RecordedDecision extends Decision {
  /** The cargo session it was made in; promotions of adopted files have none. */
  readonly session: string | undefined;
  readonly unitHash: string | undefined;
  readonly packageName: string | undefined;
}

export class DecisionLog {
  #entries: RecordedDecision[] = [];

  add(decision: RecordedDecision): void {
    this.#entries.push(decision);
    if (this.#entries.length > decisionsMax) this.#entries = this.#entries.slice(decisionsMax / 2);
  }

  /** Oldest first. */
  find(params: ExplainParams): readonly Decision[] {
    const lastSession = this.#entries.findLast((entry) => entry.session !== undefined)?.session;
    return this.#entries
      .filter((entry) => params.last !== true || entry.session === lastSession)
      .filter((entry) => params.unit === undefined || matches(entry, params.unit))
      .map(({ atMs, directory, unit, outcome, reason, message }) => ({
        atMs,
        directory,
        unit,
        outcome,
        reason,
        message,
      }));
  }
}

function matches(entry: RecordedDecision, wanted: string): boolean {
  return (
    entry.packageName === wanted ||
    entry.unitHash === wanted ||
    entry.unit === wanted ||
    `${entry.packageName ?? ''}-${entry.unitHash ?? ''}` === wanted
  );
}

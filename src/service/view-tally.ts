/** Counts and remembers what was decided about the units of one view, for `stats` and `explain`. */
import type { Digest } from '../store/manifest.js';
import type { UnitFacts } from './unit-facts.js';
import type { ViewServices } from './view-services.js';

/** How a decision names its unit. */
export interface DecisionSubject {
  readonly package: string | undefined;
  readonly profilePath: string;
  readonly unitHash: string;
}

/** Why something was decided: a stable word and a sentence. */
export interface DecisionReason {
  readonly reason: string;
  readonly message: string;
}

export class ViewTally {
  readonly #services: Pick<ViewServices, 'store' | 'decisions'>;
  readonly #directory: string;

  /** @param directory the mount point, as decisions show it */
  constructor(services: Pick<ViewServices, 'store' | 'decisions'>, directory: string) {
    this.#services = services;
    this.#directory = directory;
  }

  served(id: string, facts: UnitFacts, session: string): void {
    this.#services.store.addCounters({ served: 1, savedMs: facts.built.durationMs });
    this.#services.store.recordUse([id as Digest], Date.now());
    const why = { reason: 'served', message: 'an equal unit is in the store' };
    this.#add(facts, 'served', why, session);
  }

  missed(subject: DecisionSubject, why: DecisionReason, session: string): void {
    this.#services.store.addCounters({ missed: 1 });
    this.#add(subject, 'missed', why, session);
  }

  promoted(id: string, facts: UnitFacts, wasKnown: boolean, session: string | undefined): void {
    this.#services.store.addCounters({ promoted: 1 });
    this.#services.store.recordUse([id as Digest], Date.now());
    const why = wasKnown
      ? { reason: 'known', message: 'an equal unit was in the store already' }
      : { reason: 'stored', message: 'stored' };
    this.#add(facts, 'promoted', why, session);
  }

  keptPrivate(subject: DecisionSubject, why: DecisionReason, session: string | undefined): void {
    this.#services.store.addCounters({ refused: 1 });
    this.#add(subject, 'refused', why, session);
  }

  #add(
    subject: DecisionSubject,
    outcome: 'served' | 'missed' | 'promoted' | 'refused',
    why: DecisionReason,
    session: string | undefined,
  ): void {
    this.#services.decisions.add({
      atMs: Date.now(),
      directory: this.#directory,
      unit: `${subject.profilePath}/${subject.package ?? '?'}-${subject.unitHash}`,
      outcome,
      reason: why.reason,
      message: why.message,
      session,
      unitHash: subject.unitHash,
      packageName: subject.package,
    });
  }
}

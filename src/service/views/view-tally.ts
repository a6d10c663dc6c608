/** Counts and remembers what was decided about the units of one view, for `stats` and `explain`. */
import { basename, dirname } from 'node:path';
import type { Digest } from '../../store/manifest.js';
import type { SessionEvent, SessionPlace } from './session-summary.js';
import type { UnitFacts } from '../units/unit-facts.js';
import type { VerificationResult } from '../units/unit-verification.js';
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

/** Of a view with a mount of its own the workspace is not known. */
type TallyPlace = Omit<SessionPlace, 'workspace'> & { readonly workspace: string | undefined };

type TallyServices = Pick<ViewServices, 'store' | 'decisions' | 'sessions' | 'isPaused'>;

export class ViewTally {
  readonly #services: TallyServices;
  readonly #place: SessionPlace;

  /** @param place its directory is the mount point, as decisions show it */
  constructor(services: TallyServices, place: TallyPlace) {
    this.#services = services;
    const { directory, workspace = workspaceOf(directory), isSettled } = place;
    this.#place = {
      directory,
      workspace,
      isSettled: () => isSettled() || services.isPaused(),
    };
  }

  served(id: string, facts: UnitFacts, session: string): void {
    const savedMs = facts.built.durationMs;
    this.#services.store.addCounters({ served: 1, savedMs });
    this.#services.store.recordUse([id as Digest], Date.now());
    const why = { reason: 'served', message: 'an equal unit is in the store' };
    this.#add(facts, 'served', why, session);
    const sharedBytes = this.#services.store.unitBytes(id as Digest);
    this.#note(session, facts, { kind: 'served', savedMs, sharedBytes });
  }

  missed(subject: DecisionSubject, why: DecisionReason, session: string): void {
    this.#services.store.addCounters({ missed: 1 });
    this.#add(subject, 'missed', why, session);
    this.#note(session, subject, { kind: 'missed' });
  }

  /** Cargo has written a unit to its end; told before it is decided whether it is stored. */
  compiled(subject: Omit<DecisionSubject, 'package'>, session: string | undefined): void {
    this.#note(session, subject, { kind: 'compiled' });
  }

  promoted(id: string, facts: UnitFacts, wasKnown: boolean, session: string | undefined): void {
    this.#services.store.addCounters({ promoted: 1 });
    this.#services.store.recordUse([id as Digest], Date.now());
    const why = wasKnown
      ? { reason: 'known', message: 'an equal unit was in the store already' }
      : { reason: 'stored', message: 'stored' };
    this.#add(facts, 'promoted', why, session);
    const sharedBytes = wasKnown ? this.#services.store.unitBytes(id as Digest) : 0;
    this.#note(session, facts, { kind: 'promoted', sharedBytes });
  }

  keptPrivate(subject: DecisionSubject, why: DecisionReason, session: string | undefined): void {
    this.#services.store.addCounters({ refused: 1 });
    this.#add(subject, 'refused', why, session);
    this.#note(session, subject, { kind: 'kept-private' });
  }

  /** A unit that could have been served was compiled, and compared with the stored one. */
  verified({ kind, detail, facts }: VerificationResult, session: string | undefined): void {
    const isWrong = kind === 'differs';
    const why = {
      equal: { reason: 'verified', message: 'the stored unit is what cargo builds here' },
      differs: {
        reason: 'stored-unit-differs',
        message: `the stored unit is not what cargo builds here (${detail}); it is rejected`,
      },
      incomparable: { reason: 'not-compared', message: `it could not be compared: ${detail}` },
    }[kind];
    this.#add(facts, isWrong ? 'refused' : 'promoted', why, session);
  }

  #note(
    session: string | undefined,
    subject: Omit<DecisionSubject, 'package'>,
    event: SessionEvent,
  ): void {
    this.#services.sessions.note(session, this.#place, subject, event);
  }

  #add(
    subject: DecisionSubject,
    outcome: 'served' | 'missed' | 'promoted' | 'refused',
    why: DecisionReason,
    session: string | undefined,
  ): void {
    this.#services.decisions.add({
      atMs: Date.now(),
      directory: this.#place.directory,
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

/** The directory above a `target`; any other build-dir stands for itself. */
function workspaceOf(directory: string): string {
  return basename(directory) === 'target' ? dirname(directory) : directory;
}

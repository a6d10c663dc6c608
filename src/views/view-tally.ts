/** Counts and remembers what was decided about the units of one view, for `stats` and `explain`. */
import type { Digest } from '../store/manifest.js';
import type { DecisionReason, DecisionSubject, UnitVerdict } from '../units/decisions.js';
import type { UnitFacts } from '../units/unit-facts.js';
import type { UnitFiles } from '../units/unit-files.js';
import type { VerificationResult } from '../units/unit-verification.js';
import { OwnUnits, type JudgedFiles } from './own-units.js';
import type { SessionEvent, SessionPlace } from './session-summary.js';
import type { ViewServices } from './view-services.js';
import { workspaceOf } from './view-workspace.js';

export type { DecisionReason } from '../units/decisions.js';

/** Of a view with a mount of its own the workspace is not known. */
type TallyPlace = Omit<SessionPlace, 'workspace'> & { readonly workspace: string | undefined };

/** A unit as its path names it. */
type WrittenUnit = Pick<DecisionSubject, 'profilePath' | 'unitHash'> & {
  readonly packageName: string | undefined;
};

type PrivateFiles = JudgedFiles & Pick<UnitFiles, 'unit'>;

type TallyServices = Pick<ViewServices, 'store' | 'decisions' | 'sessions' | 'isPaused'>;

const builtOnOwn = 'packages of the workspace, and what is built against them, are not shared';

export class ViewTally {
  readonly #services: TallyServices;
  readonly #place: SessionPlace;
  readonly #own = new OwnUnits();

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
    const savedMs = Math.max(0, facts.built.durationMs);
    this.#services.store.addCounters({ served: 1, savedMs });
    this.#services.store.recordUse([id as Digest], Date.now());
    this.#services.decisions.served(facts, this.#place, session, savedMs);
    const sharedBytes = this.#services.store.unitBytes(id as Digest);
    this.#note(session, facts, { kind: 'served', savedMs, sharedBytes });
  }

  missed(subject: DecisionSubject, why: DecisionReason, session: string): void {
    const isCounted = this.#services.decisions.missed(subject, this.#place, session, why);
    if (isCounted) this.#services.store.addCounters({ missed: 1 });
    this.#note(session, subject, { kind: 'missed' });
  }

  /**
   * Cargo has written a unit to its end; told before it is decided whether it is stored. A unit that
   * was served in the same session was no hit.
   */
  compiled(unit: WrittenUnit, session: string | undefined): void {
    const { packageName: name, profilePath, unitHash } = unit;
    const subject = { package: name, profilePath, unitHash };
    const { decisions, store } = this.#services;
    const end = decisions.compiled(subject, this.#place, knownSession(session));
    if (end.isMiss) store.addCounters({ missed: 1 });
    if (end.wasServed) store.addCounters({ served: -1, savedMs: -end.savedMs });
    this.#note(session, unit, { kind: 'compiled' });
  }

  promoted(id: string, facts: UnitFacts, wasKnown: boolean, session: string | undefined): void {
    this.#services.store.recordUse([id as Digest], Date.now());
    const why = wasKnown
      ? { reason: 'known', message: 'an equal unit was in the store already' }
      : { reason: 'stored', message: 'stored' };
    const miss = this.#judged(facts, { outcome: 'stored', ...why, isOwn: false }, session);
    this.#services.store.addCounters({ promoted: 1, ...miss });
    const sharedBytes = wasKnown ? this.#services.store.unitBytes(id as Digest) : 0;
    this.#note(session, facts, { kind: 'promoted', sharedBytes });
  }

  keptPrivate(files: PrivateFiles, why: DecisionReason, session: string | undefined): void {
    const { packageName: name, profilePath, unitHash } = files.unit;
    const subject = { package: name, profilePath, unitHash };
    const isOwn = this.#own.judge(files, why.reason);
    const { reason } = why;
    const message = isOwn && reason === 'dependency-private' ? builtOnOwn : why.message;
    const verdict = { outcome: 'kept-private', reason, message, isOwn } as const;
    const miss = this.#judged(subject, verdict, session);
    this.#services.store.addCounters({ refused: 1, ...miss });
    this.#note(session, subject, { kind: 'kept-private' });
  }

  /** A unit that could have been served was compiled, and compared with the stored one. */
  verified({ kind, detail, facts }: VerificationResult, session: string | undefined): void {
    this.#services.store.addCounters({ verified: 1, differed: kind === 'differs' ? 1 : 0 });
    const why = {
      equal: { reason: 'verified', message: 'the stored unit is what cargo builds here' },
      differs: {
        reason: 'stored-unit-differs',
        message: `the stored unit is not what cargo builds here (${detail}); it is rejected`,
      },
      incomparable: { reason: 'not-compared', message: `it could not be compared: ${detail}` },
    }[kind];
    this.#judged(facts, { outcome: 'stored', ...why, isOwn: false }, session);
  }

  /** What an earlier miss of the unit turned out to be, for the counters. */
  #judged(
    subject: DecisionSubject,
    verdict: UnitVerdict,
    session: string | undefined,
  ): { readonly missedOwn?: 1; readonly missedSharable?: 1 } {
    const { decisions } = this.#services;
    const kind = decisions.judged(subject, this.#place, knownSession(session), verdict);
    if (kind === undefined) return {};
    return kind === 'own' ? { missedOwn: 1 } : { missedSharable: 1 };
  }

  #note(
    session: string | undefined,
    subject: Omit<DecisionSubject, 'package'>,
    event: SessionEvent,
  ): void {
    this.#services.sessions.note(session, this.#place, subject, event);
  }
}

/** The key of a builder whom nobody knows is empty. */
function knownSession(session: string | undefined): string | undefined {
  return session === '' ? undefined : session;
}

/** Answers a view's questions for units, and remembers what was offered until it is attached. */
import type { Digest } from '../store/manifest.js';
import { describeMiss } from '../units/miss.js';
import type { PlannedUnit } from '../units/unit-plan.js';
import { packageMarker, type UnitFacts } from '../units/unit-facts.js';
import type { UnitTable } from '../units/unit-record.js';
import type { ResolveAnswer, ResolveQuestion } from './serving/view-messages.js';
import type { SessionEnvironment } from '../host/session-environment.js';
import type { ViewLease } from './view-lease.js';
import type { ViewServices } from './view-services.js';
import { describeUnknown, type Session, type ViewSessions } from './view-sessions.js';
import type { DecisionReason, ViewTally } from './view-tally.js';

/** A unit that was offered and is attached now. */
export interface AttachedOffer {
  readonly facts: UnitFacts;
  readonly stampNs: bigint;
  readonly session: string;
}

export interface ViewOffersOptions {
  readonly services: ViewServices;
  readonly mountPoint: string;
  readonly sessions: ViewSessions;
  readonly units: UnitTable;
  readonly tally: ViewTally;
  /** What holds the view's units in the store. */
  readonly lease: ViewLease;
}

export class ViewOffers {
  readonly #options: ViewOffersOptions;
  readonly #offered = new Map<string, { planned: PlannedUnit; stampNs: bigint; session: string }>();
  /** Build-dirs that units of this view come from, with how many. */
  readonly #preferred = new Map<string, number>();

  constructor(options: ViewOffersOptions) {
    this.#options = options;
  }

  /** May throw; whoever asks waits, so the caller must answer in any case. */
  answer(question: ResolveQuestion): ResolveAnswer {
    const { sessions, units, mountPoint } = this.#options;
    const session = sessions.of(question.cargo);
    const { environment, resolver } = session;
    if (question.unitHash === undefined) return this.#answerPackage(question, session);
    const wanted = {
      layout: question.layout,
      profilePath: question.profilePath,
      unitHash: question.unitHash,
    };
    const unitKey = `${wanted.profilePath}#${wanted.layout}#${wanted.unitHash}`;
    if (units.get(unitKey)?.state === 'stored') return { kind: 'miss' };
    if (resolver === undefined || environment.kind === 'unknown') {
      this.#missed(question, session, describeUnknown(environment));
      return { kind: 'miss' };
    }
    const plan = resolver.resolve(wanted, {
      buildDir: mountPoint,
      units,
      preferredBuildDirs: this.#preferred,
    });
    if ('reason' in plan) {
      this.#missed(question, session, { reason: plan.reason, message: describeMiss(plan) });
      return { kind: 'miss' };
    }
    const wantedUnit = plan.at(-1);
    if (wantedUnit !== undefined && this.#isVerified(environment)) {
      this.#options.services.verification.expect(wantedUnit.offer.id as Digest, wantedUnit.facts);
      const why = { reason: 'verifying', detail: wantedUnit.facts.package } as const;
      this.#missed(question, session, { reason: why.reason, message: describeMiss(why) });
      return { kind: 'miss' };
    }
    for (const planned of plan) {
      // From before the attachment on, so that clean-up cannot come in between.
      this.#options.lease.add([planned.offer.id as Digest, ...planned.blobs]);
      const { stampNs } = question;
      this.#offered.set(planned.offer.id, { planned, stampNs, session: session.key });
    }
    return { kind: 'units', units: plan.map(({ offer }) => offer) };
  }

  /** Undefined for what was not offered. */
  attached(id: string): AttachedOffer | undefined {
    const offered = this.#offered.get(id);
    if (offered === undefined) return undefined;
    this.#offered.delete(id);
    const { planned, stampNs, session } = offered;
    return { facts: planned.facts, stampNs, session };
  }

  refused(id: string): void {
    const offered = this.#offered.get(id);
    if (offered === undefined) return;
    this.#offered.delete(id);
    const why = {
      reason: 'taken',
      message: 'files of it are here already, or it was deleted here',
    };
    this.#options.tally.missed(offered.planned.facts, why, offered.session);
  }

  /** A unit built in this build-dir is present: others from there fit best. */
  prefer(buildDir: string): void {
    this.#preferred.set(buildDir, (this.#preferred.get(buildDir) ?? 0) + 1);
  }

  clear(): void {
    this.#offered.clear();
    this.#preferred.clear();
  }

  #answerPackage(question: ResolveQuestion, { environment }: Session): ResolveAnswer {
    const { profilePath, packageName = '' } = question;
    const isKnown =
      environment.kind === 'known' &&
      this.#options.services.store.hasMarker(
        packageMarker(environment.namespace, profilePath, packageName),
      );
    return { kind: isKnown ? 'package-directory' : 'miss' };
  }

  /** Whether a unit that could be served is to be compiled and compared. */
  #isVerified({ verify }: SessionEnvironment): boolean {
    const { verifySample } = this.#options.services;
    return verify || (verifySample > 0 && Math.random() < verifySample);
  }

  #missed(question: ResolveQuestion, session: Session, why: DecisionReason): void {
    const { packageName, profilePath, unitHash = '' } = question;
    const unit = { package: packageName, profilePath, unitHash };
    this.#options.tally.missed(unit, why, session.key);
  }
}

/**
 * What was decided about units, for `xcache explain` and the counters of `xcache stats`: one row for
 * each unit and cargo session, with why it was compiled and what then became of it. Bounded.
 */
import { decisionRowsMax, decisionTextCharactersMax } from '../base/limits.js';

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

/** The build-dir that a decision is about. */
export interface DecisionPlace {
  readonly directory: string;
  readonly workspace: string;
}

/** What became of a unit that was compiled. */
export interface UnitVerdict extends DecisionReason {
  readonly outcome: 'stored' | 'kept-private';
  /** Of a kind that is never shared: the workspace's own packages, programs, tests … */
  readonly isOwn: boolean;
}

/** All that is known of one unit in one session. */
export interface UnitDecision extends DecisionPlace {
  /** Of the latest event but the verdict. */
  readonly atMs: number;
  /** `<pid>:<start ticks>` of cargo; empty where nobody knows who built it. */
  readonly session: string;
  readonly profilePath: string;
  /**
   * Null where only the hash was asked for so far. Cargo asks by the package first: what stays so is
   * no unit, but a library that the dynamic linker looks for in `deps` (`librustc_driver-<hash>.so`).
   */
  readonly package: string | null;
  readonly unitHash: string;
  /** `missed` is asked for, and not written to its end. */
  readonly state: 'served' | 'missed' | 'compiled';
  /** Compile time that serving it saved. */
  readonly savedMs: number;
  /** Why it was not served; null where it was, or where nobody asked for it. */
  readonly miss: DecisionReason | null;
  readonly verdict: UnitVerdict | null;
  /** How far the miss has been counted: as one, and as one of a sharable or an own unit. */
  readonly counted: 'not' | 'missed' | 'judged';
}

/** What a verdict says about an earlier miss. */
export type MissKind = 'sharable' | 'own';

/** What the end of a compilation changes in the counters. */
export interface CompiledUnit {
  /** It counts as a miss only now. */
  readonly isMiss: boolean;
  /** It counts as served, which was wrong, with this time. */
  readonly wasServed: boolean;
  readonly savedMs: number;
}

const foundDirty: DecisionReason = {
  reason: 'found-dirty',
  message: 'cargo found it out of date here and compiled it again',
};

export interface DecisionLogOptions {
  /** Called after each change; must return at once. */
  readonly changed?: () => void;
}

export class DecisionLog {
  readonly #changed: () => void;
  /** By session, build-dir and unit; the row with the latest event is the last. */
  readonly #rows = new Map<string, UnitDecision>();
  /** By build-dir and unit: the key of the latest row. */
  readonly #latest = new Map<string, string>();

  constructor({ changed = () => undefined }: DecisionLogOptions = {}) {
    this.#changed = changed;
  }

  /** Oldest first. */
  rows(): readonly UnitDecision[] {
    return [...this.#rows.values()];
  }

  /** Puts rows of an earlier service before all others; to be called before anything is decided. */
  restore(rows: readonly UnitDecision[]): void {
    for (const row of rows) this.#put(keyOf(row), row);
  }

  served(subject: DecisionSubject, place: DecisionPlace, session: string, savedMs: number): void {
    const row = this.#row(subject, place, session);
    this.#event({ ...row, state: 'served', savedMs });
  }

  /** Returns whether it counts as a miss: each unit does once in a session. */
  missed(
    subject: DecisionSubject,
    place: DecisionPlace,
    session: string,
    why: DecisionReason,
  ): boolean {
    const row = this.#row(subject, place, session);
    const isCounted = row.counted === 'not' && row.package !== null;
    const counted = isCounted ? 'missed' : row.counted;
    this.#event({ ...row, state: 'missed', miss: shortened(why), counted });
    return isCounted;
  }

  /**
   * Cargo has written the unit to its end. Where it had been served in the same session that was no
   * hit, but a miss with the reason `found-dirty`.
   */
  compiled(
    subject: DecisionSubject,
    place: DecisionPlace,
    session: string | undefined,
  ): CompiledUnit {
    const row = this.#row(subject, place, session ?? this.#openSession(subject, place));
    const wasServed = row.state === 'served';
    const miss = wasServed ? (row.miss ?? foundDirty) : row.miss;
    const isMiss = miss !== null && row.counted === 'not';
    const counted = isMiss ? 'missed' : row.counted;
    this.#event({ ...row, state: 'compiled', savedMs: 0, miss, verdict: null, counted });
    return { isMiss, wasServed, savedMs: wasServed ? row.savedMs : 0 };
  }

  /**
   * It is known whether the unit is stored. Returns what the miss before it was, once for each miss;
   * undefined where there was none. Without a session (at a mount, all private units are looked at
   * again) the verdict belongs to whatever session compiled the unit last.
   */
  judged(
    subject: DecisionSubject,
    place: DecisionPlace,
    session: string | undefined,
    verdict: UnitVerdict,
  ): MissKind | undefined {
    const row = this.#row(subject, place, session ?? this.#openSession(subject, place));
    const isJudged = row.counted === 'missed';
    const judged: UnitDecision = {
      ...row,
      atMs: row.atMs === 0 ? Date.now() : row.atMs,
      state: 'compiled',
      verdict: { ...verdict, ...shortened(verdict) },
      counted: isJudged ? 'judged' : row.counted,
    };
    // The order is that of builds: what is looked at late does not make its build the latest one.
    const key = keyOf(judged);
    if (this.#rows.has(key)) this.#rows.set(key, judged);
    else this.#put(key, judged);
    this.#changed();
    if (!isJudged) return undefined;
    return verdict.isOwn ? 'own' : 'sharable';
  }

  /** The latest session in which the unit was not served; empty where there is none. */
  #openSession(subject: DecisionSubject, place: DecisionPlace): string {
    const key = this.#latest.get(unitOf({ ...subject, ...place }));
    const row = key === undefined ? undefined : this.#rows.get(key);
    return row === undefined || row.state === 'served' ? '' : row.session;
  }

  #row(subject: DecisionSubject, place: DecisionPlace, session: string): UnitDecision {
    const { directory, workspace } = place;
    const { profilePath, unitHash } = subject;
    const fresh: UnitDecision = {
      atMs: 0,
      session,
      directory,
      workspace,
      profilePath,
      package: subject.package ?? null,
      unitHash,
      state: 'missed',
      savedMs: 0,
      miss: null,
      verdict: null,
      counted: 'not',
    };
    const known = this.#rows.get(keyOf(fresh));
    return known === undefined ? fresh : { ...known, package: known.package ?? fresh.package };
  }

  #event(row: UnitDecision): void {
    const key = keyOf(row);
    this.#rows.delete(key);
    this.#put(key, { ...row, atMs: Date.now() });
    this.#changed();
  }

  #put(key: string, row: UnitDecision): void {
    this.#rows.set(key, row);
    this.#latest.set(unitOf(row), key);
    if (this.#rows.size > decisionRowsMax) this.#dropOldest();
  }

  #dropOldest(): void {
    for (const [key, row] of this.#rows) {
      this.#rows.delete(key);
      if (this.#latest.get(unitOf(row)) === key) this.#latest.delete(unitOf(row));
      return;
    }
  }
}

function keyOf(row: UnitDecision): string {
  return `${row.session}\0${unitOf(row)}`;
}

function unitOf(
  row: DecisionPlace & { readonly profilePath: string; readonly unitHash: string },
): string {
  return `${row.directory}\0${row.profilePath}\0${row.unitHash}`;
}

function shortened({ reason, message }: DecisionReason): DecisionReason {
  return {
    reason: reason.slice(0, decisionTextCharactersMax),
    message: message.slice(0, decisionTextCharactersMax),
  };
}

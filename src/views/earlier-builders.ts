/**
 * Judges units that were in a view before any session of this mount: left by a killed service, or in
 * a directory that was taken over. A wrapper or CFLAGS leave no trace in a unit, so only what the
 * view's journal says of its builder counts, and only for a session that is the same in all we know.
 */
import { createHash } from 'node:crypto';
import { builderDigest, fleetingVariables } from '../host/builder-digest.js';
import { currentBoot } from '../host/process-tree.js';
import type { SessionEnvironment, UnknownEnvironment } from '../host/session-environment.js';
import type { BuilderNote } from './serving/builder-notes.js';
import { earlierBoot } from './earlier-boot.js';

/** Digests of what sessions built with, by `builderDigest`, in the order of their coming. */
export type RecordedSessions = Readonly<Record<string, string>>;

/** Sessions recorded for a view: what matters is what a killed service leaves, which is recent. */
const recordedMax = 32;

/** Recorded for a start of cargo that came to different things: another compiler, `--config`. */
const severalEnvironments = 'several';

const takenOver: UnknownEnvironment = {
  kind: 'unknown',
  reason: 'taken-over',
  detail: 'it was built before xcache served this directory, in an environment that is not known',
};

const changedEnvironment: UnknownEnvironment = {
  kind: 'unknown',
  reason: 'environment-changed',
  detail:
    'it was built before the service was started, with other variables, tools or settings than this session has',
};

export class EarlierBuilders {
  readonly #mountPoint: string;
  readonly #boot = currentBoot();
  /** By unit key. */
  readonly #notes = new Map<string, BuilderNote>();
  /** As it was at the mount: a unit from before was built in a session from before. */
  #before: RecordedSessions;
  #recorded: RecordedSessions;
  /** By `builderDigest`: what units of such a builder are judged by. */
  readonly #met = new Map<string, SessionEnvironment | UnknownEnvironment>();

  constructor(recorded: RecordedSessions, mountPoint: string) {
    this.#mountPoint = mountPoint;
    this.#before = recorded;
    this.#recorded = recorded;
  }

  /** What the journal says at a mount, in place of what was known. */
  recall(notes: readonly (readonly [string, BuilderNote])[]): void {
    this.#notes.clear();
    for (const [unitKey, note] of notes) this.#notes.set(unitKey, note);
    this.#before = this.#recorded;
    this.#met.clear();
  }

  /** A session has come. Returns what is to be recorded from now on, where that has changed. */
  meet(
    pid: number,
    environment: SessionEnvironment | UnknownEnvironment,
  ): RecordedSessions | undefined {
    const builder = builderDigest(pid, this.#mountPoint);
    if (builder === undefined) return undefined;
    const digest = digestOf(environment);
    if (!this.#met.has(builder)) {
      this.#met.set(builder, this.#before[builder] === digest ? environment : changedEnvironment);
    }
    const known = this.#recorded[builder];
    if (known === digest || known === severalEnvironments) return undefined;
    const others = Object.entries(this.#recorded).filter(([each]) => each !== builder);
    this.#recorded = Object.fromEntries([
      ...others.slice(1 - recordedMax),
      [builder, known === undefined ? digest : severalEnvironments],
    ]);
    return this.#recorded;
  }

  /** Undefined while no session is known. */
  environmentOf(unitKey: string): SessionEnvironment | UnknownEnvironment | undefined {
    const note = this.#notes.get(unitKey);
    if (note === undefined) return takenOver;
    if (note.boot !== this.#boot) return earlierBoot;
    return this.#met.get(note.digest) ?? (this.#met.size > 0 ? changedEnvironment : undefined);
  }

  /** The view is empty. Returns whether anything was recorded. */
  clear(): boolean {
    const hadAny = Object.keys(this.#recorded).length > 0;
    this.#notes.clear();
    this.#before = {};
    this.#recorded = {};
    return hadAny;
  }
}

/** Two sessions with equal digests build equal units from equal sources. */
function digestOf(environment: SessionEnvironment | UnknownEnvironment): string {
  const parts =
    environment.kind === 'unknown'
      ? environment
      : {
          ...environment,
          variables: lastingVariables(environment),
          linkers: [environment.linkerOf(undefined), environment.linkerIdentity(undefined)],
          // Found by what is here now; a program that has changed since keeps the unit private.
          tools: undefined,
        };
  const text = JSON.stringify(parts, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function lastingVariables({ variables }: SessionEnvironment): readonly (readonly string[])[] {
  const lasting = Object.entries(variables).filter(([name]) => !fleetingVariables.has(name));
  return lasting.sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * The cargo sessions of one view, and which of them built which unit. What is stored says in which
 * environment it was built, so a unit whose builder is not known for sure is not stored.
 */
import { XcacheError } from '../base/errors.js';
import type { InputVerifier } from '../units/input-verifier.js';
import { cargoProcessAt, type CargoProcess } from '../host/process-tree.js';
import { EarlierBuilders, type RecordedSessions } from './earlier-builders.js';
import type { BuilderNote } from './serving/builder-notes.js';
import { SessionResolver, type ResolverStore } from '../units/resolver.js';
import {
  readSessionEnvironment,
  type EnvironmentReader,
  type SessionEnvironment,
  type UnknownEnvironment,
} from '../host/session-environment.js';

/** Sessions remembered: a workspace rarely has more than a few at once. */
const sessionsMax = 32;

export interface Session {
  readonly key: string;
  readonly environment: SessionEnvironment | UnknownEnvironment;
  /** Undefined where the environment is unknown: nothing is served. */
  readonly resolver: SessionResolver | undefined;
}

export interface ViewSessionsOptions {
  readonly mountPoint: string;
  readonly access: ResolverStore;
  readonly inputs: InputVerifier;
  readonly reader: EnvironmentReader;
  /** What was kept of the sessions in this view, for units that a killed service has left. */
  readonly recorded: RecordedSessions;
  /** Keeps it for the next mount. */
  readonly record: (recorded: RecordedSessions) => void;
  /** Units that were here before can be judged now. */
  readonly claimed: () => void;
}

const unknownBuilder: Session = {
  key: '',
  environment: {
    kind: 'unknown',
    reason: 'unknown-session',
    detail: 'it is not known which cargo process built it',
  },
  resolver: undefined,
};

export class ViewSessions {
  readonly #options: ViewSessionsOptions;
  readonly #sessions = new Map<string, Session>();
  /** By unit key: who wrote it last, since the mount. */
  readonly #builders = new Map<string, Session>();
  /** Judges units that were here before any session of this mount. */
  readonly #earlier: EarlierBuilders;

  constructor(options: ViewSessionsOptions) {
    this.#options = options;
    this.#earlier = new EarlierBuilders(options.recorded, options.mountPoint);
  }

  /** What the view's journal says of the builders of units that are here already. */
  recall(notes: readonly (readonly [string, BuilderNote])[]): void {
    this.#earlier.recall(notes);
  }

  /** The session of a process; its environment is read at the first call. */
  of(cargo: CargoProcess): Session {
    const key = `${cargo.pid}:${cargo.startTicks}`;
    const known = this.#sessions.get(key);
    if (known) return known;
    const { access, inputs, reader } = this.#options;
    const environment = readSessionEnvironment(cargo, reader);
    const resolver =
      environment.kind === 'known' ? new SessionResolver(access, inputs, environment) : undefined;
    const session = { key, environment, resolver };
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= sessionsMax && oldest !== undefined) this.#sessions.delete(oldest);
    this.#sessions.set(key, session);
    const recorded = this.#earlier.meet(cargo.pid, environment);
    if (recorded !== undefined) this.#options.record(recorded);
    this.#options.claimed();
    return session;
  }

  /** The process id of a cargo that uses the view now; undefined where none is known. */
  running(): number | undefined {
    for (const key of this.#sessions.keys()) {
      const [pid, startTicks] = key.split(':');
      if (cargoProcessAt(Number(pid))?.startTicks === startTicks) return Number(pid);
    }
    return undefined;
  }

  /** A unit was written by this process; undefined where nobody knows by whom. */
  built(unitKey: string, cargo: CargoProcess | undefined): void {
    const builder = cargo === undefined ? unknownBuilder : this.of(cargo);
    this.#builders.set(unitKey, builder);
  }

  /**
   * The environment that the unit was built in; undefined while no session is known that it could
   * have been.
   */
  environmentOf(unitKey: string): SessionEnvironment | UnknownEnvironment | undefined {
    return this.#builders.get(unitKey)?.environment ?? this.#earlier.environmentOf(unitKey);
  }

  /** For the record of decisions; undefined for units that were here before. */
  builderOf(unitKey: string): string | undefined {
    return this.#builders.get(unitKey)?.key;
  }

  /** The view is empty: what was built in it before is gone. */
  clear(): void {
    this.#builders.clear();
    if (this.#earlier.clear()) this.#options.record({});
  }
}

/** Why nothing is served in a session whose environment is unknown, for the record of decisions. */
export function describeUnknown(environment: SessionEnvironment | UnknownEnvironment): {
  readonly reason: string;
  readonly message: string;
} {
  if (environment.kind === 'known') throw new XcacheError('XC_INTERNAL', 'the session is known');
  return { reason: environment.reason, message: environment.detail };
}

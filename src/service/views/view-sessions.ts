/**
 * The cargo sessions of one view, and which of them built which unit. What is stored says in which
 * environment it was built, so a unit whose builder is not known for sure is not stored.
 */
import { createHash } from 'node:crypto';
import { XcacheError } from '../../base/errors.js';
import type { InputVerifier } from '../units/input-verifier.js';
import { cargoProcessAt, type CargoProcess } from '../host/process-tree.js';
import { SessionResolver, type ResolverStore } from '../units/resolver.js';
import { nativeTools } from '../../cargo/environment.js';
import {
  readSessionEnvironment,
  type EnvironmentReader,
  type SessionEnvironment,
  type UnknownEnvironment,
} from '../host/session-environment.js';

/** Sessions remembered: a workspace rarely has more than a few at once. */
const sessionsMax = 32;

/** The record of a view in which more than one environment was seen. */
export const mixedEnvironments = 'mixed';

export interface Session {
  readonly key: string;
  readonly environment: SessionEnvironment | UnknownEnvironment;
  /** Undefined where the environment is unknown: nothing is served. */
  readonly resolver: SessionResolver | undefined;
}

export interface ViewSessionsOptions {
  readonly access: ResolverStore;
  readonly inputs: InputVerifier;
  readonly reader: EnvironmentReader;
  /** What was kept of the environments seen in this view; empty where there was none. */
  readonly recorded: string;
  /** Judges units that were here before, where something is known of them already. */
  readonly before: UnknownEnvironment | undefined;
  /** Keeps it for the next mount. */
  readonly record: (recorded: string) => void;
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
  #before: SessionEnvironment | UnknownEnvironment | undefined;
  #recorded: string;

  constructor(options: ViewSessionsOptions) {
    this.#options = options;
    this.#recorded = options.recorded;
    this.#before = options.before;
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
    this.adopt(environment);
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
    this.#remember(builder.environment);
  }

  /** The environment that the unit was built in; undefined while no session is known at all. */
  environmentOf(unitKey: string): SessionEnvironment | UnknownEnvironment | undefined {
    return this.#builders.get(unitKey)?.environment ?? this.#before;
  }

  /** For the record of decisions; undefined for units that were here before. */
  builderOf(unitKey: string): string | undefined {
    return this.#builders.get(unitKey)?.key;
  }

  /**
   * Units that were here before are taken for built in this environment, unless any other one was
   * ever seen in this view.
   */
  adopt(environment: SessionEnvironment | UnknownEnvironment): void {
    const isSame = this.#recorded === '' || this.#recorded === digestOf(environment);
    this.#before ??= isSame ? environment : changedEnvironment;
    this.#remember(environment);
    this.#options.claimed();
  }

  /** The view is empty: what was built in it before is gone. */
  clear(): void {
    this.#builders.clear();
    this.#before = undefined;
    if (this.#recorded === '') return;
    this.#recorded = '';
    this.#options.record('');
  }

  #remember(environment: SessionEnvironment | UnknownEnvironment): void {
    const digest = digestOf(environment);
    if (this.#recorded === digest || this.#recorded === mixedEnvironments) return;
    this.#recorded = this.#recorded === '' ? digest : mixedEnvironments;
    this.#options.record(this.#recorded);
  }
}

const changedEnvironment: UnknownEnvironment = {
  kind: 'unknown',
  reason: 'environment-changed',
  detail: 'it was built before this session, and not all sessions had this environment',
};

/** Two sessions with equal digests build equal units from equal sources. */
function digestOf(environment: SessionEnvironment | UnknownEnvironment): string {
  if (environment.kind === 'unknown') return 'unknown';
  const { namespace, steering, tools, hostLinkers, wrapper } = environment;
  const found = [...nativeTools, ...hostLinkers].map((name) => tools.identify(name));
  const linker = [environment.linkerOf(undefined), environment.linkerIdentity(undefined)];
  const text = JSON.stringify([namespace, steering, found, wrapper, linker]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Why nothing is served in a session whose environment is unknown, for the record of decisions. */
export function describeUnknown(environment: SessionEnvironment | UnknownEnvironment): {
  readonly reason: string;
  readonly message: string;
} {
  if (environment.kind === 'known') throw new XcacheError('XC_INTERNAL', 'the session is known');
  return { reason: environment.reason, message: environment.detail };
}

/**
 * One workspace's view, as the main thread knows it: which stored units are present in it, which
 * cargo sessions use it, and what waits for promotion.
 */
import { createHash } from 'node:crypto';
import { XcacheError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { Digest } from '../store/manifest.js';
import type { Lease } from '../store/protections.js';
import type { Store } from '../store/store.js';
import { blobAccess } from './blob-access.js';
import type { DecisionLog } from './decisions.js';
import { openDirectHost } from './direct-host.js';
import type { UnitDraft } from './draft-base.js';
import type { HostFiles } from './host-files.js';
import type { InputVerifier } from './input-verifier.js';
import { openNativeHost } from './native-host.js';
import { isDiskFull, Promoter } from './promoter.js';
import type { ViewStatus } from './protocol.js';
import { describeMiss, SessionResolver, unitKeyOf, type PlannedUnit } from './resolver.js';
import {
  readSessionEnvironment,
  type EnvironmentReader,
  type SessionEnvironment,
  type UnknownEnvironment,
} from './session-environment.js';
import { packageMarker, parseUnitFacts, type UnitFacts } from './unit-facts.js';
import type { UnitFiles } from './unit-files.js';
import { UnitTable } from './unit-record.js';
import { saveViewRecord, type ViewDirectory, type ViewRecord } from './view-directory.js';
import type { ViewHost } from './view-host.js';
import type { ResolveAnswer, ResolveQuestion, ViewEvent } from './view-messages.js';

/** What all views share. */
export interface ViewServices {
  readonly store: Store;
  readonly stateDirectory: string;
  readonly blobsDirectory: string;
  readonly reader: EnvironmentReader;
  readonly inputs: InputVerifier;
  readonly host: HostFiles;
  readonly decisions: DecisionLog;
  readonly log: Logger;
  /** Set while the disk is full. */
  readonly isPaused: () => boolean;
  readonly pause: (reason: string) => void;
  /** The view's mount is gone without `close`. */
  readonly lost: (view: View, error: string | undefined) => void;
  /** Somebody removed everything in the view, as `cargo clean` does. */
  readonly emptied: (view: View) => void;
}

/** Sessions remembered: a workspace rarely has more than a few at once. */
const sessionsMax = 32;

interface Session {
  readonly key: string;
  readonly environment: SessionEnvironment | UnknownEnvironment;
  readonly resolver: SessionResolver | undefined;
}

export class View {
  readonly directory: ViewDirectory;
  readonly #services: ViewServices;
  readonly #units = new UnitTable();
  readonly #sessions = new Map<string, Session>();
  /** Unit key → the session that asked for it last, and so built it where it was a miss. */
  readonly #builtIn = new Map<string, Session>();
  readonly #offered = new Map<string, { planned: PlannedUnit; stampNs: bigint; session: string }>();
  /** Units whose files are exchanged for stored ones, and that are not yet in the index. */
  readonly #adopting = new Map<string, 'intact' | 'spoiled'>();
  readonly #preferred = new Map<string, number>();
  readonly #lease: Lease;
  #record: ViewRecord;
  #host: ViewHost | undefined;
  #promoter: Promoter | undefined;
  #isClosing = false;
  /** Judges units that were here before any session of this mount. */
  #adopted: SessionEnvironment | UnknownEnvironment | undefined;

  constructor(directory: ViewDirectory, record: ViewRecord, services: ViewServices) {
    this.directory = directory;
    this.#record = record;
    this.#services = services;
    this.#lease = services.store.lease(`view ${directory.id}`, []);
  }

  get mountPoint(): string {
    return this.#record.mountPoint;
  }

  get isMounted(): boolean {
    return this.#host !== undefined;
  }

  get pending(): number {
    return this.#promoter?.pending ?? 0;
  }

  status(): ViewStatus {
    return {
      view: this.directory.id,
      directory: this.mountPoint,
      driver: this.#record.driver,
      state: this.isMounted ? 'mounted' : 'unmounted',
      attachedUnits: this.#units.stored().length,
      pendingUnits: this.pending,
      requests: this.#host?.requests() ?? 0,
    };
  }

  /**
   * Mounts the view and looks at the units it holds. `environment` is the one of whoever asks for
   * the mount; it stands for the unknown one in which adopted files were built.
   */
  async mount(environment: SessionEnvironment | UnknownEnvironment | undefined): Promise<void> {
    if (this.#host) return;
    const { directory, mountPoint } = this;
    const options = {
      mountPoint,
      upperDirectory: directory.upperDirectory,
      journalPath: directory.journalPath,
      blobsDirectory: this.#services.blobsDirectory,
      stateDirectory: this.#services.stateDirectory,
      answer: (question: ResolveQuestion) => this.#answer(question),
      event: (event: ViewEvent) => this.#event(event),
      log: (level: 'warn' | 'error', message: string) =>
        this.#services.log[level]({ view: mountPoint }, message),
      ended: (error: string | undefined) => this.#ended(error),
    };
    if (environment) this.#adopt(environment);
    const host =
      this.#record.driver === 'direct'
        ? await openDirectHost(options)
        : await openNativeHost(options, this.#record.mode);
    this.#host = host;
    this.#promoter = this.#createPromoter(host);
    await this.#save({ isMounted: true });
    await this.#takeStock(host, this.#promoter);
  }

  /** Finishes what is in hand, unmounts and remembers what the view refers to. */
  async close(options: {
    readonly isLazy: boolean;
    readonly isMountedAgain: boolean;
  }): Promise<void> {
    const host = this.#host;
    if (host === undefined) return;
    this.#isClosing = true;
    await this.#promoter?.close();
    await this.#saveReferences(host);
    try {
      await host.close({ isLazy: options.isLazy });
    } catch (error) {
      // Still mounted and in use: the view goes on as before.
      this.#isClosing = false;
      this.#promoter = this.#createPromoter(host);
      throw error;
    }
    this.#host = undefined;
    this.#promoter = undefined;
    await this.#save({ isMounted: options.isMountedAgain });
    this.#units.clear();
  }

  /** Waits until everything that cargo has completed was looked at. */
  async drain(): Promise<void> {
    await this.#promoter?.drain();
  }

  resumePromotion(): void {
    this.#promoter?.resume();
  }

  abandonSync(): void {
    this.#host?.abandonSync();
  }

  /** Releases what the view holds in the store; the view is not used afterwards. */
  [Symbol.dispose](): void {
    this.#lease[Symbol.dispose]();
  }

  #createPromoter(host: ViewHost): Promoter {
    const { store, inputs, host: hostFiles } = this.#services;
    return new Promoter({
      store,
      units: this.#units,
      inputs,
      host: hostFiles,
      journalPath: this.directory.journalPath,
      blobPath: (digest) => store.blobPath(digest as Digest),
      call: async (method, ...args) => await host.call(method, ...args),
      environmentOf: (unitKey) => this.#builtIn.get(unitKey)?.environment ?? this.#adopted,
      isPaused: this.#services.isPaused,
      adopting: (id) => void this.#adopting.set(id, 'intact'),
      promoted: (draft, id, facts, wasKnown) => this.#promoted(draft, id, facts, wasKnown),
      keptPrivate: (files, reason, message) => this.#keptPrivate(files, reason, message),
      failed: (error, units) => {
        if (isDiskFull(error)) this.#services.pause(String(error));
        const keys = units.map(({ unitKey }) => unitKey);
        this.#services.log.warn({ view: this.mountPoint, units: keys, err: error }, 'not promoted');
      },
    });
  }

  /** Learns which units are attached, and queues the others. */
  async #takeStock(host: ViewHost, promoter: Promoter): Promise<void> {
    const { store } = this.#services;
    this.#lease.add((await host.call('backingDigests')) as Digest[]);
    for (const { id, isIntact } of await host.call('attachments')) {
      if (!/^[0-9a-f]{64}$/.test(id)) continue;
      this.#lease.add([id as Digest]);
      const manifest = store.manifest(id as Digest);
      const facts = manifest && parseUnitFacts(manifest);
      if (facts && isIntact) this.#present(id, facts, 0n);
    }
    for (const path of await host.call('fingerprints')) promoter.enqueue(path, true);
  }

  #present(id: string, facts: UnitFacts, sinceNs: bigint): void {
    this.#units.set({ state: 'stored', unitKey: unitKeyOf(facts), id, facts, sinceNs });
    this.#preferred.set(facts.buildDir, (this.#preferred.get(facts.buildDir) ?? 0) + 1);
  }

  #answer(question: ResolveQuestion): ResolveAnswer {
    const session = this.#session(question);
    const { environment, resolver } = session;
    if (question.unitHash === undefined) {
      const isKnown =
        environment.kind === 'known' &&
        this.#services.store.hasMarker(
          packageMarker(environment.namespace, question.profilePath, question.packageName ?? ''),
        );
      return { kind: isKnown ? 'package-directory' : 'miss' };
    }
    const wanted = {
      layout: question.layout,
      profilePath: question.profilePath,
      unitHash: question.unitHash,
    };
    const unitKey = `${wanted.profilePath}#${wanted.layout}#${wanted.unitHash}`;
    this.#builtIn.set(unitKey, session);
    if (this.#units.get(unitKey)?.state === 'stored') return { kind: 'miss' };
    if (resolver === undefined || environment.kind === 'unknown') {
      this.#missed(question, session, describeUnknown(environment));
      return { kind: 'miss' };
    }
    const plan = resolver.resolve(wanted, {
      buildDir: this.mountPoint,
      units: this.#units,
      preferredBuildDirs: this.#preferred,
    });
    if ('reason' in plan) {
      this.#missed(question, session, { reason: plan.reason, message: describeMiss(plan) });
      return { kind: 'miss' };
    }
    for (const planned of plan) {
      // From before the attachment on, so that clean-up cannot come in between.
      this.#lease.add([planned.offer.id as Digest, ...planned.blobs]);
      this.#offered.set(planned.offer.id, {
        planned,
        stampNs: question.stampNs,
        session: session.key,
      });
    }
    return { kind: 'units', units: plan.map(({ offer }) => offer) };
  }

  #session(question: ResolveQuestion): Session {
    const key = `${question.cargo.pid}:${question.cargo.startTicks}`;
    const known = this.#sessions.get(key);
    if (known) return known;
    const { store, inputs, reader } = this.#services;
    const environment = readSessionEnvironment(question.cargo, reader);
    const resolver =
      environment.kind === 'known'
        ? new SessionResolver(blobAccess(store), inputs, environment)
        : undefined;
    const session = { key, environment, resolver };
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= sessionsMax && oldest !== undefined) this.#sessions.delete(oldest);
    this.#sessions.set(key, session);
    this.#adopt(environment);
    return session;
  }

  /**
   * Units that were here before are taken for built in this environment, unless an earlier session
   * is known to have had another one.
   */
  #adopt(environment: SessionEnvironment | UnknownEnvironment): void {
    if (environment.kind === 'unknown') return;
    const digest = environmentDigest(environment);
    const isSame = this.#record.environment === '' || this.#record.environment === digest;
    this.#adopted ??= isSame
      ? environment
      : {
          kind: 'unknown',
          reason: 'environment-changed',
          detail: 'it was built before this session, in another environment',
        };
    this.#promoter?.reclaim();
    if (this.#record.environment === digest) return;
    void this.#save({ environment: digest }).catch((error: unknown) => {
      this.#services.log.warn({ err: error }, 'the record of the view could not be written');
    });
  }

  #event(event: ViewEvent): void {
    switch (event.kind) {
      case 'unit-written':
        this.#promoter?.enqueue(event.path, false);
        return;
      case 'attached':
        for (const id of event.ids) this.#attached(id);
        for (const id of event.refused) this.#refused(id);
        return;
      case 'spoiled':
        this.#units.deleteById(event.id);
        if (this.#adopting.has(event.id)) this.#adopting.set(event.id, 'spoiled');
        return;
      case 'root-emptied':
        this.#units.clear();
        this.#services.emptied(this);
    }
  }

  #attached(id: string): void {
    const offered = this.#offered.get(id);
    if (offered === undefined) return;
    this.#offered.delete(id);
    const { facts } = offered.planned;
    this.#present(id, facts, offered.stampNs);
    this.#services.store.addCounters({ served: 1, savedMs: facts.built.durationMs });
    this.#services.store.recordUse([id as Digest], Date.now());
    this.#decide(facts, 'served', 'served', 'an equal unit is in the store', offered.session);
    this.#promoter?.settled(facts.fingerprint);
  }

  #refused(id: string): void {
    const offered = this.#offered.get(id);
    if (offered === undefined) return;
    this.#offered.delete(id);
    this.#services.store.addCounters({ missed: 1 });
    const message = 'files of it are here already, or it was deleted here';
    this.#decide(offered.planned.facts, 'missed', 'taken', message, offered.session);
  }

  #promoted(draft: UnitDraft, id: string, facts: UnitFacts, wasKnown: boolean): void {
    const { unitKey } = draft.files.unit;
    this.#lease.add([id as Digest]);
    // Its files may have been removed while the store was written.
    const isSpoiled = this.#adopting.get(id) === 'spoiled';
    this.#adopting.delete(id);
    if (!isSpoiled) this.#present(id, facts, draft.startedNs);
    this.#services.store.addCounters({ promoted: 1 });
    this.#services.store.recordUse([id as Digest], Date.now());
    const message = wasKnown ? 'an equal unit was in the store already' : 'stored';
    this.#decide(
      facts,
      'promoted',
      wasKnown ? 'known' : 'stored',
      message,
      this.#builtIn.get(unitKey)?.key,
    );
  }

  #keptPrivate(files: UnitFiles, reason: string, message: string): void {
    const { unit, fingerprintHash } = files;
    this.#units.set({
      state: 'private',
      unitKey: unit.unitKey,
      fingerprint: fingerprintHash,
      reason,
    });
    this.#services.store.addCounters({ refused: 1 });
    const session = this.#builtIn.get(unit.unitKey)?.key;
    this.#decide({ ...unit, package: unit.packageName }, 'refused', reason, message, session);
  }

  #missed(
    question: ResolveQuestion,
    session: Session,
    why: { readonly reason: string; readonly message: string },
  ): void {
    this.#services.store.addCounters({ missed: 1 });
    const subject = {
      package: question.packageName,
      profilePath: question.profilePath,
      unitHash: question.unitHash ?? '',
    };
    this.#decide(subject, 'missed', why.reason, why.message, session.key);
  }

  #decide(
    subject: {
      readonly package: string | undefined;
      readonly profilePath: string;
      readonly unitHash: string;
    },
    outcome: 'served' | 'missed' | 'promoted' | 'refused',
    reason: string,
    message: string,
    session: string | undefined,
  ): void {
    this.#services.decisions.add({
      atMs: Date.now(),
      directory: this.mountPoint,
      unit: `${subject.profilePath}/${subject.package ?? '?'}-${subject.unitHash}`,
      outcome,
      reason,
      message,
      session,
      unitHash: subject.unitHash,
      packageName: subject.package,
    });
  }

  #ended(error: string | undefined): void {
    if (this.#host === undefined || this.#isClosing) return;
    this.#host = undefined;
    this.#promoter = undefined;
    this.#units.clear();
    this.#services.lost(this, error);
  }

  /** Clean-up goes by these while the view is not mounted. */
  async #saveReferences(host: ViewHost): Promise<void> {
    const manifests = this.#units.stored().map(({ id }) => id as Digest);
    const blobs = (await host.call('backingDigests')) as Digest[];
    await this.#services.store.setViewReferences(this.directory.id, { manifests, blobs });
  }

  async #save(change: Partial<ViewRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await saveViewRecord(this.directory, this.#record);
  }
}

/** Two sessions with equal digests build equal units from equal sources. */
function environmentDigest(environment: SessionEnvironment): string {
  const { namespace, steering, nativeTools, linkerTools } = environment;
  const text = JSON.stringify([namespace, steering, nativeTools, linkerTools]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function describeUnknown(environment: SessionEnvironment | UnknownEnvironment): {
  readonly reason: string;
  readonly message: string;
} {
  if (environment.kind === 'known') throw new XcacheError('XC_INTERNAL', 'the session is known');
  return { reason: environment.reason, message: environment.detail };
}

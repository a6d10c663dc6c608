/**
 * One workspace's view, as the main thread knows it: which stored units are present in it, which
 * cargo sessions use it, and what waits for promotion.
 */
import type { Digest } from '../store/manifest.js';
import type { UnitDraft } from '../units/draft-base.js';
import { openViewHost } from './open-view-host.js';
import { isDiskFull, Promoter } from '../units/promoter.js';
import type { ViewStatus } from './view-requests.js';
import type { VirtualPath } from '../base/byte-string.js';
import { parseUnitPath } from '../cargo/layout.js';
import { sinceWhen } from './unit-since.js';
import { parseUnitFacts, unitKeyOf, type UnitFacts } from '../units/unit-facts.js';
import type { UnitFiles } from '../units/unit-files.js';
import { blobAccess } from '../units/blob-access.js';
import { UnitTable } from '../units/unit-record.js';
import type { ViewServices } from './view-services.js';
import { ViewTally } from './view-tally.js';
import { ViewLease } from './view-lease.js';
import type { ViewDirectory, ViewRecord } from './view-directory.js';
import { ViewRecordKeeper } from './view-record-keeper.js';
import { ViewOffers } from './view-offers.js';
import type { ViewHost, ViewHostOptions } from './serving/view-host.js';
import type { CargoProcess } from '../host/process-tree.js';
import type { ResolveAnswer, ResolveQuestion, ViewEvent } from './serving/view-messages.js';
import { ScriptRuns } from './script-runs.js';
import { ViewSessions } from './view-sessions.js';

export class View {
  readonly directory: ViewDirectory;
  readonly #services: ViewServices;
  readonly #units = new UnitTable();
  readonly #sessions: ViewSessions;
  readonly #runs: ScriptRuns;
  readonly #tally: ViewTally;
  readonly #offers: ViewOffers;
  readonly #record: ViewRecordKeeper;
  /** Units of which a file has changed since they were written to their end. */
  readonly #changed = new Set<string>();
  /** Units whose files are exchanged for stored ones, and that are not yet in the index. */
  readonly #adopting = new Map<string, 'intact' | 'spoiled'>();
  readonly #lease: ViewLease;
  #host: ViewHost | undefined;
  #promoter: Promoter | undefined;
  #isClosing = false;
  /** Tells the end of the present mount from that of one that was detached. */
  #mountCount = 0;
  /** Of mounts that were emptied and left by their last user, or will be. */
  readonly #detached: ViewHost[] = [];

  constructor(directory: ViewDirectory, record: ViewRecord, services: ViewServices) {
    this.directory = directory;
    this.#services = services;
    this.#record = new ViewRecordKeeper(directory, record, services.log);
    this.#runs = new ScriptRuns(record.mountPoint, services.host);
    this.#lease = new ViewLease(services.store, directory);
    this.#tally = new ViewTally(services, {
      directory: record.mountPoint,
      workspace: record.workspace,
      isSettled: () => this.pending === 0,
    });
    const { store, inputs, reader, rejections, damaged } = services;
    this.#sessions = new ViewSessions({
      access: blobAccess(store, rejections, damaged),
      inputs,
      reader,
      mountPoint: record.mountPoint,
      recorded: record.sessions ?? {},
      record: (sessions) => this.#record.saveLater({ sessions }),
      claimed: () => this.#promoter?.reclaim(),
    });
    this.#offers = new ViewOffers({
      services,
      mountPoint: record.mountPoint,
      sessions: this.#sessions,
      units: this.#units,
      tally: this.#tally,
      lease: this.#lease,
    });
  }

  get record(): ViewRecord {
    return this.#record.record;
  }

  get mountPoint(): string {
    return this.#record.record.mountPoint;
  }

  /** Of a view in the per-user mount. */
  get workspace(): string | undefined {
    return this.#record.record.workspace;
  }

  get isMounted(): boolean {
    return this.#host !== undefined;
  }

  get pending(): number {
    return this.#promoter?.pending ?? 0;
  }

  /** The process id of a cargo that uses the view now; undefined where none is known. */
  get user(): number | undefined {
    return this.#sessions.running();
  }

  /** Manifests of the units that are served here. */
  unitIds(): readonly Digest[] {
    return this.#units.stored().map(({ id }) => id as Digest);
  }

  status(): ViewStatus {
    return {
      view: this.directory.id,
      directory: this.mountPoint,
      driver: this.#record.record.driver,
      state: this.isMounted ? 'mounted' : 'unmounted',
      attachedUnits: this.#units.stored().length,
      pendingUnits: this.pending,
      requests: this.#host?.requests() ?? 0,
      operations: this.#host?.operations() ?? {},
    };
  }

  /**
   * Mounts the view and looks at the units it holds. `open` is called before anything is waited for;
   * by default the view gets a mount of its own.
   */
  async mount(
    open: (options: ViewHostOptions) => Promise<ViewHost> = async (options) =>
      await openViewHost(this.#record.record, options),
  ): Promise<void> {
    if (this.#host) return;
    const { directory, mountPoint } = this;
    this.#mountCount += 1;
    const mountCount = this.#mountCount;
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
      ended: (error: string | undefined) => {
        if (mountCount === this.#mountCount) this.#ended(error);
      },
    };
    const host = await open(options);
    this.#host = host;
    this.#promoter = this.#createPromoter(host);
    try {
      await this.#record.save({ isMounted: true });
      await this.#takeStock(host, this.#promoter);
    } catch (error) {
      await this.close({ isLazy: true, isMountedAgain: false });
      throw error;
    }
  }

  /**
   * Its directory is gone, and with it everything that was in it: nothing is kept or written any
   * more. The view is not used afterwards.
   */
  discard(): void {
    this.#record.discard();
    this.#isClosing = true;
    void this.#promoter?.close();
    this.#promoter = undefined;
    this.#host = undefined;
    this.#units.clear();
    this[Symbol.dispose]();
  }

  /** Finishes what is in hand, unmounts and remembers what the view refers to. */
  async close(options: {
    readonly isLazy: boolean;
    readonly isMountedAgain: boolean;
  }): Promise<void> {
    const host = this.#host;
    if (host === undefined) {
      await this.#stopDetached();
      return;
    }
    this.#isClosing = true;
    await this.#promoter?.close();
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
    await this.#stopDetached();
    // Only now: up to the end of the mount, units may still have been attached.
    await this.saveReferences();
    const isOwnMount = this.#record.record.workspace === undefined;
    await this.#record.save({ isMounted: options.isMountedAgain && isOwnMount });
    this.#units.clear();
  }

  async #stopDetached(): Promise<void> {
    await Promise.all(this.#detached.splice(0).map(async (host) => await host.stop()));
  }

  /** Clean-up goes by these while the view is not mounted, which it must not be at the call. */
  async saveReferences(): Promise<void> {
    await this.#lease.saveReferences(this.unitIds());
  }

  /** Waits until everything that cargo has completed was looked at. */
  async drain(): Promise<void> {
    await this.#promoter?.drain();
  }

  resumePromotion(): void {
    this.#promoter?.resume();
  }

  /** For the process's exit. False where a thread still serves a mount that is out of reach. */
  abandonSync(): boolean {
    const isFree = this.#host?.abandonSync() ?? true;
    return isFree && this.#detached.length === 0;
  }

  /** Releases what the view holds in the store; the view is not used afterwards. */
  [Symbol.dispose](): void {
    this.#lease[Symbol.dispose]();
  }

  #createPromoter(host: ViewHost): Promoter {
    const { store, inputs, host: hostFiles, rejections, damaged } = this.#services;
    return new Promoter({
      ...{ store, rejections, damaged },
      units: this.#units,
      inputs,
      host: hostFiles,
      journalPath: this.directory.journalPath,
      blobPath: (digest) => store.blobPath(digest as Digest),
      call: async (method, ...args) => await host.call(method, ...args),
      environmentOf: (unitKey) => this.#sessions.environmentOf(unitKey),
      sideEffectOf: (unit) => this.#runs.sideEffectOf(unit, this.#sessions.builderOf(unit.unitKey)),
      isChanged: (unitKey) => this.#changed.has(unitKey),
      isPaused: this.#services.isPaused,
      adopting: (id) => void this.#adopting.set(id, 'intact'),
      promoted: (draft, id, facts, wasKnown) => this.#promoted(draft, id, facts, wasKnown),
      keptPrivate: (files, reason, message) => this.#keptPrivate(files, reason, message),
      failed: (error, units) => {
        if (isDiskFull(error)) this.#services.pause(messageOf(error));
        // Its files are gone: there is nothing left that could have been promoted.
        if (this.#host !== host) return;
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
      if (facts && isIntact) this.#present(id, facts, await sinceWhen(host, facts));
    }
    for (const path of await host.call('fingerprints')) promoter.enqueue(path, true);
  }

  #present(id: string, facts: UnitFacts, sinceNs: bigint): void {
    this.#units.set({ state: 'stored', unitKey: unitKeyOf(facts), id, facts, sinceNs });
    this.#offers.prefer(facts.buildDir);
  }

  /** A fault of ours or of the disk is a miss: nobody may wait for an answer that never comes. */
  #answer(question: ResolveQuestion): ResolveAnswer {
    try {
      return this.#offers.answer(question);
    } catch (error) {
      if (isDiskFull(error)) this.#services.pause(messageOf(error));
      this.#services.log.warn({ view: this.mountPoint, err: error }, 'a lookup failed');
      return { kind: 'miss' };
    }
  }

  #event(event: ViewEvent): void {
    try {
      this.#handle(event);
    } catch (error) {
      this.#services.log.warn(
        { view: this.mountPoint, event: event.kind, err: error },
        'event lost',
      );
    }
  }

  #handle(event: ViewEvent): void {
    switch (event.kind) {
      case 'unit-written':
        this.#written(event.path, event.cargo);
        return;
      case 'unit-changed':
        // Whatever was known of it, its dependents must not be judged by that.
        this.#changed.add(event.unitKey);
        this.#units.delete(event.unitKey);
        return;
      case 'attached':
        for (const id of event.ids) this.#attached(id);
        for (const id of event.refused) this.#offers.refused(id);
        return;
      case 'spoiled':
        this.#units.deleteById(event.id);
        if (this.#adopting.has(event.id)) this.#adopting.set(event.id, 'spoiled');
        return;
      case 'recalled':
        this.#sessions.recall(event.builders);
        this.#runs.recall(event.sideEffects);
        return;
      case 'side-effect':
        this.#runs.set(event.unitKey, event.message);
        return;
      case 'root-emptied':
        this.#emptied(event.isDetached);
    }
  }

  #written(path: VirtualPath, cargo: CargoProcess | undefined): void {
    const unit = parseUnitPath(path);
    if (unit === undefined) return;
    this.#changed.delete(unit.unitKey);
    this.#units.delete(unit.unitKey);
    this.#sessions.built(unit.unitKey, cargo);
    this.#runs.written();
    this.#tally.compiled(unit, this.#sessions.builderOf(unit.unitKey));
    this.#promoter?.enqueue(path, false);
  }

  /** Nothing of before counts any more, and clean-up may have it once nobody has it open. */
  #emptied(isDetached: boolean): void {
    this.#units.clear();
    this.#changed.clear();
    this.#offers.clear();
    this.#sessions.clear();
    this.#runs.clear();
    const releaseBefore = this.#lease.renew();
    const host = this.#host;
    if (isDetached) {
      this.#giveUpHost();
      // What is open there has descriptors of its own.
      releaseBefore();
      this.#services.emptied(this.mountPoint);
      return;
    }
    if (host === undefined) return;
    this.#holdRest(host, releaseBefore).catch((error: unknown) => {
      // It was removed meanwhile, and holds nothing any more.
      if (this.#host !== host) return;
      // The old lease stays: it holds too much, not too little.
      this.#services.log.warn({ view: this.mountPoint, err: error }, 'the lease was not renewed');
    });
  }

  /** Holds what the emptied view still has open, and then no more what it had before. */
  async #holdRest(host: ViewHost, releaseBefore: () => void): Promise<void> {
    const digests = (await host.call('backingDigests')) as Digest[];
    if (this.#host !== host) return;
    this.#lease.add(digests);
    releaseBefore();
  }

  /** The end of a detached mount, whenever it comes, is not the end of the view. */
  #giveUpHost(): void {
    this.#mountCount += 1;
    if (this.#host) this.#detached.push(this.#host);
    this.#host = undefined;
    void this.#promoter?.close();
    this.#promoter = undefined;
  }

  #attached(id: string): void {
    const offered = this.#offers.attached(id);
    if (offered === undefined) return;
    const { facts } = offered;
    this.#changed.delete(unitKeyOf(facts));
    this.#present(id, facts, offered.stampNs);
    this.#tally.served(id, facts, offered.session);
    this.#promoter?.settled(facts.fingerprint);
  }

  #promoted(draft: UnitDraft, id: string, facts: UnitFacts, wasKnown: boolean): void {
    const { unitKey } = draft.files.unit;
    this.#lease.add([id as Digest]);
    // Its files may have been removed while the store was written.
    const isSpoiled = this.#adopting.get(id) === 'spoiled';
    this.#adopting.delete(id);
    if (!isSpoiled && !this.#changed.has(unitKey)) this.#present(id, facts, draft.startedNs);
    const session = this.#sessions.builderOf(unitKey);
    this.#tally.promoted(id, facts, wasKnown, session);
    this.#verify(id, facts, session);
  }

  /** Compares it with the stored unit that was not served for that purpose. */
  #verify(id: string, facts: UnitFacts, session: string | undefined): void {
    const { verification, log } = this.#services;
    verification.built(id as Digest, facts).then(
      (result) => {
        if (result !== undefined) this.#tally.verified(result, session);
      },
      (error: unknown) => {
        log.warn({ view: this.mountPoint, unit: id, err: error }, 'a unit could not be compared');
      },
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
    this.#services.verification.forget(unit.unitKey);
    const session = this.#sessions.builderOf(unit.unitKey);
    this.#tally.keptPrivate(files, { reason, message }, session);
  }

  #ended(error: string | undefined): void {
    if (this.#host === undefined || this.#isClosing) return;
    this.#host = undefined;
    this.#promoter = undefined;
    this.#units.clear();
    this.#services.lost(this.mountPoint, error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

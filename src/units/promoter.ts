/**
 * Moves complete units of one view into the store. Runs beside the build: it looks at a unit after
 * cargo's last write to it, waits for its dependencies, hashes, stores, and exchanges the upper
 * files for the stored ones. Whatever goes wrong, the unit just stays in the upper layer.
 */
import { open } from 'node:fs/promises';
import type { VirtualPath } from '../base/byte-string.js';
import { isErrno } from '../base/errors.js';
import type { Adoption, SnapshotEntry } from '../fs/view-control.js';
import type { UnitDraft } from './draft-base.js';
import { MacroMentions } from './macro-mentions.js';
import { storeUnit, UnstorableUnit, type StoredFiles } from './unit-storing.js';
import { draftUnit } from './unit-draft.js';
import { namedUnit, readEntry, readUnitFiles, type NamedUnit } from './unit-files.js';
import type { PromoterContext } from './promoter-context.js';

/** Cargo finishes units in bursts; one look at several costs one round trip. */
const gatherMs = 60;

/** Units looked at together. */
const batchMax = 16;

export class Promoter {
  readonly #context: PromoterContext;
  readonly #macros = new MacroMentions();
  /** Units to look at, by unit key. */
  readonly #queue = new Map<string, NamedUnit>();
  /** Units that wait for another one, by that one's fingerprint. */
  readonly #waiting = new Map<string, Map<string, NamedUnit>>();
  /** Units that were here before any session, while none is known. */
  readonly #unclaimed = new Map<string, NamedUnit>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #isClosed = false;

  constructor(context: PromoterContext) {
    this.#context = context;
  }

  /** Units that will be looked at; those that wait for a dependency are not among them. */
  get pending(): number {
    return this.#queue.size + (this.#isRunning ? 1 : 0);
  }

  /**
   * The unit's fingerprint JSON was written (or found when the view was mounted: then a unit that
   * is served already is left alone).
   */
  enqueue(path: VirtualPath, isOld: boolean): void {
    const unit = namedUnit(path);
    if (unit === undefined || this.#isClosed) return;
    if (isOld && this.#context.units.get(unit.unitKey)?.state === 'stored') return;
    // At the end of the queue: what it depends on was written before.
    this.#queue.delete(unit.unitKey);
    this.#queue.set(unit.unitKey, unit);
    this.#schedule();
  }

  /** Looks again at the units that waited for this fingerprint. */
  settled(fingerprint: string): void {
    const waiting = this.#waiting.get(fingerprint);
    if (waiting === undefined) return;
    this.#waiting.delete(fingerprint);
    for (const unit of waiting.values()) this.#queue.set(unit.unitKey, unit);
    this.#schedule();
  }

  /** A session is known now that may have built what was here before. */
  reclaim(): void {
    for (const unit of this.#unclaimed.values()) this.#queue.set(unit.unitKey, unit);
    this.#unclaimed.clear();
    this.#schedule();
  }

  /** A pause is over. */
  resume(): void {
    this.#schedule();
  }

  /** Resolves when everything that was written so far has been looked at. */
  async drain(): Promise<void> {
    while (this.pending > 0 && !this.#context.isPaused()) {
      this.#start();
      await this.#running;
    }
  }

  /** Takes no new units and waits for the one in hand. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#queue.clear();
    await this.#running;
  }

  #schedule(): void {
    if (this.#isClosed || this.#isRunning || this.#timer !== undefined) return;
    if (this.#queue.size === 0) return;
    this.#timer = setTimeout(() => this.#start(), gatherMs);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isRunning || this.#context.isPaused()) return;
    this.#isRunning = true;
    this.#running = this.#work().finally(() => {
      this.#isRunning = false;
      if (this.#queue.size > 0) this.#schedule();
    });
  }

  async #work(): Promise<void> {
    while (this.#queue.size > 0 && !this.#isClosed && !this.#context.isPaused()) {
      const batch = [...this.#queue.values()].slice(0, batchMax);
      for (const unit of batch) {
        this.#queue.delete(unit.unitKey);
        // An earlier promotion may just have ended; this look decides anew.
        this.#context.units.delete(unit.unitKey);
      }
      try {
        const snapshots = await this.#context.call('snapshotUnits', batch);
        const drafts: UnitDraft[] = [];
        for (const [index, unit] of batch.entries()) {
          const draft = await this.#draftAlone(unit, snapshots[index] ?? []);
          if (draft) drafts.push(draft);
        }
        await this.#storeAll(drafts);
      } catch (error) {
        this.#context.failed(error, batch);
      }
    }
  }

  /** A unit that cannot be judged must not keep the others out. */
  async #draftAlone(
    unit: NamedUnit,
    entries: readonly SnapshotEntry[],
  ): Promise<UnitDraft | undefined> {
    try {
      return await this.#draft(unit, entries);
    } catch (error) {
      this.#context.failed(error, [unit]);
      return undefined;
    }
  }

  async #draft(unit: NamedUnit, entries: readonly SnapshotEntry[]): Promise<UnitDraft | undefined> {
    const context = this.#context;
    const environment = context.environmentOf(unit.unitKey);
    if (environment === undefined) {
      this.#unclaimed.set(unit.unitKey, unit);
      return undefined;
    }
    const files = await readUnitFiles(unit, entries, context.blobPath);
    if (files === undefined || context.isChanged(unit.unitKey)) return undefined;
    const sideEffect =
      files.name.kind === 'run-build-script' ? context.sideEffectOf(unit) : undefined;
    if (environment.kind === 'unknown' || sideEffect !== undefined) {
      const reason = environment.kind === 'unknown' ? environment.reason : 'side-effect';
      const message = environment.kind === 'unknown' ? environment.detail : (sideEffect ?? '');
      context.keptPrivate(files, reason, message);
      this.settled(files.fingerprintHash);
      return undefined;
    }
    const verdict = await draftUnit(files, {
      environment,
      units: context.units,
      inputs: context.inputs,
      host: context.host,
      macros: this.#macros,
      blobPath: context.blobPath,
      readViewFile: async (path) => await this.#readViewFile(path),
    });
    switch (verdict.kind) {
      case 'draft':
        return verdict;
      case 'private':
        context.keptPrivate(files, verdict.reason, verdict.message);
        this.settled(files.fingerprintHash);
        return undefined;
      case 'waiting': {
        const waiting = this.#waiting.get(verdict.fingerprint) ?? new Map<string, NamedUnit>();
        this.#waiting.set(verdict.fingerprint, waiting.set(unit.unitKey, unit));
        return undefined;
      }
    }
  }

  async #readViewFile(path: VirtualPath): Promise<Buffer | undefined> {
    const [entry] = await this.#context.call('snapshot', path);
    return entry?.kind === 'file' ? await readEntry(entry, this.#context.blobPath) : undefined;
  }

  async #storeAll(drafts: readonly UnitDraft[]): Promise<void> {
    if (drafts.length === 0) return;
    const context = this.#context;
    const prepared: { draft: UnitDraft; stored: StoredFiles }[] = [];
    for (const draft of drafts) {
      try {
        const stored = await storeUnit(draft, context);
        if (context.rejections.has(stored.facts)) this.#rejected(draft, stored);
        else if ((await context.call('prepareAdoption', adoptionOf(stored))) === 'done') {
          prepared.push({ draft, stored });
        } else this.#changed(draft, stored);
      } catch (error) {
        this.#failed(error, draft);
      }
    }
    if (prepared.length === 0) return;
    // The journal names the stored bytes from here on; it must reach the disk before any upper
    // file goes away.
    await syncFile(context.journalPath);
    const complete: { draft: UnitDraft; stored: StoredFiles }[] = [];
    for (const item of prepared) {
      context.adopting(item.stored.id);
      if ((await context.call('completeAdoption', adoptionOf(item.stored))) === 'done') {
        complete.push(item);
      } else this.#changed(item.draft, item.stored);
    }
    await this.#commitAll(complete);
  }

  /** One unit that the store refuses must not keep the others out. */
  async #commitAll(complete: readonly { draft: UnitDraft; stored: StoredFiles }[]): Promise<void> {
    try {
      await this.#commit(complete);
    } catch (error) {
      if (complete.length < 2) throw error;
      for (const item of complete) {
        try {
          await this.#commit([item]);
        } catch (single) {
          // Its lease stays: the view is served from these bytes, though no unit names them.
          this.#failed(single, item.draft);
        }
      }
    }
  }

  /** Where the disk is full the unit is tried again after the pause. */
  #failed(error: unknown, { files }: UnitDraft): void {
    if (error instanceof UnstorableUnit) {
      this.#context.keptPrivate(files, 'not-storable', error.message);
      this.settled(files.fingerprintHash);
      return;
    }
    if (isDiskFull(error) && !this.#isClosed) this.#queue.set(files.unit.unitKey, files.unit);
    this.#context.failed(error, [files.unit]);
  }

  async #commit(complete: readonly { draft: UnitDraft; stored: StoredFiles }[]): Promise<void> {
    const context = this.#context;
    const fresh = complete.filter(({ stored }) => !stored.isKnown);
    await context.store.fsyncBlobDirectories(fresh.flatMap(({ stored }) => stored.blobs));
    // An equal unit may have gone since, if its bytes proved bad.
    const missing = complete.filter(
      ({ stored }) => !stored.isKnown || context.store.manifest(stored.id) === undefined,
    );
    if (missing.length > 0) {
      await context.store.commit(missing.map(({ stored }) => ({ manifest: stored.manifest })));
    }
    await context.store.renew(complete.map(({ stored }) => stored.id));
    for (const { draft, stored } of complete) {
      stored.lease[Symbol.dispose]();
      context.promoted(draft, stored.id, stored.facts, stored.isKnown);
      this.settled(draft.files.fingerprintHash);
    }
  }

  /** A person has said that this very unit must not be shared. */
  #rejected({ files }: UnitDraft, stored: StoredFiles): void {
    stored.lease[Symbol.dispose]();
    const message = 'a unit like it was rejected (xcache units --rejected)';
    this.#context.keptPrivate(files, 'rejected', message);
    this.settled(files.fingerprintHash);
  }

  /** Someone wrote to a file of the finished unit: it is looked at again when cargo finishes it. */
  #changed(draft: UnitDraft, stored: StoredFiles): void {
    stored.lease[Symbol.dispose]();
    // Looked at while cargo wrote its last file: that write has asked for another look already.
    if (this.#queue.has(draft.files.unit.unitKey)) return;
    this.#context.keptPrivate(
      draft.files,
      'changed',
      'a file of it was changed after it was built',
    );
  }
}

function adoptionOf(stored: StoredFiles): Adoption {
  return { attachment: stored.id, files: stored.adopted, witnesses: stored.witnesses };
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Whether promotion should pause: the disk, not the unit, is the problem. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (['ENOSPC', 'EDQUOT', 'XC_NO_SPACE'].some((code) => isErrno(error, code))) return true;
  // From the serving thread only the text comes.
  return /\b(?:ENOSPC|EDQUOT)\b/.test(error.message);
}

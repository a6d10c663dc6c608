/**
 * The store: immutable blobs, the manifests of units that are made of them, and the index that finds
 * units. One process at a time; everything a file system must know at once is answered synchronously.
 */
import { rename, mkdir } from 'node:fs/promises';
import { symlinkBytesMax } from '../base/limits.js';
import { commitManifests } from './commit.js';
import { DeferredRows } from './deferred-rows.js';
import type { Counters, InputRow } from './deferred-rows.js';
import { DigestDirectory } from './digest-directory.js';
import { hashBytes } from './digest.js';
import type { HashRequest, HashResult } from './hash-file.js';
import { HashPool } from './hash-pool.js';
import { IndexDamagedError, openIndexDb } from './index-db.js';
import type { IndexDb } from './index-db.js';
import type { Digest, Manifest } from './manifest.js';
import { Protections } from './protections.js';
import type { Lease, ViewReferences } from './protections.js';
import { findBadBlobs, rejectUnits, removeUnits } from './removal.js';
import { rebuildIndex, removeUnindexedManifests, retryAfterRebuild } from './rebuild.js';
import type { RebuildParts } from './rebuild.js';
import { encodeRow, rowPrefix } from './rows.js';
import { SerialQueue } from './serial-queue.js';
import type { StepHook } from './step-hook.js';
import {
  diskError,
  emptyStaging,
  prepareStoreDirectory,
  quarantinePath,
} from './store-directory.js';
import type { StorePaths } from './store-directory.js';
import type { StoreLog } from './store-log.js';
import type { StoreParts } from './store-parts.js';
import { UnitIndex } from './unit-index.js';
import { requiredBlobs } from './unit-rows.js';

export interface StoreOptions {
  readonly directory: string;
  readonly log: StoreLog;
  /** Milliseconds since the epoch; the system's clock unless given. */
  readonly clock?: () => number;
  /** Threads that hash; one unless given. */
  readonly hashThreads?: number;
  /** For tests that stop at a step. */
  readonly stepHook?: StepHook;
}

/** What the store holds. */
export interface StoreStats {
  readonly units: number;
  readonly blobs: number;
  /** What blobs and manifests take on disk. */
  readonly physicalBytes: number;
  /** The bytes of the files of all units, as if nothing were shared. */
  readonly logicalBytes: number;
}

/** One stored unit. */
export interface UnitSummary {
  readonly digest: Digest;
  readonly lookupKey: string;
  readonly sizeBytes: number;
  readonly createdMs: number;
  readonly lastUsedMs: number;
  readonly facts: unknown;
}

/**
 * Opens the store in `directory`, which is made where it is missing, and owns it until `close`.
 * Throws `XcacheError` with `XC_STORE_UNSAFE`, `XC_STORE_VERSION`, `XC_STORE_LOCKED`, `XC_READ_ONLY`
 * or `XC_NO_SPACE`. An index that is missing or damaged is rebuilt from the manifests.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { log, clock = Date.now, stepHook: step = () => undefined } = options;
  const paths = await prepareStoreDirectory(options.directory);
  const db = await openIndex(paths, log);
  try {
    await emptyStaging(paths);
    const blobs = new DigestDirectory(paths.blobs, paths.staging, step);
    const manifests = new DigestDirectory(paths.manifests, paths.staging, step);
    const index = new UnitIndex(db, log);
    const core = { paths, blobs, manifests, index, clock, log, step };
    await checkIndex(core);
    const protections = new Protections((digest) => index.unit(digest)?.blobs ?? [], clock);
    for await (const [view, row] of index.rows('view')) protections.setView(view, row);
    return new Store({
      ...core,
      deferred: new DeferredRows(index, clock, log),
      protections,
      hashing: new HashPool(options.hashThreads),
      queue: new SerialQueue(),
      openedMs: clock(),
    });
  } catch (error) {
    await db.close();
    throw diskError(error, paths.directory);
  }
}

/** An open store. After `close` every call throws. */
export class Store implements AsyncDisposable {
  /** For the modules of this folder (gc, verify); everybody else uses the methods. */
  readonly parts: StoreParts;
  #closing: Promise<void> | undefined;

  constructor(parts: StoreParts) {
    this.parts = parts;
  }

  /** Where the blob is or would be. Finished files may be renamed to it; see `ensureBlobDirectorySync`. */
  blobPath(digest: Digest): string {
    return this.parts.blobs.pathOf(digest);
  }

  /**
   * Whether the blob is there, and long enough. Only a lease that was taken before the question
   * keeps the answer true.
   */
  hasBlobSync(digest: Digest, sizeBytes = 0): boolean {
    const stats = this.parts.blobs.lstatSync(digest);
    return stats !== undefined && stats.size >= sizeBytes;
  }

  /** Whether all bytes that a unit names are there, as far as lengths tell. */
  hasBlobsSync(manifest: Manifest): boolean {
    for (const [digest, sizeBytes] of requiredBlobs(manifest)) {
      if (!this.hasBlobSync(digest, sizeBytes)) return false;
    }
    return true;
  }

  /** Makes the directory that `blobPath(digest)` lies in. */
  ensureBlobDirectorySync(digest: Digest): void {
    this.parts.blobs.ensureShardSync(digest);
  }

  /**
   * Stores bytes as a blob, durable at return; a damaged one that is there is replaced. The blob is
   * held until a unit that names it is committed, for ten minutes at most, and beyond that as long
   * as `lease`.
   */
  async putBytes(bytes: Uint8Array, lease?: Lease): Promise<Digest> {
    const digest = this.#holdPut(bytes, lease);
    const { blobs } = this.parts;
    if (!(await blobs.holds(digest, bytes))) {
      await this.#onDisk(async () => {
        await blobs.publish(digest, bytes);
        await blobs.syncShards([digest]);
      });
    }
    return digest;
  }

  /** Like `putBytes`, blocking: for the resolver, and small. */
  putBytesSync(bytes: Uint8Array, lease?: Lease): Digest {
    const digest = this.#holdPut(bytes, lease);
    const { blobs, paths } = this.parts;
    if (blobs.holdsSync(digest, bytes)) return digest;
    try {
      blobs.publishSync(digest, bytes);
      return digest;
    } catch (error) {
      throw diskError(error, paths.directory);
    }
  }

  /** Digests of files, computed in worker threads, in the order asked; rejects with the first failure. */
  async hashFiles(requests: readonly HashRequest[]): Promise<HashResult[]> {
    return await this.parts.hashing.hash(requests);
  }

  /** Makes the names of blobs that were renamed to their paths durable. */
  async fsyncBlobDirectories(digests: Iterable<Digest>): Promise<void> {
    await this.parts.blobs.syncShards(digests);
  }

  /**
   * Stores units whose blobs are there and durable: all of them or none. Durable and visible at
   * return. A manifest that is stored already is left as it is. Throws where a manifest breaks a
   * rule or a blob is missing, too short, or has a second name.
   */
  async commit(batch: readonly { readonly manifest: Manifest }[]): Promise<Digest[]> {
    const manifests = batch.map(({ manifest }) => manifest);
    return await this.#change(async () => await commitManifests(this.parts, manifests));
  }

  /**
   * What was made again and is equal to a stored unit counts as the newest under its key. Costs
   * nothing where it is that already.
   */
  async renew(digests: readonly Digest[]): Promise<void> {
    const old = digests.filter((digest) => !this.parts.index.isNewest(digest));
    if (old.length === 0) return;
    await this.#change(async () => await this.parts.index.renew(old));
  }

  /**
   * Removes units that nobody may have any more, except those that are held at this moment, which
   * the owner keeps from being found. Returns those that went.
   */
  async removeUnits(digests: readonly Digest[]): Promise<readonly Digest[]> {
    const { units } = await this.#change(async () => await removeUnits(this.parts, digests));
    return units;
  }

  /** Digests of the units under a key, newest first. */
  candidates(lookupKey: string): readonly Digest[] {
    return this.parts.index.candidates(lookupKey);
  }

  /** A stored unit; undefined where there is none or where its record is not whole. */
  manifest(digest: Digest): Manifest | undefined {
    return this.parts.index.manifest(digest);
  }

  /** Lookup keys that start with `prefix`. */
  async *keysWithPrefix(prefix: string): AsyncGenerator<string> {
    for await (const key of this.parts.index.db.keys(rowPrefix.lookup + prefix)) {
      yield key.slice(rowPrefix.lookup.length);
    }
  }

  /** Whether a stored unit carries this marker. */
  hasMarker(name: string): boolean {
    return this.parts.index.hasMarker(name);
  }

  /**
   * Takes a unit whose bytes proved bad out of service: a miss from this call on. Its blobs are
   * then hashed; bad ones go to quarantine with every unit that uses them. Returns those units.
   */
  async rejectManifest(digest: Digest, reason: string): Promise<readonly Digest[]> {
    this.parts.index.hide([digest]);
    const blobs = this.parts.index.unit(digest)?.blobs ?? [];
    const bad = await findBadBlobs(this.parts, blobs);
    const rejected = await this.#change(
      async () => await rejectUnits(this.parts, [digest], bad, reason),
    );
    // Its rows are gone, so it stays a miss; an equal unit may be stored again.
    this.parts.index.show([digest]);
    return rejected;
  }

  /**
   * Keeps blobs and units (with their blobs) from being removed until it is disposed of. A unit may
   * have gone since it was looked up: ask for its manifest again after taking the lease.
   */
  lease(owner: string, digests: Iterable<Digest>): Lease {
    return this.parts.protections.lease(owner, digests);
  }

  /**
   * Replaces what a view refers to; durable at return, in force from the call on. Blobs of units
   * that may be missing from the index must be named too.
   */
  async setViewReferences(view: string, references: ViewReferences): Promise<void> {
    const { protections, index } = this.parts;
    const { manifests, blobs } = references;
    protections.setView(view, references);
    const key = rowPrefix.view + view;
    const value = encodeRow('view', key, { manifests: [...manifests], blobs: [...blobs] });
    await index.db.write([{ type: 'put', key, value }], true);
  }

  /** Forgets a view and all that it refers to. */
  async dropView(view: string): Promise<void> {
    await this.parts.index.db.write([{ type: 'del', key: rowPrefix.view + view }], true);
    this.parts.protections.setView(view, undefined);
  }

  /** Views that refer to something. */
  views(): readonly string[] {
    return this.parts.protections.views();
  }

  /** The units that a view serves, as of `setViewReferences`. */
  viewManifests(view: string): readonly Digest[] {
    return this.parts.protections.manifestsOf(view);
  }

  /** Bytes of the files of a unit; 0 where there is none. */
  unitBytes(digest: Digest): number {
    return this.parts.index.unit(digest)?.sizeBytes ?? 0;
  }

  /** How many views each unit is attached to, `open` ones (which hold by a lease) as given. */
  attachedViews(open: ReadonlyMap<string, readonly Digest[]>): ReadonlyMap<Digest, number> {
    return this.parts.protections.attachedViews(open);
  }

  /** Notes that units were used; written out later. */
  recordUse(digests: Iterable<Digest>, atMs: number): void {
    this.parts.deferred.recordUse(digests, atMs);
  }

  /** What is remembered of a source file; the caller compares it with the file. */
  inputRow(path: string): InputRow | undefined {
    return this.parts.deferred.input(path);
  }

  /** Remembers digests of source files; seen at once, written out later. */
  putInputRows(rows: Iterable<InputRow & { readonly path: string }>): void {
    for (const { path, ...row } of rows) {
      if (path.length <= symlinkBytesMax) this.parts.deferred.putInput(path, row);
    }
  }

  /** Adds to the statistics; written out later. */
  addCounters(delta: Partial<Counters>): void {
    this.parts.deferred.addCounters(delta);
  }

  counters(): Counters {
    return this.parts.deferred.counters;
  }

  stats(): StoreStats {
    const { units, blobs, physicalBytes, logicalBytes } = this.parts.index.totals;
    return { units, blobs, physicalBytes, logicalBytes };
  }

  /** All units; those that come or go meanwhile may be seen or not. */
  async *list(): AsyncGenerator<UnitSummary> {
    const { index, deferred } = this.parts;
    for await (const [name, row] of index.rows('unit')) {
      const digest = name as Digest;
      const manifest = this.manifest(digest);
      if (manifest === undefined) continue;
      const { lookupKey, sizeBytes, createdMs } = row;
      const lastUsedMs = Math.max(createdMs, deferred.lastUse(digest) ?? 0);
      yield { digest, lookupKey, sizeBytes, createdMs, lastUsedMs, facts: manifest.facts };
    }
  }

  /** Writes out what waits in memory. */
  async flush(): Promise<void> {
    await this.parts.deferred.flush();
  }

  /** Ends running changes, writes out what waits, and gives the directory free. Idempotent. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Before the blob is looked for, so that it cannot go between the look and its use. */
  #holdPut(bytes: Uint8Array, lease: Lease | undefined): Digest {
    const digest = hashBytes(bytes);
    lease?.add([digest]);
    this.parts.protections.holdPut(digest);
    return digest;
  }

  async #close(): Promise<void> {
    const { deferred, queue, hashing, index, log } = this.parts;
    await queue.idle();
    try {
      await deferred.flush();
    } catch (error) {
      log.warn({ error }, 'statistics could not be written');
    }
    deferred.stop();
    await hashing.close();
    await index.db.close();
  }

  /** Runs a change of the set of units alone, rebuilding the index where it proves inconsistent. */
  async #change<T>(change: () => Promise<T>): Promise<T> {
    return await this.parts.queue.run(
      async () => await this.#onDisk(async () => await retryAfterRebuild(this.parts, change)),
    );
  }

  async #onDisk<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw diskError(error, this.parts.paths.directory);
    }
  }
}

/** Opens the index; one that does not open is set aside, and an empty one takes its place. */
async function openIndex(paths: StorePaths, log: StoreLog): Promise<IndexDb> {
  try {
    return await openIndexDb(paths.index);
  } catch (error) {
    if (!(error instanceof IndexDamagedError)) throw error;
    const aside = quarantinePath(paths, 'index');
    log.warn({ error: error.cause, aside }, 'the index does not open and is set aside');
    await rename(paths.index, aside);
    await mkdir(paths.index, { mode: 0o700 });
    return await openIndexDb(paths.index);
  }
}

/** Makes the index one that can be read and agrees with the manifests. */
async function checkIndex(core: RebuildParts): Promise<void> {
  const { index, manifests } = core;
  try {
    if (await index.load()) {
      await removeUnindexedManifests(core);
      for await (const _view of index.rows('view'));
    } else if (!(await isNew(index, manifests))) {
      await rebuildIndex(core, 'it is missing or has lost rows');
    }
  } catch (error) {
    if (!(error instanceof IndexDamagedError)) throw error;
    await rebuildIndex(core, 'it cannot be read');
  }
}

/** Whether there is nothing to rebuild from: a store without units and without rows of units. */
async function isNew(index: UnitIndex, manifests: DigestDirectory): Promise<boolean> {
  for await (const _key of index.db.keys(rowPrefix.unit)) return false;
  for await (const { digest } of manifests.files()) if (digest !== undefined) return false;
  return true;
}

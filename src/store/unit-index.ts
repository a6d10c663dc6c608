/**
 * The units of the index: synchronous lookups, and the batches that add and remove units. Changes
 * are made by one caller at a time (`StoreParts.queue`).
 */
import { candidatesMax } from '../base/limits.js';
import { hashBytes } from './digest.js';
import type { IndexDb } from './index-db.js';
import { ManifestCache } from './manifest-cache.js';
import { decodeManifest } from './manifest-codec.js';
import type { Digest, Manifest } from './manifest.js';
import { IndexInconsistentError, RowChange } from './row-change.js';
import { decodeRow, rowPrefix, totalsKey, unframeRow } from './rows.js';
import type { BlobRow, Row, RowKind, TotalsRow, UnitRow } from './rows.js';
import type { StoreLog } from './store-log.js';
import { addUnitRows, noTotals, removeUnitRows, toggleSetHash } from './unit-rows.js';
import type { StoredUnit } from './unit-rows.js';

/** What a removal left without a reference. */
export interface Removal {
  readonly removed: readonly Digest[];
  readonly releasedBlobs: readonly Digest[];
}

/** Damaged rows that are reported one by one; more add nothing. */
const reportedRowsMax = 100;

export class UnitIndex {
  readonly db: IndexDb;
  readonly #log: StoreLog;
  readonly #cache = new ManifestCache();
  readonly #reported = new Set<string>();
  /** Units that are on their way out: a miss, though their rows may still be there. */
  readonly #hidden = new Set<Digest>();
  /** As in the index; replaced after each batch that changed them. */
  #totals: TotalsRow = noTotals;

  constructor(db: IndexDb, log: StoreLog) {
    this.db = db;
    this.#log = log;
  }

  /** Sums over all units, as of the last change. */
  get totals(): TotalsRow {
    return this.#totals;
  }

  /**
   * Reads the totals and compares them with the units that are there. False where they differ or
   * are missing: LevelDB can lose batches without an error (bytes damaged in the middle of its log),
   * and then everything that counts references is wrong.
   */
  async load(): Promise<boolean> {
    this.#cache.clear();
    this.#totals = noTotals;
    const totals = this.row('totals', totalsKey);
    let units = 0;
    let setHash = noTotals.setHash;
    for await (const key of this.db.keys(rowPrefix.unit)) {
      units += 1;
      setHash = toggleSetHash(setHash, key.slice(rowPrefix.unit.length) as Digest);
    }
    if (totals === undefined) return false;
    this.#totals = totals;
    return totals.units === units && totals.setHash === setHash;
  }

  /** Digests of the manifests under a key, newest first, at most `candidatesMax`. */
  candidates(lookupKey: string): readonly Digest[] {
    const listed = this.row('lookup', rowPrefix.lookup + lookupKey)?.manifests ?? [];
    const manifests =
      this.#hidden.size > 0 ? listed.filter((digest) => !this.#hidden.has(digest)) : listed;
    return manifests.length > candidatesMax ? manifests.slice(0, candidatesMax) : manifests;
  }

  /** Whether a unit is the first under its key; true for one that is not there. */
  isNewest(digest: Digest): boolean {
    const unit = this.unit(digest);
    if (unit === undefined) return true;
    const listed = this.row('lookup', rowPrefix.lookup + unit.lookupKey)?.manifests;
    return listed?.[0] === digest;
  }

  /** The manifest, whose bytes have been compared with their digest; undefined where there is none. */
  manifest(digest: Digest): Manifest | undefined {
    if (this.#hidden.has(digest)) return undefined;
    const cached = this.#cache.get(digest);
    if (cached !== undefined) return cached;
    const bytes = this.manifestBytes(digest);
    if (bytes === undefined) return undefined;
    const manifest = decodeManifest(bytes);
    if (manifest === undefined) this.#report(rowPrefix.manifest + digest);
    else this.#cache.add(digest, manifest, bytes.length);
    return manifest;
  }

  /** Makes units a miss from this call on, until `show` or until they are added anew. */
  hide(digests: Iterable<Digest>): void {
    for (const digest of digests) this.#hidden.add(digest);
  }

  /** Takes `hide` back. */
  show(digests: Iterable<Digest>): void {
    for (const digest of digests) this.#hidden.delete(digest);
  }

  /** The encoded manifest, whose digest is right; undefined where there is none. */
  manifestBytes(digest: Digest): Buffer | undefined {
    const key = rowPrefix.manifest + digest;
    const framed = this.db.getSync(key);
    if (framed === undefined) return undefined;
    const bytes = unframeRow(key, framed);
    if (bytes !== undefined && hashBytes(bytes) === digest) return bytes;
    this.#report(key);
    return undefined;
  }

  /** What the index says of a unit. */
  unit(digest: Digest): UnitRow | undefined {
    return this.row('unit', rowPrefix.unit + digest);
  }

  /**
   * What the index says of a blob; undefined where no unit references it. Throws
   * `IndexDamagedError`: a blob must not be removed because its row cannot be read.
   */
  blob(digest: Digest): BlobRow | undefined {
    const key = rowPrefix.blob + digest;
    return this.#decode('blob', key, this.db.getCheckedSync(key));
  }

  /** Whether a unit carries the marker. */
  hasMarker(marker: string): boolean {
    return this.row('marker', rowPrefix.marker + marker) !== undefined;
  }

  /** A row by its key; a damaged one is reported and counts as missing. */
  row<K extends RowKind>(kind: K, key: string): Row<K> | undefined {
    return this.#decode(kind, key, this.db.getSync(key));
  }

  /** All rows of a kind, each with its key less the prefix; damaged ones are reported and left out. */
  async *rows<K extends RowKind & keyof typeof rowPrefix>(
    kind: K,
  ): AsyncGenerator<readonly [name: string, row: Row<K>]> {
    const prefix = rowPrefix[kind];
    for await (const [key, framed] of this.db.rows(prefix)) {
      const row = decodeRow(kind, key, framed);
      if (row === undefined) this.#report(key);
      else yield [key.slice(prefix.length), row];
    }
  }

  /** Names the units in the index; durable at return. Those that are there already stay as they are. */
  async add(units: readonly StoredUnit[]): Promise<void> {
    await this.#recover();
    const change = new RowChange(this.db);
    let totals = this.#totals;
    for (const unit of units) {
      if (change.get('unit', rowPrefix.unit + unit.encoded.digest) !== undefined) continue;
      totals = addUnitRows(change, totals, unit);
    }
    await this.#apply(change, totals);
    this.show(units.map(({ encoded }) => encoded.digest));
  }

  /**
   * Puts units in front of the others under their keys, as if they were stored now; durable at
   * return. An index that is rebuilt has the order of their first storing again.
   */
  async renew(digests: readonly Digest[]): Promise<void> {
    await this.#recover();
    const change = new RowChange(this.db);
    for (const digest of digests) {
      const unit = change.get('unit', rowPrefix.unit + digest);
      if (unit === undefined) continue;
      const key = rowPrefix.lookup + unit.lookupKey;
      const manifests = change.get('lookup', key)?.manifests ?? [];
      if (manifests[0] === digest) continue;
      const others = manifests.filter((one) => one !== digest);
      change.put('lookup', key, { manifests: [digest, ...others] });
    }
    const operations = change.operations();
    if (operations.length > 0) await this.db.write(operations, true);
  }

  /** Takes the units out of the index; durable at return. */
  async remove(digests: readonly Digest[]): Promise<Removal> {
    await this.#recover();
    const change = new RowChange(this.db);
    const released = new Set<Digest>();
    const removed: Digest[] = [];
    let totals = this.#totals;
    for (const digest of digests) {
      const after = removeUnitRows(change, totals, digest, released);
      if (after !== totals) removed.push(digest);
      totals = after;
    }
    await this.#apply(change, totals);
    for (const digest of removed) this.#cache.delete(digest);
    return { removed, releasedBlobs: [...released] };
  }

  #decode<K extends RowKind>(kind: K, key: string, framed: Buffer | undefined): Row<K> | undefined {
    if (framed === undefined) return undefined;
    const row = decodeRow(kind, key, framed);
    if (row === undefined) this.#report(key);
    return row;
  }

  async #recover(): Promise<void> {
    if (!(await this.db.recover()) || (await this.load())) return;
    throw new IndexInconsistentError(
      totalsKey,
      'does not agree with the units after a failed write',
    );
  }

  async #apply(change: RowChange, totals: TotalsRow): Promise<void> {
    if (totals === this.#totals) return;
    change.put('totals', totalsKey, totals);
    await this.db.write(change.operations(), true);
    this.#totals = totals;
  }

  #report(key: string): void {
    if (this.#reported.has(key) || this.#reported.size >= reportedRowsMax) return;
    this.#reported.add(key);
    this.#log.warn({ key }, 'index row is damaged and counts as missing');
  }
}

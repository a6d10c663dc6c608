/**
 * A set of changes to the index that is read back while it grows and then written as one batch.
 */
import type { IndexDb, IndexOperation } from './index-db.js';
import { decodeRow, encodeRow } from './rows.js';
import type { Row, RowKind } from './rows.js';

/** A row that must be changed is damaged or missing: the index needs a rebuild first. */
export class IndexInconsistentError extends Error {
  readonly key: string;

  constructor(key: string, problem: string) {
    super(`index row ${key} ${problem}`);
    this.name = 'IndexInconsistentError';
    this.key = key;
  }
}

/** Pending rows over the rows of the index. */
export class RowChange {
  readonly #db: IndexDb;
  readonly #pending = new Map<string, Buffer | undefined>();

  constructor(db: IndexDb) {
    this.#db = db;
  }

  /**
   * The row as it will be after this change. Throws `IndexInconsistentError` where the row is there
   * and cannot be understood, or `IndexDamagedError`: what is computed from a guess must not be
   * written.
   */
  get<K extends RowKind>(kind: K, key: string): Row<K> | undefined {
    const framed = this.#pending.has(key) ? this.#pending.get(key) : this.#db.getCheckedSync(key);
    if (framed === undefined) return undefined;
    const row = decodeRow(kind, key, framed);
    if (row === undefined) throw new IndexInconsistentError(key, 'is damaged');
    return row;
  }

  put<K extends RowKind>(kind: K, key: string, value: Row<K>): void {
    this.#pending.set(key, encodeRow(kind, key, value));
  }

  /** Puts a row that is framed already. */
  putFramed(key: string, framed: Buffer): void {
    this.#pending.set(key, framed);
  }

  delete(key: string): void {
    this.#pending.set(key, undefined);
  }

  /** The batch. */
  operations(): IndexOperation[] {
    return [...this.#pending].map(([key, value]) =>
      value === undefined ? { type: 'del', key } : { type: 'put', key, value },
    );
  }
}

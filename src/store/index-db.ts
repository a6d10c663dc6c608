/**
 * The door to LevelDB: framed rows in, framed rows out. LevelDB admits one process, and within a
 * process a second, failing open would drop the lock of the first (closing any descriptor of the
 * lock file releases POSIX locks), so every open index is registered and never opened twice.
 */
import { stat } from 'node:fs/promises';
import { Level } from 'level';
import { XcacheError } from '../base/errors.js';
import { SerialQueue } from './serial-queue.js';

/** One change of the index. */
export type IndexOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: string };

/** The index exists but cannot be read; it can be set aside and rebuilt. */
export class IndexDamagedError extends Error {
  constructor(cause: unknown) {
    super('the index is damaged', { cause });
    this.name = 'IndexDamagedError';
  }
}

/** Shared by every instance of this module in the process. */
const registryKey = Symbol.for('xcache.store.openIndexes');
const registry = ((globalThis as Record<symbol, unknown>)[registryKey] ??=
  new Set<string>()) as Set<string>;

/** Rows that one step of an iteration fetches. */
const iterationRows = 200;

/**
 * Opens the index in the existing directory `location`. Throws `XcacheError('XC_STORE_LOCKED')`
 * where it is open already, here or elsewhere, and `IndexDamagedError` where it needs a rebuild.
 */
export async function openIndexDb(location: string): Promise<IndexDb> {
  const { dev, ino } = await stat(location, { bigint: true });
  const identity = `${dev.toString()}:${ino.toString()}`;
  if (registry.has(identity)) throw lockedError(location, undefined);
  registry.add(identity);
  const db = new Level<string, Buffer>(location, {
    valueEncoding: 'buffer',
    // Descriptors belong to the views; a table file is about 2 MiB.
    maxOpenFiles: 100,
  });
  try {
    await db.open();
    return new IndexDb(db, identity);
  } catch (error) {
    // The failed open has closed its descriptor of the lock file, and this process held no other.
    registry.delete(identity);
    throw openFailure(location, error);
  }
}

/** An open index. Reads are synchronous; writes are queued and atomic per call. */
export class IndexDb implements AsyncDisposable {
  readonly #db: Level<string, Buffer>;
  readonly #identity: string;
  readonly #writes = new SerialQueue();
  /** Set by a failed write, cleared by reopening; changed only inside `#writes`. */
  #needsReopen = false;
  #isClosed = false;

  constructor(db: Level<string, Buffer>, identity: string) {
    this.#db = db;
    this.#identity = identity;
  }

  /** The row of `key`; undefined where there is none or where it cannot be read now. */
  getSync(key: string): Buffer | undefined {
    if (this.#isClosed) throw new Error('the store is closed');
    try {
      return this.#db.getSync(key);
    } catch {
      // A damaged table block, or a disk too full to reopen: a miss, by rule.
      return undefined;
    }
  }

  /**
   * Writes all operations or none; on disk at return if `durable`. After a failed write the log of
   * LevelDB may end in half a record that would hide later ones from recovery, so the index is
   * reopened, which starts a new log, before anything more is written.
   */
  async write(operations: readonly IndexOperation[], durable: boolean): Promise<void> {
    if (operations.length === 0) return;
    await this.#writes.run(async () => {
      if (this.#isClosed) throw new Error('the store is closed');
      await this.#reopenIfNeeded();
      try {
        await this.#db.batch([...operations], { sync: durable });
      } catch (error) {
        this.#needsReopen = true;
        throw writeFailure(error);
      }
    });
  }

  /**
   * Reopens the index where an earlier write has failed; returns whether it did. The failed batch
   * may be there or not, so whatever was derived from the index must be read again.
   */
  async recover(): Promise<boolean> {
    if (!this.#needsReopen) return false;
    await this.#writes.run(async () => {
      await this.#reopenIfNeeded();
    });
    return true;
  }

  /** All rows whose key starts with `prefix`, ordered by key, as of the start of the iteration. */
  async *rows(prefix: string): AsyncGenerator<readonly [key: string, value: Buffer]> {
    const iterator = this.#db.iterator(rangeOf(prefix));
    try {
      for (;;) {
        const rows = await iterator.nextv(iterationRows);
        if (rows.length === 0) return;
        yield* rows;
      }
    } finally {
      await iterator.close();
    }
  }

  /** The keys that start with `prefix`, as of the start of the iteration. */
  async *keys(prefix: string): AsyncGenerator<string> {
    const iterator = this.#db.keys(rangeOf(prefix));
    try {
      for (;;) {
        const keys = await iterator.nextv(iterationRows);
        if (keys.length === 0) return;
        yield* keys;
      }
    } finally {
      await iterator.close();
    }
  }

  /** Ends the index; writes that were asked for before are done. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#writes.run(async () => {
      this.#isClosed = true;
      await this.#db.close();
      registry.delete(this.#identity);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #reopenIfNeeded(): Promise<void> {
    if (!this.#needsReopen) return;
    try {
      await this.#db.close();
      await this.#db.open();
      this.#needsReopen = false;
    } catch (error) {
      throw writeFailure(error);
    }
  }
}

function rangeOf(prefix: string): { gte: string; lt: string } {
  const last = prefix.charCodeAt(prefix.length - 1);
  return { gte: prefix, lt: prefix.slice(0, -1) + String.fromCharCode(last + 1) };
}

function openFailure(location: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const text = cause instanceof Error ? cause.message : String(cause);
  if (code === 'LEVEL_LOCKED') return lockedError(location, error);
  if (isNoSpace(text)) return noSpaceError(error);
  if (/read-only file system/i.test(text)) {
    return new XcacheError('XC_READ_ONLY', `The disk of ${location} is read-only.`, {
      cause: error,
    });
  }
  const isGone = code === 'LEVEL_IO_ERROR' && /no such file/i.test(text);
  if (code === 'LEVEL_CORRUPTION' || isGone) return new IndexDamagedError(error);
  return new XcacheError('XC_STORE_CORRUPT', `The index ${location} does not open: ${text}`, {
    cause: error,
    hint: 'Stop the service, remove this directory and start again: it is rebuilt from the store.',
  });
}

function lockedError(location: string, cause: unknown): XcacheError {
  return new XcacheError(
    'XC_STORE_LOCKED',
    `The store index ${location} is in use by another service.`,
    { cause, hint: 'Only one service per store can run; see `xcache service status`.' },
  );
}

function writeFailure(error: unknown): Error {
  const text = error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error);
  if (isNoSpace(text)) return noSpaceError(error);
  return error instanceof Error ? error : new Error(text);
}

function isNoSpace(text: string): boolean {
  return /no space left|quota exceeded/i.test(text);
}

function noSpaceError(cause: unknown): XcacheError {
  return new XcacheError('XC_NO_SPACE', 'The disk of the store is full.', {
    cause,
    hint: 'Free some space, for instance with `xcache gc`.',
  });
}

/**
 * The door to LevelDB: framed rows in, framed rows out. LevelDB admits one process, and within a
 * process a second, failing open would drop the lock of the first (closing any descriptor of the
 * lock file releases POSIX locks), so every open index is registered and never opened twice.
 */
import { mkdir, rename, stat } from 'node:fs/promises';
import { Level } from 'level';
import { XcacheError } from '../base/errors.js';
import { SerialQueue } from './serial-queue.js';

/** One change of the index. */
export type IndexOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: string };

/** The index exists but cannot be read, or not all of it; it can be set aside and rebuilt. */
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
  const identity = await identityOf(location);
  if (registry.has(identity)) throw lockedError(location, undefined);
  registry.add(identity);
  const db = new Level<string, Buffer>(location, {
    valueEncoding: 'buffer',
    // Descriptors belong to the views; a table file is about 2 MiB.
    maxOpenFiles: 100,
  });
  try {
    await db.open();
    return new IndexDb(db, location, identity);
  } catch (error) {
    // The failed open has closed its descriptor of the lock file, and this process held no other.
    registry.delete(identity);
    throw openFailure(location, error);
  }
}

/** An open index. Reads are synchronous; writes are queued and atomic per call. */
export class IndexDb implements AsyncDisposable {
  readonly #db: Level<string, Buffer>;
  readonly #location: string;
  #identity: string;
  readonly #writes = new SerialQueue();
  /** Set by a failed write, cleared by reopening; changed only inside `#writes`. */
  #needsReopen = false;
  #isClosed = false;

  constructor(db: Level<string, Buffer>, location: string, identity: string) {
    this.#db = db;
    this.#location = location;
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

  /** Like `getSync` for what changes are computed from: throws `IndexDamagedError`, never guesses. */
  getCheckedSync(key: string): Buffer | undefined {
    try {
      return this.#db.getSync(key);
    } catch (error) {
      throw readFailure(error);
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

  /**
   * Starts with nothing; what is there is moved to `aside`, for it cannot be read. Until the return
   * every lookup is a miss.
   */
  async startAnew(aside: string): Promise<void> {
    await this.#writes.run(async () => {
      if (this.#isClosed) throw new Error('the store is closed');
      this.#needsReopen = true;
      await this.#db.close();
      await rename(this.#location, aside);
      await mkdir(this.#location, { mode: 0o700 });
      registry.delete(this.#identity);
      this.#identity = await identityOf(this.#location);
      registry.add(this.#identity);
      await this.#reopenIfNeeded();
    });
  }

  /** Throws `IndexDamagedError` where a row cannot be read. */
  async readAll(): Promise<void> {
    // No key is empty.
    for await (const _row of this.#read(this.#db.iterator({ gt: '' })));
  }

  /**
   * All rows whose key starts with `prefix`, ordered by key, as of the start of the iteration.
   * Throws `IndexDamagedError`.
   */
  async *rows(prefix: string): AsyncGenerator<readonly [key: string, value: Buffer]> {
    yield* this.#read(this.#db.iterator(rangeOf(prefix)));
  }

  /** The keys that start with `prefix`, as of the start of the iteration. Throws `IndexDamagedError`. */
  async *keys(prefix: string): AsyncGenerator<string> {
    yield* this.#read(this.#db.keys(rangeOf(prefix)));
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

  async *#read<T>(iterator: Batches<T>): AsyncGenerator<T> {
    try {
      for (;;) {
        const items = await nextOf(iterator);
        if (items.length === 0) return;
        yield* items;
      }
    } finally {
      await iterator.close();
    }
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

/** An iteration of LevelDB over rows or keys. */
interface Batches<T> {
  nextv(count: number): Promise<T[]>;
  close(): Promise<void>;
}

async function nextOf<T>(iterator: Batches<T>): Promise<T[]> {
  try {
    return await iterator.nextv(iterationRows);
  } catch (error) {
    throw readFailure(error);
  }
}

async function identityOf(location: string): Promise<string> {
  const { dev, ino } = await stat(location, { bigint: true });
  return `${dev.toString()}:${ino.toString()}`;
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
  if (isDamage(cause)) return new IndexDamagedError(error);
  return new XcacheError('XC_STORE_CORRUPT', `The index ${location} does not open: ${text}`, {
    cause: error,
    hint: 'Stop the service, remove this directory and start again: it is rebuilt from the store.',
  });
}

function readFailure(error: unknown): unknown {
  return isDamage(error) ? new IndexDamagedError(error) : error;
}

/**
 * Bytes that are not what LevelDB wrote, or names in them of files that are not there. Only what
 * the system may get over is no damage.
 */
function isDamage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const text = error instanceof Error ? error.message : '';
  return code === 'LEVEL_CORRUPTION' || (code === 'LEVEL_IO_ERROR' && !mayPass.test(text));
}

const mayPass =
  /permission|not permitted|too many|input\/output|cannot allocate|no space|quota|read-only|stale|interrupted/i;

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

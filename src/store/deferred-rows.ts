/**
 * Rows that may be lost in a crash and are therefore written late and together: last use, digests of
 * input files, counters. What waits here is seen by reads at once.
 */
import { deferredRowsMax, deferredRowsMs, knownInputsMax } from '../base/limits.js';
import type { IndexOperation } from './index-db.js';
import type { Digest } from './manifest.js';
import { countersKey, encodeRow, rowPrefix } from './rows.js';
import type { CountersRow, Row, RowKind, StoredInputRow } from './rows.js';
import type { StoreLog } from './store-log.js';
import type { UnitIndex } from './unit-index.js';

/** What a source file was when its digest was taken; any difference means: hash it again. */
export type InputRow = Omit<StoredInputRow, 'seenMs'>;

/** Statistics over the life of the store. */
export type Counters = CountersRow;

const noCounters: Counters = {
  served: 0,
  missed: 0,
  missedSharable: 0,
  missedOwn: 0,
  verified: 0,
  differed: 0,
  promoted: 0,
  refused: 0,
  savedMs: 0,
};

/** Buffers rows in front of the index. */
export class DeferredRows {
  readonly #index: UnitIndex;
  readonly #clock: () => number;
  readonly #log: StoreLog;
  #lastUses = new Map<Digest, number>();
  #inputs = new Map<string, InputRow>();
  /** Rows that were asked for or put in the life of the store; a row is only true of its file's times. */
  readonly #knownInputs = new Map<string, InputRow>();
  #counters: Counters;
  #haveCountersChanged = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(index: UnitIndex, clock: () => number, log: StoreLog) {
    this.#index = index;
    this.#clock = clock;
    this.#log = log;
    this.#counters = index.row('counters', countersKey) ?? noCounters;
  }

  get counters(): Counters {
    return this.#counters;
  }

  /** Negative numbers take back what was counted too early; no counter goes below 0. */
  addCounters(delta: Partial<Counters>): void {
    const counters: { -readonly [K in keyof Counters]: number } = { ...this.#counters };
    for (const name of Object.keys(noCounters) as (keyof Counters)[]) {
      counters[name] = sumOf(counters[name], delta[name] ?? 0);
    }
    this.#counters = counters;
    this.#haveCountersChanged = true;
    this.#schedule();
  }

  recordUse(digests: Iterable<Digest>, atMs: number): void {
    for (const digest of digests) this.#lastUses.set(digest, atMs);
    this.#schedule();
  }

  /** When the unit was last used; undefined where that is not known. */
  lastUse(digest: Digest): number | undefined {
    return (
      this.#lastUses.get(digest) ?? this.#index.row('lastUse', rowPrefix.lastUse + digest)?.atMs
    );
  }

  /** Drops what waits for a unit that is gone. */
  forgetUse(digest: Digest): void {
    this.#lastUses.delete(digest);
  }

  input(path: string): InputRow | undefined {
    const known = this.#knownInputs.get(path);
    if (known !== undefined) return known;
    const row = this.#inputs.get(path) ?? this.#index.row('input', rowPrefix.input + path);
    if (row !== undefined) this.#keepInput(path, row);
    return row;
  }

  /** To read a row takes ten times as long as to look at the file that it is about. */
  #keepInput(path: string, row: InputRow): void {
    if (this.#knownInputs.size >= knownInputsMax) this.#knownInputs.clear();
    this.#knownInputs.set(path, row);
  }

  putInput(path: string, row: InputRow): void {
    this.#inputs.set(path, row);
    this.#keepInput(path, row);
    this.#schedule();
  }

  /** Writes what waits. On failure everything waits on. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [lastUses, inputs, counters] = [this.#lastUses, this.#inputs, this.#counters];
    const hadCounters = this.#haveCountersChanged;
    const operations = this.#operations();
    this.#lastUses = new Map();
    this.#inputs = new Map();
    this.#haveCountersChanged = false;
    try {
      await this.#index.db.write(operations, false);
    } catch (error) {
      // What came in meanwhile is newer than what could not be written.
      this.#lastUses = new Map([...lastUses, ...this.#lastUses]);
      this.#inputs = new Map([...inputs, ...this.#inputs]);
      this.#haveCountersChanged ||= hadCounters && this.#counters === counters;
      this.#dropOldest();
      throw error;
    }
  }

  /** Ends the timer; `flush` first. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #operations(): IndexOperation[] {
    const operations: IndexOperation[] = [];
    const put = <K extends RowKind>(kind: K, key: string, row: Row<K>): void => {
      operations.push({ type: 'put', key, value: encodeRow(kind, key, row) });
    };
    for (const [digest, atMs] of this.#lastUses) {
      // A use that was recorded while its unit was being removed must not leave a row behind.
      if (this.#index.unit(digest) === undefined) continue;
      put('lastUse', rowPrefix.lastUse + digest, { atMs });
    }
    const seenMs = this.#clock();
    for (const [path, row] of this.#inputs)
      put('input', rowPrefix.input + path, { ...row, seenMs });
    if (this.#haveCountersChanged) put('counters', countersKey, this.#counters);
    return operations;
  }

  #schedule(): void {
    const waiting = this.#lastUses.size + this.#inputs.size;
    if (waiting >= deferredRowsMax) this.#flushInBackground();
    else this.#timer ??= setTimeout(() => this.#flushInBackground(), deferredRowsMs).unref();
  }

  #flushInBackground(): void {
    // These rows only save time: a full disk must not fail the build that recorded them.
    this.flush().catch((error: unknown) => {
      this.#log.warn({ error }, 'statistics could not be written');
    });
  }

  #dropOldest(): void {
    for (const map of [this.#lastUses, this.#inputs]) {
      for (const key of map.keys()) {
        if (map.size <= deferredRowsMax) break;
        (map as Map<string, unknown>).delete(key);
      }
    }
  }
}

/** What a row can hold: a whole number, whatever a manifest of another program says. */
function sumOf(counter: number, delta: number): number {
  const sum = counter + (Number.isFinite(delta) ? Math.round(delta) : 0);
  return Math.min(Math.max(0, sum), Number.MAX_SAFE_INTEGER);
}

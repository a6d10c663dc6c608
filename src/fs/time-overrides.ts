/**
 * Times to the nanosecond. Node sets times as doubles, so a file gets a time near the one asked
 * for, and the exact one is remembered beside what the file really got. It counts only while the
 * file still has that time: any later write stamps the file and thereby voids it.
 */
import { futimesSync, lutimesSync } from 'node:fs';
import type { Inode, TimeOverride } from './inode.js';
import type { Journal } from './journal.js';

/** Distance of doubles of the present time, in which `Number` may round up. */
const roundingNs = 200n;

export class TimeOverrides {
  readonly #journal: Journal;
  readonly #byRealIno: Map<bigint, TimeOverride>;

  constructor(journal: Journal, known: Map<bigint, TimeOverride>) {
    this.#journal = journal;
    this.#byRealIno = known;
  }

  find(realIno: bigint): TimeOverride | undefined {
    return this.#byRealIno.size === 0 ? undefined : this.#byRealIno.get(realIno);
  }

  set(inode: Inode, times: TimeOverride): void {
    this.#journal.append({ kind: 'times', realIno: times.realIno, times });
    this.#byRealIno.set(times.realIno, times);
    inode.times = times;
  }

  /** Called when the times are exact, or when the inode leaves its real file. */
  clear(inode: Inode): void {
    if (inode.times === undefined) return;
    const { realIno } = inode.times;
    inode.times = undefined;
    if (!this.#byRealIno.delete(realIno)) return;
    this.#journal.append({ kind: 'times', realIno, times: undefined });
  }

  values(): IterableIterator<TimeOverride> {
    return this.#byRealIno.values();
  }
}

/** Sets real times as near as possible, never newer than asked (but not before 1970). */
export function setRealTimes(
  target: number | string | Buffer,
  atimeNs: bigint,
  mtimeNs: bigint,
): void {
  if (typeof target === 'number') futimesSync(target, toSeconds(atimeNs), toSeconds(mtimeNs));
  else lutimesSync(target, toSeconds(atimeNs), toSeconds(mtimeNs));
}

function toSeconds(timeNs: bigint): number {
  return timeNs < roundingNs ? 0 : Number((timeNs - roundingNs) / 1000n) / 1e6;
}

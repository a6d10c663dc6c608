/**
 * Remembers for a moment which cargo process stands behind a caller. A linking rustc asks for
 * hundreds of names in a row, and walking /proc takes longer than everything else in an answer.
 */
import type { CargoProcess } from '../../host/process-tree.js';

/**
 * How long a caller is believed to be the same process, milliseconds. For its id to be given to
 * another one, the kernel would have to start `pid_max` processes (at least 32,768) in that time.
 */
const freshMs = 20;

export class RecentCallers {
  readonly #find: (pid: number) => CargoProcess | undefined;
  readonly #nowMs: () => number;
  readonly #found = new Map<number, CargoProcess>();
  #sinceMs = -Infinity;

  constructor(find: (pid: number) => CargoProcess | undefined, nowMs: () => number) {
    this.#find = find;
    this.#nowMs = nowMs;
  }

  /** The cargo process at or above `pid`; that there is none is looked up each time. */
  find(pid: number): CargoProcess | undefined {
    const nowMs = this.#nowMs();
    if (nowMs - this.#sinceMs > freshMs) {
      this.#found.clear();
      this.#sinceMs = nowMs;
    }
    const known = this.#found.get(pid);
    if (known !== undefined) return known;
    const cargo = this.#find(pid);
    if (cargo !== undefined) this.#found.set(pid, cargo);
    return cargo;
  }
}

/**
 * What the thread that serves a mount shares with the thread that owns it: whether commands wait,
 * whether the serving thread sleeps in its read, how it can be woken, and counters.
 *
 * The first two cells form a Dekker handshake: each side writes its own cell before it reads the
 * other's, and `Atomics` accesses have one total order, so either the serving thread sees the
 * command or the owner sees the sleeper. A wake-up cannot be lost between them.
 */
import { opcodes, opcodesMax } from './protocol.js';

const pendingCell = 0;
const sleepingCell = 1;
const stopCell = 2;
const wakeNodeCell = 3;
const cells = 4;
const counterByteOffset = 4 * cells;

export class DirectState {
  /** Hand this to the other thread and wrap it there. */
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;
  readonly #counters: Float64Array;

  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(counterByteOffset + 8 * opcodesMax);
    this.#cells = new Int32Array(this.memory, 0, cells);
    this.#counters = new Float64Array(this.memory, counterByteOffset);
  }

  /** Owner: announces a command. Returns whether the serving thread sleeps and needs a message. */
  announce(): boolean {
    Atomics.store(this.#cells, pendingCell, 1);
    return Atomics.load(this.#cells, sleepingCell) === 1;
  }

  /** Owner: whether an announced command still waits to be noticed. */
  get isPending(): boolean {
    return Atomics.load(this.#cells, pendingCell) === 1;
  }

  /** Serving thread, before its read: returns false, and does not sleep, where a command waits. */
  fallAsleep(): boolean {
    Atomics.store(this.#cells, sleepingCell, 1);
    if (Atomics.load(this.#cells, pendingCell) === 0) return true;
    Atomics.store(this.#cells, sleepingCell, 0);
    return false;
  }

  /** Serving thread, after its read. */
  wakeUp(): void {
    Atomics.store(this.#cells, sleepingCell, 0);
  }

  /** Serving thread: takes the announcement; commands posted before it are in their port. */
  takePending(): boolean {
    return Atomics.exchange(this.#cells, pendingCell, 0) === 1;
  }

  /** Owner: asks the serving thread to leave its loop; announce it as a command. */
  requestStop(): void {
    Atomics.store(this.#cells, stopCell, 1);
  }

  get isStopRequested(): boolean {
    return Atomics.load(this.#cells, stopCell) === 1;
  }

  /** Whether the kernel holds the node that serves for waking; only the serving thread sets it. */
  get isWakeNodeHeld(): boolean {
    return Atomics.load(this.#cells, wakeNodeCell) === 1;
  }

  set isWakeNodeHeld(isHeld: boolean) {
    Atomics.store(this.#cells, wakeNodeCell, isHeld ? 1 : 0);
  }

  /** Serving thread: counts one request. */
  count(opcode: number): void {
    if (opcode < opcodesMax) {
      this.#counters[opcode] = (this.#counters[opcode] as number) + 1;
    }
  }

  /** Requests so far, all opcodes together. */
  get requests(): number {
    let sum = 0;
    for (let opcode = 0; opcode < opcodesMax; opcode += 1) sum += this.requestsOf(opcode);
    return sum;
  }

  requestsOf(opcode: number): number {
    return this.#counters[opcode] as number;
  }

  /** Requests by operation name, without the operations that never came. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [name, opcode] of Object.entries(opcodes)) {
      if (this.requestsOf(opcode) > 0) counts[name] = this.requestsOf(opcode);
    }
    return counts;
  }
}

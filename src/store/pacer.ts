/**
 * Cuts long work on the main thread into slices: between them everything that waits in the event
 * loop runs, lookups of builds first of all.
 */

/** Longest stretch of work; a lookup of a build waits no longer than this. */
const sliceMs = 4;

/** How many times as long as it worked somebody who has time rests: on two cores a build hardly notices. */
const unhurriedRest = 3;

/** The clock that nobody sets: `performance.now` counts from the start of the process. */
function monotonicMs(): number {
  return performance.now();
}

/** Told before each piece of work; of one task alone. */
export class Pacer {
  readonly #restFactor: number;
  #startedMs: number = monotonicMs();

  constructor(options: { readonly isUnhurried: boolean } = { isUnhurried: false }) {
    this.#restFactor = options.isUnhurried ? unhurriedRest : 0;
  }

  /** Whether the slice is over: then call `rest`. Cheap enough to be asked for every unit. */
  get isDue(): boolean {
    return monotonicMs() - this.#startedMs >= sliceMs;
  }

  /** Lets others run; who has time stays away for three times as long as the slice took. */
  async rest(): Promise<void> {
    const restMs = (monotonicMs() - this.#startedMs) * this.#restFactor;
    if (restMs < 1) await yieldToEventLoop();
    else await new Promise<void>((resolve) => setTimeout(resolve, restMs));
    this.#startedMs = monotonicMs();
  }
}

/** Runs a computation that yields after every small step. */
export async function runInSlices<T>(steps: Generator<void, T>, pacer: Pacer): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (pacer.isDue) await pacer.rest();
  }
}

/** Lets everything that waits in the event loop run. */
export async function yieldToEventLoop(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/**
 * Runs a property for a given time and finds what a plain run would not report: a parser that hangs
 * (nothing interrupts synchronous code, so another thread looks on), one that takes too long or too
 * much memory for what it was given. `XCACHE_FUZZ_SECONDS` sets the time of each target,
 * `XCACHE_FUZZ_SEED` repeats a run.
 */
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { test } from 'vitest';

const givenSeconds = process.env['XCACHE_FUZZ_SECONDS'];
const seconds = Number(givenSeconds ?? '0.5');
const givenSeed = process.env['XCACHE_FUZZ_SEED'];

/** `npm test` tries the same inputs each time; looking for new ones is what `npm run fuzz` is for. */
function chooseSeed(): number {
  if (givenSeed !== undefined) return Number(givenSeed);
  return givenSeconds === undefined ? 1 : Date.now() & 0x7fffffff;
}

/** One input may take so much processor time; they are all below 256 KiB. */
const caseCpuMsMax = 2_000;
/** A case that is not over after this much time never will be. */
const hangMs = 30_000;
const growthBytesMax = 512 << 20;
/** Of a counterexample. */
const shownCharactersMax = 2_000;

/** A parser under test: `check` throws where it broke its contract for an input. */
export interface Target<T> {
  readonly inputs: fc.Arbitrary<T>;
  readonly check: (input: T) => void | Promise<void>;
}

/** Makes a test of the target. */
export function fuzz<T>(name: string, { inputs, check }: Target<T>): void {
  test(name, { timeout: seconds * 1000 + 60_000 }, async () => {
    const seed = chooseSeed();
    using watchdog = new Watchdog(name, seed);
    const memory = new MemoryGuard();
    let runs = 0;
    const property = fc.asyncProperty(inputs, async (input) => {
      runs += 1;
      watchdog.begin();
      const start = performance.now();
      const cpu = process.cpuUsage();
      await check(input);
      // A busy machine makes everything slow; only our own share counts.
      if (performance.now() - start > caseCpuMsMax) {
        const usedMs = process.cpuUsage(cpu).user / 1000;
        if (usedMs > caseCpuMsMax) throw new Error(`one input took ${usedMs} ms`);
      }
      if (runs % 64 === 0) memory.check();
    });
    const outcome = await fc.check(property, {
      seed,
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: seconds * 1000,
      markInterruptAsFailure: false,
    });
    if (outcome.failed) {
      const shown = fc.stringify(outcome.counterexample).slice(0, shownCharactersMax);
      throw new Error(
        `${name}: run ${runs}, seed ${seed}, path ${outcome.counterexamplePath}: ${shown}`,
        {
          cause: outcome.errorInstance,
        },
      );
    }
    console.log(`fuzz: ${name}: ${runs} inputs in ${seconds} s, seed ${seed}`);
  });
}

/** Fails the property where memory goes on growing. */
class MemoryGuard {
  readonly #start = process.memoryUsage.rss();

  check(): void {
    const grown = process.memoryUsage.rss() - this.#start;
    if (grown > growthBytesMax) throw new Error(`memory has grown by ${grown} bytes`);
  }
}

/** Ends the process, with name and seed on stderr, where one input is never done. */
class Watchdog implements Disposable {
  readonly #beats = new Int32Array(new SharedArrayBuffer(4));
  readonly #worker: Worker;

  constructor(name: string, seed: number) {
    const workerData = { beats: this.#beats, hangMs, words: `${name} hangs, seed ${seed}\n` };
    this.#worker = new Worker(watch, { eval: true, workerData });
    this.#worker.unref();
  }

  begin(): void {
    this.#beats[0] = (this.#beats[0] ?? 0) + 1;
  }

  [Symbol.dispose](): void {
    // Without work left it ends by itself; nobody need wait for that.
    void this.#worker.terminate();
  }
}

const watch = `
const { workerData: { beats, hangMs, words } } = require('node:worker_threads');
let last = -1;
setInterval(() => {
  if (beats[0] === last) {
    require('node:fs').writeSync(2, 'fuzz: ' + words);
    process.kill(process.pid, 'SIGKILL');
  }
  last = beats[0];
}, hangMs);
`;

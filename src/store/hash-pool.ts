/**
 * The worker threads that hash files. They start with the first job, end when nothing has come for
 * a while, and keep the process alive only while somebody waits for an answer.
 */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { hashWorkerIdleMs } from '../base/limits.js';
import { workerEntryUrl } from '../base/worker-entry.js';
import { hashFile } from './hash-file.js';
import type { HashRequest, HashResult } from './hash-file.js';
import type { HashJob, HashOutcome, HashReply } from './hash-worker.js';

/** Files per message: small enough that several workers share a batch evenly. */
const jobFiles = 16;

interface Waiting {
  readonly resolve: (outcomes: readonly HashOutcome[]) => void;
  readonly reject: (error: Error) => void;
}

interface HashThread {
  readonly worker: Worker;
  /** Jobs that were sent and not answered. */
  readonly waiting: Map<number, Waiting>;
}

/** Hashes files beside the event loop. Invariant: a thread is referenced iff it has open jobs. */
export class HashPool implements AsyncDisposable {
  readonly #threadsMax: number;
  readonly #entry: URL;
  readonly #threads = new Set<HashThread>();
  #nextJob = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** `entry` is the compiled worker; where it does not exist, files are hashed in this thread. */
  constructor(threadsMax = 1, entry: URL = workerEntryUrl(import.meta.url, 'hash-worker')) {
    this.#threadsMax = threadsMax;
    this.#entry = entry;
  }

  /** Threads that run now. */
  get threadCount(): number {
    return this.#threads.size;
  }

  /** The digests of the files in their order; rejects with the first failure. */
  async hash(requests: readonly HashRequest[]): Promise<HashResult[]> {
    return (await this.tryHash(requests)).map((outcome) => {
      if (!('error' in outcome)) return outcome;
      throw Object.assign(new Error(outcome.error), { code: outcome.code });
    });
  }

  /** Like `hash`, with each failure in the place of its file. */
  async tryHash(requests: readonly HashRequest[]): Promise<HashOutcome[]> {
    if (this.#isClosed) throw new Error('the hash pool is closed');
    if (!existsSync(this.#entry)) return await hashHere(requests);
    const jobs: Promise<readonly HashOutcome[]>[] = [];
    for (let at = 0; at < requests.length; at += jobFiles) {
      jobs.push(this.#send(requests.slice(at, at + jobFiles)));
    }
    return (await Promise.all(jobs)).flat();
  }

  /** Ends all threads; open jobs are rejected. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#stopThreads();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #send(requests: readonly HashRequest[]): Promise<readonly HashOutcome[]> {
    clearTimeout(this.#idleTimer);
    const thread = this.#leastBusyThread();
    const job: HashJob = { id: (this.#nextJob += 1), requests };
    return new Promise((resolve, reject) => {
      thread.worker.ref();
      thread.waiting.set(job.id, { resolve, reject });
      thread.worker.postMessage(job);
    });
  }

  #leastBusyThread(): HashThread {
    let best: HashThread | undefined;
    for (const thread of this.#threads) {
      if (best === undefined || thread.waiting.size < best.waiting.size) best = thread;
    }
    if (best === undefined) return this.#startThread();
    return best.waiting.size > 0 && this.#threads.size < this.#threadsMax
      ? this.#startThread()
      : best;
  }

  #startThread(): HashThread {
    const worker = new Worker(this.#entry, {
      name: 'xcache-hash',
      // Buffers lie outside of these limits; the heap itself holds next to nothing.
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
      // The flags of a test runner or debugger are not for this thread.
      execArgv: [],
    });
    const thread: HashThread = { worker, waiting: new Map() };
    this.#threads.add(thread);
    worker.on('message', (reply: HashReply) => this.#settle(thread, reply));
    worker.on('error', (error) => this.#lose(thread, error));
    worker.on('exit', () => this.#lose(thread, new Error('the hash worker has ended')));
    worker.unref();
    return thread;
  }

  #settle(thread: HashThread, reply: HashReply): void {
    const waiting = thread.waiting.get(reply.id);
    thread.waiting.delete(reply.id);
    if (thread.waiting.size === 0) {
      thread.worker.unref();
      this.#stopWhenIdle();
    }
    waiting?.resolve(reply.outcomes);
  }

  /** The thread is gone: what it owed fails, and the next job starts another. */
  #lose(thread: HashThread, error: unknown): void {
    this.#threads.delete(thread);
    const reason = error instanceof Error ? error : new Error(String(error));
    for (const waiting of thread.waiting.values()) waiting.reject(reason);
    thread.waiting.clear();
  }

  #stopWhenIdle(): void {
    if ([...this.#threads].some((thread) => thread.waiting.size > 0)) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => {
      // A failure to end a thread leaves it idle and unreferenced: nothing is lost.
      this.#stopThreads().catch(() => undefined);
    }, hashWorkerIdleMs).unref();
  }

  async #stopThreads(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const threads = [...this.#threads];
    this.#threads.clear();
    await Promise.all(threads.map(async ({ worker }) => await worker.terminate()));
  }
}

async function hashHere(requests: readonly HashRequest[]): Promise<HashOutcome[]> {
  const outcomes: HashOutcome[] = [];
  for (const request of requests) {
    try {
      outcomes.push(await hashFile(request));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
      outcomes.push({ error: error instanceof Error ? error.message : String(error), code });
    }
  }
  return outcomes;
}

/**
 * Entry of the hash worker: answers each message with the digests of the files it names. Blocking
 * file access is what this thread is for.
 */
import { parentPort } from 'node:worker_threads';
import { hashChunkBytes } from '../base/limits.js';
import { hashFileSync } from './hash-file.js';
import type { HashRequest, HashResult } from './hash-file.js';

/** To the worker: files that are hashed in this order. */
export interface HashJob {
  readonly id: number;
  readonly requests: readonly HashRequest[];
}

/** What became of one file. */
export type HashOutcome = HashResult | { readonly error: string; readonly code: string };

/** From the worker: one outcome per request, in the order of the requests. */
export interface HashReply {
  readonly id: number;
  readonly outcomes: readonly HashOutcome[];
}

const chunk = Buffer.allocUnsafeSlow(hashChunkBytes);

parentPort?.on('message', (job: HashJob) => {
  const reply: HashReply = { id: job.id, outcomes: job.requests.map(outcomeOf) };
  parentPort?.postMessage(reply);
});

function outcomeOf(request: HashRequest): HashOutcome {
  try {
    return hashFileSync(request, chunk);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
    return { error: error instanceof Error ? error.message : String(error), code };
  }
}

/**
 * One of the two streams that a process writes to. Node writes to a pipe only as fast as its reader
 * takes, and keeps the rest in memory; `process.exit` would drop that.
 */
import type { Writable } from 'node:stream';
import { isErrno } from '../base/errors.js';

/** A stream of which no error goes unheard. */
export interface Output {
  /** Queues the text; dropped where the stream has failed. */
  write(text: string): void;
  /** Aborted when the reader has left. */
  readonly unread: AbortSignal;
  /** Resolves when all that was queued is written or lost; with the error, unless the reader left. */
  finish(): Promise<Error | undefined>;
}

/** To be called once for each stream: it listens for the stream's errors for good. */
export function createOutput(stream: Writable): Output {
  const reader = new AbortController();
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    // `xcache units | head` ends the reader first, which is no fault.
    if (isErrno(error, 'EPIPE')) reader.abort();
    else failure ??= error;
  };
  stream.on('error', fail);
  const hasFailed = (): boolean => failure !== undefined || reader.signal.aborted;
  return {
    write: (text) => {
      if (!hasFailed()) stream.write(text);
    },
    unread: reader.signal,
    finish: async () => {
      if (!hasFailed()) {
        // Callbacks come in the order of the writes, and with the error where one has failed.
        await new Promise<void>((resolve) => {
          stream.write('', (error) => {
            if (error) fail(error);
            resolve();
          });
        });
      }
      return failure;
    },
  };
}

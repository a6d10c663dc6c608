/** What worker threads that serve a `direct` mount have in common: the loop, and commands between requests. */
import { parentPort, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { runDirectLoop } from '../../fuse/direct/direct-loop.js';
import { DirectState } from '../../fuse/direct/direct-state.js';
import type { FileSystem } from '../../fs/file-system.js';

/** Handed to the worker by `ServingThread`. The main thread owns the descriptor. */
export interface ServingData {
  readonly fd: number;
  readonly loopState: SharedArrayBuffer;
  readonly answered: Int32Array;
  readonly answers: MessagePort;
  readonly commands: MessagePort;
}

/** Ends that `ServingThread` looks at itself. */
export type ServingSignal =
  { readonly kind: 'ready' } | { readonly kind: 'ended'; readonly error: string | undefined };

export interface ServingLoopOptions {
  readonly data: ServingData;
  readonly fileSystem: FileSystem;
  /** Runs one command of the main thread; must not throw. */
  readonly execute: (command: unknown) => void;
  readonly fault: (message: string) => void;
  /** Closes the file system; called once after the last request. */
  readonly close: () => void;
}

/** Posts a message to the main thread; the messages keep their order. */
export function postToMain(message: unknown): void {
  if (parentPort === null) throw new Error('a serving thread is a worker thread');
  parentPort.postMessage(message);
}

/** Serves to the end of the mount, then closes the file system and tells how it ended. */
export function runServingLoop(options: ServingLoopOptions): void {
  const { data, fileSystem, fault, close } = options;
  const signal = (message: ServingSignal): void => postToMain(message);
  const runCommands = (): void => {
    for (;;) {
      const received = receiveMessageOnPort(data.commands) as { message: unknown } | undefined;
      if (received === undefined) return;
      options.execute(received.message);
    }
  };
  signal({ kind: 'ready' });
  try {
    runDirectLoop({
      fd: data.fd,
      fileSystem,
      onWake: runCommands,
      state: new DirectState(data.loopState),
      onFault: (error, operation) => fault(`${operation}: ${describe(error)}`),
    });
    runCommands();
    close();
    signal({ kind: 'ended', error: undefined });
  } catch (error) {
    signal({ kind: 'ended', error: describe(error) });
  }
  data.commands.close();
  data.answers.close();
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

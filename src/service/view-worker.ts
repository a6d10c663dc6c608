/**
 * Worker entry: serves one view with the `direct` driver. It blocks in the driver's loop, so it may
 * call node:fs synchronously; it never touches a path under any mount of ours.
 */
import {
  parentPort,
  receiveMessageOnPort,
  workerData,
  type MessagePort,
} from 'node:worker_threads';
import { runDirectLoop } from '../fs/driver/direct-loop.js';
import { DirectState } from '../fs/driver/direct-state.js';
import { openOverlay } from '../fs/overlay.js';
import { detachSync } from '../fs/unmount.js';
import { executeCommand } from './view-commands.js';
import { QuestionChannel } from './question-channel.js';
import { blobPathIn } from './blob-access.js';
import { ViewAgent } from './view-agent.js';
import type { CommandMessage, ViewMessage } from './view-messages.js';

/** Handed over by `DirectHost`. The worker owns the overlay; the main thread owns the descriptor. */
export interface ViewWorkerData {
  readonly fd: number;
  readonly mountPoint: string;
  readonly upperDirectory: string;
  readonly journalPath: string;
  readonly blobsDirectory: string;
  readonly loopState: SharedArrayBuffer;
  readonly answered: Int32Array;
  readonly answers: MessagePort;
  readonly commands: MessagePort;
}

function serve(data: ViewWorkerData): void {
  const port = parentPort;
  if (port === null) throw new Error('view-worker runs as a worker thread only');
  const post = (message: ViewMessage): void => port.postMessage(message);
  const questions = new QuestionChannel(post, data.answers, data.answered);
  const agent = new ViewAgent({
    mountPoint: data.mountPoint,
    ask: (question) => questions.ask(question),
    report: (event) => post({ kind: 'event', event }),
    backingPath: blobPathIn(data.blobsDirectory),
    detach: () => {
      const isDetached = detachSync(data.mountPoint);
      // The view is mounted again at once, from the same upper directory.
      if (isDetached) overlay.retire();
      return isDetached;
    },
  });
  const overlay = openOverlay({
    upperDirectory: data.upperDirectory,
    journalPath: data.journalPath,
    lower: agent,
    observer: agent,
  });
  agent.bind(overlay);
  const runCommands = (): void => {
    for (;;) {
      const received = receiveMessageOnPort(data.commands) as
        { message: CommandMessage } | undefined;
      if (received === undefined) return;
      post(executeCommand(overlay, agent, received.message));
    }
  };
  post({ kind: 'ready' });
  try {
    runDirectLoop({
      fd: data.fd,
      fileSystem: overlay,
      onWake: runCommands,
      state: new DirectState(data.loopState),
      onFault: (error, operation) =>
        post({ kind: 'log', level: 'error', message: `${operation}: ${describe(error)}` }),
    });
    runCommands();
    overlay.close();
    post({ kind: 'ended', error: undefined });
  } catch (error) {
    post({ kind: 'ended', error: describe(error) });
  }
  data.commands.close();
  data.answers.close();
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

serve(workerData as ViewWorkerData);

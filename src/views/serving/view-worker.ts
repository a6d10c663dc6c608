/**
 * Worker entry: serves one view with the `direct` driver. It blocks in the driver's loop, so it may
 * call node:fs synchronously; it never touches a path under any mount of ours.
 */
import { workerData } from 'node:worker_threads';
import { openOverlay } from '../../fs/overlay.js';
import { detachSync } from '../../fuse/mount/unmount.js';
import { executeCommand } from './view-commands.js';
import { QuestionChannel } from './question-channel.js';
import { blobPathIn } from '../../units/blob-access.js';
import { postToMain, runServingLoop, type ServingData } from './serving-loop.js';
import { ViewAgent } from './view-agent.js';
import type {
  CommandMessage,
  ResolveAnswer,
  ResolveQuestion,
  ViewMessage,
} from './view-messages.js';

/** Handed over by `openDirectHost`. The worker owns the overlay. */
interface ViewWorkerData extends ServingData {
  readonly mountPoint: string;
  readonly upperDirectory: string;
  readonly journalPath: string;
  readonly blobsDirectory: string;
}

function serve(data: ViewWorkerData): void {
  const post = (message: ViewMessage): void => postToMain(message);
  const questions = new QuestionChannel<ResolveQuestion, ResolveAnswer>(
    (sequence, question) => post({ kind: 'ask', sequence, question }),
    data.answers,
    data.answered,
  );
  const agent = new ViewAgent({
    mountPoint: data.mountPoint,
    root: data.mountPoint,
    ask: (question) => questions.ask(question) ?? { kind: 'miss' },
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
  runServingLoop({
    data,
    fileSystem: overlay,
    execute: (command) => post(executeCommand(overlay, agent, command as CommandMessage)),
    fault: (message) => post({ kind: 'log', level: 'error', message }),
    close: () => overlay.close(),
  });
}

serve(workerData as ViewWorkerData);

/**
 * Worker entry: serves the per-user mount, with the views of all workspaces in it. Like
 * `view-worker.ts` it blocks, and never touches a path under any mount of ours.
 */
import { workerData } from 'node:worker_threads';
import type { ByteName } from '../../base/byte-string.js';
import { openOverlay, type Overlay } from '../../fs/overlay.js';
import { WorkspaceTree } from '../../fs/workspace-tree.js';
import { buildDirOf, placeName } from './auto-paths.js';
import { blobPathIn } from '../../units/blob-access.js';
import { QuestionChannel } from '../serving/question-channel.js';
import { postToMain, runServingLoop, type ServingData } from '../serving/serving-loop.js';
import type {
  OpenedView,
  TreeAnswer,
  TreeCommand,
  TreeMessage,
  TreeQuestion,
} from './tree-messages.js';
import { ViewAgent } from '../serving/view-agent.js';
import { executeCommand } from '../serving/view-commands.js';
import type { CommandMessage, CommandReply, ResolveAnswer } from '../serving/view-messages.js';

/** Handed over by `WorkspaceMount`. The worker owns the views' file systems. */
interface TreeWorkerData extends ServingData {
  readonly mountPoint: string;
  readonly viewsDirectory: string;
  readonly blobsDirectory: string;
  /** Known workspaces. */
  readonly workspaces: readonly string[];
}

interface OpenView {
  readonly workspace: string;
  readonly overlay: Overlay;
  readonly agent: ViewAgent;
}

class TreeServer {
  readonly tree: WorkspaceTree;
  readonly #data: TreeWorkerData;
  readonly #questions: QuestionChannel<TreeQuestion, TreeAnswer>;
  /** By the number of the opening. */
  readonly #views = new Map<number, OpenView>();

  constructor(data: TreeWorkerData) {
    this.#data = data;
    this.#questions = new QuestionChannel(
      (sequence, question) => post({ kind: 'ask', sequence, question }),
      data.answers,
      data.answered,
    );
    this.tree = new WorkspaceTree({
      placeName: placeName as ByteName,
      open: (workspace, inoBase, isNew) => this.#open(workspace, inoBase, isNew),
      removed: (workspace) => this.#removed(workspace),
      diskDirectory: data.viewsDirectory,
    });
    for (const workspace of data.workspaces) this.tree.announce(workspace);
  }

  execute(command: TreeCommand): void {
    const { opening } = command;
    const view = this.#views.get(opening);
    if (command.kind === 'call') {
      post({ kind: 'view', opening, message: runCommand(view, command.message) });
      return;
    }
    if (view) this.tree.close(view.workspace);
    this.#close(opening);
    post({ kind: 'closed', opening, error: undefined });
  }

  closeAll(): void {
    for (const opening of [...this.#views.keys()]) this.#close(opening);
  }

  #open(workspace: string, inoBase: number, isNew: boolean): Overlay | undefined {
    const answer = this.#questions.ask({ kind: 'open', workspace, isNew });
    if (answer?.kind !== 'opened') return undefined;
    try {
      return this.#openView(workspace, inoBase, answer);
    } catch (error) {
      post({ kind: 'closed', opening: answer.opening, error: String(error) });
      throw error;
    }
  }

  #openView(
    workspace: string,
    inoBase: number,
    { opening, upperDirectory, journalPath }: OpenedView,
  ): Overlay {
    const agent = new ViewAgent({
      mountPoint: this.#data.mountPoint,
      root: buildDirOf(this.#data.mountPoint, workspace),
      ask: (question) => {
        const answer = this.#questions.ask({ kind: 'resolve', opening, question });
        return (answer as ResolveAnswer | undefined) ?? { kind: 'miss' };
      },
      report: (event) => post({ kind: 'view', opening, message: { kind: 'event', event } }),
      backingPath: blobPathIn(this.#data.blobsDirectory),
      // Whoever empties the view may remove its directory too: it is no mount point.
      detach: () => false,
    });
    const overlay = openOverlay({
      upperDirectory,
      journalPath,
      lower: agent,
      observer: agent,
      inoBase,
    });
    agent.bind(overlay);
    this.#views.set(opening, { workspace, overlay, agent });
    return overlay;
  }

  #removed(workspace: string): void {
    for (const [opening, view] of this.#views) {
      if (view.workspace !== workspace) continue;
      this.#close(opening);
      post({ kind: 'removed', opening });
    }
  }

  #close(opening: number): void {
    this.#views.get(opening)?.overlay.close();
    this.#views.delete(opening);
  }
}

function runCommand(view: OpenView | undefined, message: CommandMessage): CommandReply {
  if (view) return executeCommand(view.overlay, view.agent, message);
  return { kind: 'failure', id: message.id, message: 'the view is not open' };
}

function post(message: TreeMessage): void {
  postToMain(message);
}

function serve(data: TreeWorkerData): void {
  const server = new TreeServer(data);
  runServingLoop({
    data,
    fileSystem: server.tree,
    execute: (command) => server.execute(command as TreeCommand),
    fault: (message) => post({ kind: 'log', level: 'error', message }),
    close: () => server.closeAll(),
  });
}

serve(workerData as TreeWorkerData);

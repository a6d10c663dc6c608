/**
 * Worker entry: serves the per-user mount, with the views of all workspaces in it. Like
 * `view-worker.ts` it blocks, and never touches a path under any mount of ours.
 */
import { workerData } from 'node:worker_threads';
import type { ByteName } from '../base/byte-string.js';
import { openOverlay, type Overlay } from '../fs/overlay.js';
import { WorkspaceTree } from '../fs/workspace-tree.js';
import { placeName } from './auto-paths.js';
import { blobPathIn } from './blob-access.js';
import { QuestionChannel } from './question-channel.js';
import { postToMain, runServingLoop, type ServingData } from './serving-loop.js';
import type { TreeAnswer, TreeCommand, TreeMessage, TreeQuestion } from './tree-messages.js';
import { ViewAgent } from './view-agent.js';
import { executeCommand } from './view-commands.js';
import type { CommandMessage, CommandReply, ResolveAnswer } from './view-messages.js';

/** Handed over by `WorkspaceMount`. The worker owns the views' file systems. */
interface TreeWorkerData extends ServingData {
  readonly mountPoint: string;
  readonly viewsDirectory: string;
  readonly blobsDirectory: string;
  /** Known workspaces. */
  readonly workspaces: readonly string[];
}

interface OpenView {
  readonly overlay: Overlay;
  readonly agent: ViewAgent;
}

class TreeServer {
  readonly tree: WorkspaceTree;
  readonly #data: TreeWorkerData;
  readonly #questions: QuestionChannel<TreeQuestion, TreeAnswer>;
  readonly #views = new Map<string, OpenView>();

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
      removed: (workspace) => {
        this.#close(workspace);
        post({ kind: 'removed', workspace });
      },
      diskDirectory: data.viewsDirectory,
    });
    for (const workspace of data.workspaces) this.tree.announce(workspace);
  }

  execute(command: TreeCommand): void {
    const { workspace } = command;
    if (command.kind === 'call') {
      post({ kind: 'view', workspace, message: this.#call(workspace, command.message) });
      return;
    }
    this.tree.close(workspace);
    this.#close(workspace);
    post({ kind: 'closed', workspace, error: undefined });
  }

  closeAll(): void {
    for (const workspace of [...this.#views.keys()]) this.#close(workspace);
  }

  #call(workspace: string, message: CommandMessage): CommandReply {
    const view = this.#views.get(workspace);
    if (view) return executeCommand(view.overlay, view.agent, message);
    return { kind: 'failure', id: message.id, message: 'the view is not open' };
  }

  #open(workspace: string, inoBase: number, isNew: boolean): Overlay | undefined {
    const answer = this.#questions.ask({ kind: 'open', workspace, isNew });
    if (answer?.kind !== 'opened') return undefined;
    try {
      return this.#openView(workspace, inoBase, answer);
    } catch (error) {
      post({ kind: 'closed', workspace, error: String(error) });
      throw error;
    }
  }

  #openView(
    workspace: string,
    inoBase: number,
    files: { readonly upperDirectory: string; readonly journalPath: string },
  ): Overlay {
    const agent = new ViewAgent({
      mountPoint: this.#data.mountPoint,
      ask: (question) => {
        const answer = this.#questions.ask({ kind: 'resolve', workspace, question });
        return (answer as ResolveAnswer | undefined) ?? { kind: 'miss' };
      },
      report: (event) => post({ kind: 'view', workspace, message: { kind: 'event', event } }),
      backingPath: blobPathIn(this.#data.blobsDirectory),
      // Whoever empties the view may remove its directory too: it is no mount point.
      detach: () => false,
    });
    const { upperDirectory, journalPath } = files;
    const overlay = openOverlay({
      upperDirectory,
      journalPath,
      lower: agent,
      observer: agent,
      inoBase,
    });
    agent.bind(overlay);
    this.#views.set(workspace, { overlay, agent });
    return overlay;
  }

  #close(workspace: string): void {
    this.#views.get(workspace)?.overlay.close();
    this.#views.delete(workspace);
  }
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

/** The per-user mount as the main thread sees it: one serving thread, a `ViewHost` per workspace. */
import { workerEntryUrl } from '../../base/worker-entry.js';
import {
  openDirectMount,
  type DirectMount,
  type MountHelperPlace,
} from '../../fuse/mount/mount-direct.js';
import { readMountTable } from '../../host/mount-table.js';
import { ServingThread } from '../serving/serving-thread.js';
import type { TreeAnswer, TreeCommand, TreeMessage, TreeQuestion } from './tree-messages.js';
import { ViewCalls } from '../serving/view-calls.js';
import type { ViewHost, ViewHostOptions } from '../serving/view-host.js';
import type { ViewCommand, ViewCommands } from '../../units/view-access.js';

export interface WorkspaceMountOptions {
  /** Real path of an empty directory. */
  readonly mountPoint: string;
  readonly viewsDirectory: string;
  readonly blobsDirectory: string;
  readonly helperPlace: MountHelperPlace;
  /** Workspaces that have a view already. */
  readonly workspaces: readonly string[];
  /** Somebody enters a view. Must answer synchronously; `hostFor` was called when it returns. */
  readonly open: (mount: WorkspaceMount, workspace: string, isNew: boolean) => TreeAnswer;
  /** A view's directory was removed, after everything in it. */
  readonly removed: (workspace: string) => void;
  readonly log: (level: 'warn' | 'error', message: string) => void;
  /** The mount is gone; the hosts have ended before. */
  readonly ended: (error: string | undefined) => void;
}

/** Mounts and serves; throws an `XcacheError` where mounting fails. */
export async function openWorkspaceMount(options: WorkspaceMountOptions): Promise<WorkspaceMount> {
  const { mountPoint, helperPlace } = options;
  const mount = await openDirectMount({ mountPoint, helperPlace });
  const workspaceMount = new WorkspaceMount(mount, options);
  await workspaceMount.ready;
  return workspaceMount;
}

export class WorkspaceMount {
  readonly #options: WorkspaceMountOptions;
  readonly #thread: ServingThread<TreeMessage>;
  /** By the number of the opening: a view that is entered again is another one. */
  readonly #hosts = new Map<number, TreeViewHost>();
  readonly #device: string;
  #lastOpening = 0;

  constructor({ fd, device }: DirectMount, options: WorkspaceMountOptions) {
    this.#options = options;
    this.#device = device;
    const { mountPoint, viewsDirectory, blobsDirectory, workspaces } = options;
    this.#thread = new ServingThread({
      fd,
      mountPoint,
      device,
      entry: workerEntryUrl(import.meta.url, 'tree-worker'),
      data: { mountPoint, viewsDirectory, blobsDirectory, workspaces },
      receive: (message) => this.#receive(message),
      ended: (error) => {
        for (const host of this.#hosts.values()) host.end(error);
        this.#hosts.clear();
        options.ended(error);
      },
      warn: (message) => options.log('warn', message),
    });
  }

  get ready(): Promise<void> {
    return this.#thread.ready.then(() => this.#thread.holdWakeNode());
  }

  /** The host of a workspace's view for one opening of it, whose number the answer must carry. */
  hostFor(workspace: string, options: ViewHostOptions): ViewHost & { readonly opening: number } {
    this.#lastOpening += 1;
    const host = new TreeViewHost(this.#lastOpening, workspace, options, this.#thread);
    this.#hosts.set(host.opening, host);
    return host;
  }

  /** Unmounts; open files do not hold it back. The views were closed before. */
  async close(): Promise<void> {
    await this.#thread.close({ isLazy: true });
  }

  /** Whether it is served and can't be reached: somebody has detached it while it was in use. */
  isDetached(): boolean {
    return !readMountTable().some(
      ({ device, mountPoint }) =>
        device === this.#device && mountPoint === this.#options.mountPoint,
    );
  }

  /** For a detached mount: whoever is still in it gets ENOTCONN. Returns when the thread has ended. */
  async cutOff(): Promise<void> {
    await this.#thread.stop();
  }

  abandonSync(): boolean {
    return this.#thread.abandonSync();
  }

  #receive(message: TreeMessage): void {
    switch (message.kind) {
      case 'ask':
        this.#thread.answer(message.sequence, this.#answer(message.question));
        return;
      case 'view':
        this.#hosts.get(message.opening)?.receive(message.message);
        return;
      case 'removed': {
        const host = this.#take(message.opening);
        if (host === undefined) return;
        this.#options.removed(host.workspace);
        host.end(undefined);
        return;
      }
      case 'closed':
        this.#take(message.opening)?.end(message.error);
        return;
      case 'log':
        this.#options.log(message.level, message.message);
    }
  }

  #answer(question: TreeQuestion): TreeAnswer {
    if (question.kind === 'open') {
      return this.#options.open(this, question.workspace, question.isNew);
    }
    return this.#hosts.get(question.opening)?.answer(question.question) ?? { kind: 'miss' };
  }

  #take(opening: number): TreeViewHost | undefined {
    const host = this.#hosts.get(opening);
    this.#hosts.delete(opening);
    return host;
  }
}

class TreeViewHost implements ViewHost {
  readonly driver = 'direct' as const;
  readonly opening: number;
  readonly workspace: string;
  readonly #options: ViewHostOptions;
  readonly #thread: ServingThread<TreeMessage>;
  readonly #calls: ViewCalls;
  readonly #ended: Promise<void>;
  #end: () => void = () => undefined;
  #isEnded = false;

  constructor(
    opening: number,
    workspace: string,
    options: ViewHostOptions,
    thread: ServingThread<TreeMessage>,
  ) {
    this.opening = opening;
    this.workspace = workspace;
    this.#options = options;
    this.#thread = thread;
    this.#calls = new ViewCalls(options, async (message) => {
      await this.#send({ kind: 'call', opening, message });
    });
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async call<C extends ViewCommand>(
    method: C,
    ...args: Parameters<ViewCommands[C]>
  ): Promise<ReturnType<ViewCommands[C]>> {
    return await this.#calls.call(method, args);
  }

  /** Of all views of the mount together: the kernel's requests are counted before they are told apart. */
  requests(): number {
    return this.#thread.requests();
  }

  operations(): Readonly<Record<string, number>> {
    return this.#thread.operations();
  }

  /** Whoever still has files of the view open gets ESTALE for what is not cached. */
  async close(): Promise<void> {
    if (!this.#isEnded) await this.#send({ kind: 'close', opening: this.opening });
    await this.#ended;
  }

  async stop(): Promise<void> {
    await this.close();
  }

  abandonSync(): boolean {
    // The mount as a whole is taken away by its owner.
    return true;
  }

  answer(question: Parameters<ViewHostOptions['answer']>[0]): TreeAnswer {
    return this.#options.answer(question);
  }

  receive(message: Extract<TreeMessage, { kind: 'view' }>['message']): void {
    this.#calls.receive(message);
  }

  end(error: string | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#calls.end('the view is not open any more');
    this.#end();
    this.#options.ended(error);
  }

  async #send(command: TreeCommand): Promise<void> {
    await this.#thread.send(command);
  }
}

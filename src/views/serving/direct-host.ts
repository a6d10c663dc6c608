/** Runs a view in a worker thread of its own with the `direct` driver. */
import { workerEntryUrl } from '../../base/worker-entry.js';
import { openDirectMount, type DirectMount } from '../../fuse/mount/mount-direct.js';
import { ServingThread } from './serving-thread.js';
import { ViewCalls } from './view-calls.js';
import type { ViewHost, ViewHostOptions } from './view-host.js';
import type { ViewCommand, ViewCommands } from '../../units/view-access.js';
import type { ViewMessage } from './view-messages.js';

/** Mounts and serves; throws an `XcacheError` where mounting fails. */
export async function openDirectHost(options: ViewHostOptions): Promise<ViewHost> {
  const { mountPoint } = options;
  const mount = await openDirectMount({
    mountPoint,
    helperPlace: {
      directory: options.stateDirectory,
      notice: (message) => options.log('warn', message),
    },
  });
  const host = new DirectHost(mount, options);
  await host.ready;
  return host;
}

class DirectHost implements ViewHost {
  readonly driver = 'direct' as const;
  readonly #options: ViewHostOptions;
  readonly #thread: ServingThread<ViewMessage>;
  readonly #calls: ViewCalls;

  constructor({ fd, device }: DirectMount, options: ViewHostOptions) {
    this.#options = options;
    const { mountPoint, upperDirectory, journalPath, blobsDirectory } = options;
    this.#thread = new ServingThread({
      fd,
      mountPoint,
      device,
      entry: workerEntryUrl(import.meta.url, 'view-worker'),
      data: { mountPoint, upperDirectory, journalPath, blobsDirectory },
      receive: (message) => this.#receive(message),
      ended: (error) => {
        this.#calls.end('the view is not mounted any more');
        options.ended(error);
      },
      warn: (message) => options.log('warn', message),
    });
    this.#calls = new ViewCalls(options, async (message) => await this.#thread.send(message));
  }

  get ready(): Promise<void> {
    return this.#thread.ready.then(() => this.#thread.holdWakeNode());
  }

  async call<C extends ViewCommand>(
    method: C,
    ...args: Parameters<ViewCommands[C]>
  ): Promise<ReturnType<ViewCommands[C]>> {
    return await this.#calls.call(method, args);
  }

  requests(): number {
    return this.#thread.requests();
  }

  operations(): Readonly<Record<string, number>> {
    return this.#thread.operations();
  }

  async close(options: { readonly isLazy: boolean }): Promise<void> {
    await this.#thread.close(options);
  }

  async stop(): Promise<void> {
    await this.#thread.stop();
  }

  abandonSync(): boolean {
    return this.#thread.abandonSync();
  }

  #receive(message: ViewMessage): void {
    if (message.kind === 'ask') {
      this.#thread.answer(message.sequence, this.#options.answer(message.question));
    } else this.#calls.receive(message);
  }
}

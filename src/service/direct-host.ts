/** Runs a view in a worker thread of its own with the `direct` driver. */
import { workerEntryUrl } from '../base/worker-entry.js';
import { openDirectMount } from '../fs/mount-direct.js';
import { PendingCalls } from './pending-calls.js';
import { ServingThread } from './serving-thread.js';
import type { ViewHost, ViewHostOptions } from './view-host.js';
import type { CommandMessage, ViewCommand, ViewCommands, ViewMessage } from './view-messages.js';

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
  const host = new DirectHost(mount.fd, options);
  await host.ready;
  return host;
}

class DirectHost implements ViewHost {
  readonly driver = 'direct' as const;
  readonly #options: ViewHostOptions;
  readonly #thread: ServingThread<ViewMessage>;
  readonly #calls = new PendingCalls();

  constructor(fd: number, options: ViewHostOptions) {
    this.#options = options;
    const { mountPoint, upperDirectory, journalPath, blobsDirectory } = options;
    this.#thread = new ServingThread({
      fd,
      mountPoint,
      entry: workerEntryUrl(import.meta.url, 'view-worker'),
      data: { mountPoint, upperDirectory, journalPath, blobsDirectory },
      receive: (message) => this.#receive(message),
      ended: (error) => {
        this.#calls.rejectAll('the view was unmounted');
        options.ended(error);
      },
      warn: (message) => options.log('warn', message),
    });
  }

  get ready(): Promise<void> {
    return this.#thread.ready.then(() => this.#thread.holdWakeNode());
  }

  async call<C extends ViewCommand>(
    method: C,
    ...args: Parameters<ViewCommands[C]>
  ): Promise<ReturnType<ViewCommands[C]>> {
    if (this.#thread.isEnded) throw new Error('the view is not mounted any more');
    const result = await this.#calls.call(async (id) => {
      const message: CommandMessage = { id, method, args };
      await this.#thread.send(message);
    });
    return result as ReturnType<ViewCommands[C]>;
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
    switch (message.kind) {
      case 'event':
        this.#options.event(message.event);
        return;
      case 'ask':
        this.#thread.answer(message.sequence, this.#options.answer(message.question));
        return;
      case 'reply':
        this.#calls.resolve(message.id, message.result);
        return;
      case 'failure':
        this.#calls.reject(message.id, message.message);
        return;
      case 'log':
        this.#options.log(message.level, message.message);
    }
  }
}

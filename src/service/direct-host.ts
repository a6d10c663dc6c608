/** Runs a view in a worker thread with the `direct` driver. */
import { closeSync } from 'node:fs';
import { MessageChannel, Worker } from 'node:worker_threads';
import { workerEntryUrl } from '../base/worker-entry.js';
import { DirectState } from '../fs/driver/direct-state.js';
import { holdWakeNode, stopDirectLoop, wakeDirectLoop } from '../fs/driver/direct-wake.js';
import { openDirectMount } from '../fs/mount-direct.js';
import { unmount, unmountSync } from '../fs/unmount.js';
import { answerQuestion } from './question-channel.js';
import type { ViewHost, ViewHostOptions } from './view-host.js';
import type { CommandMessage, ViewCommand, ViewCommands, ViewMessage } from './view-messages.js';
import type { ViewWorkerData } from './view-worker.js';

/** The worker keeps one view's names and attributes; a large target has 20,000 of them. */
const workerHeapMegabytesMax = 512;

/** Requests leave little garbage; the default of 48 MB would be held for each view. */
const youngHeapMegabytesMax = 4;

/** How long users of a detached mount may go on before they are cut off. */
const graceMs = 2_000;

interface PendingCommand {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Mounts and serves; throws an `XcacheError` where mounting fails. */
export async function openDirectHost(options: ViewHostOptions): Promise<ViewHost> {
  const mount = await openDirectMount({
    mountPoint: options.mountPoint,
    helperPlace: {
      directory: options.stateDirectory,
      notice: (message) => options.log('warn', message),
    },
  });
  const host = new DirectHost(mount.fd, options);
  await host.ready;
  host.holdWakeNode();
  return host;
}

class DirectHost implements ViewHost {
  readonly driver = 'direct' as const;
  readonly ready: Promise<void>;
  readonly #options: ViewHostOptions;
  readonly #fd: number;
  readonly #worker: Worker;
  readonly #state = new DirectState();
  readonly #answered = new Int32Array(new SharedArrayBuffer(4));
  readonly #answers = new MessageChannel();
  readonly #commands = new MessageChannel();
  readonly #pending = new Map<number, PendingCommand>();
  readonly #exited: Promise<void>;
  #lastCommand = 0;
  #isEnded = false;

  constructor(fd: number, options: ViewHostOptions) {
    this.#fd = fd;
    this.#options = options;
    const data: ViewWorkerData = {
      fd,
      mountPoint: options.mountPoint,
      upperDirectory: options.upperDirectory,
      journalPath: options.journalPath,
      blobsDirectory: options.blobsDirectory,
      loopState: this.#state.memory,
      answered: this.#answered,
      answers: this.#answers.port2,
      commands: this.#commands.port2,
    };
    this.#worker = new Worker(workerEntryUrl(import.meta.url, 'view-worker'), {
      workerData: data,
      transferList: [this.#answers.port2, this.#commands.port2],
      resourceLimits: {
        maxOldGenerationSizeMb: workerHeapMegabytesMax,
        maxYoungGenerationSizeMb: youngHeapMegabytesMax,
      },
    });
    let ready: () => void;
    let fail: (error: Error) => void;
    this.ready = new Promise<void>((resolve, reject) => {
      ready = resolve;
      fail = reject;
    });
    this.#worker.on('message', (message: ViewMessage) => {
      if (message.kind === 'ready') ready();
      else this.#receive(message);
    });
    this.#worker.on('error', (error) => {
      fail(error);
      this.#end(error.stack ?? error.message);
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        fail(new Error('the serving thread ended'));
        this.#end(undefined);
        resolve();
      });
    });
  }

  async call<C extends ViewCommand>(
    method: C,
    ...args: Parameters<ViewCommands[C]>
  ): Promise<ReturnType<ViewCommands[C]>> {
    if (this.#isEnded) throw new Error('the view is not mounted any more');
    this.#lastCommand += 1;
    const message: CommandMessage = { id: this.#lastCommand, method, args };
    const result = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(message.id, { resolve, reject });
    });
    // The mount may go while the thread is being woken, before anybody waits for the result.
    result.catch(() => undefined);
    this.#commands.port1.postMessage(message);
    try {
      await wakeDirectLoop(this.#connection());
    } catch (error) {
      this.#pending.delete(message.id);
      throw error;
    }
    return (await result) as ReturnType<ViewCommands[C]>;
  }

  requests(): number {
    return this.#state.requests;
  }

  operations(): Readonly<Record<string, number>> {
    return this.#state.counts();
  }

  async close({ isLazy }: { readonly isLazy: boolean }): Promise<void> {
    if (!this.#isEnded) await unmount(this.#options.mountPoint, { lazy: isLazy });
    await this.stop();
  }

  /** Whoever still uses the detached mount is cut off after a while. */
  async stop(): Promise<void> {
    const late = new Promise<'late'>((resolve) => setTimeout(resolve, graceMs, 'late').unref());
    if ((await Promise.race([this.#exited, late])) === 'late') {
      await stopDirectLoop(this.#connection());
    }
    await this.#exited;
  }

  /** Makes later wake-ups cheap; without it they work too. */
  holdWakeNode(): void {
    holdWakeNode(this.#connection()).catch((error: unknown) => {
      this.#options.log('warn', `the wake node is not held: ${String(error)}`);
    });
  }

  abandonSync(): boolean {
    return this.#isEnded || unmountSync(this.#options.mountPoint);
  }

  #connection(): Parameters<typeof wakeDirectLoop>[0] {
    return { fd: this.#fd, state: this.#state, mountPoint: this.#options.mountPoint };
  }

  #receive(message: Exclude<ViewMessage, { kind: 'ready' }>): void {
    switch (message.kind) {
      case 'event':
        this.#options.event(message.event);
        return;
      case 'ask':
        answerQuestion(this.#answers.port1, this.#answered, {
          sequence: message.sequence,
          answer: this.#options.answer(message.question),
        });
        return;
      case 'reply':
        this.#settle(message.id)?.resolve(message.result);
        return;
      case 'failure':
        this.#settle(message.id)?.reject(new Error(message.message));
        return;
      case 'log':
        this.#options.log(message.level, message.message);
        return;
      case 'ended':
        this.#end(message.error);
    }
  }

  #settle(id: number): PendingCommand | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  /** The mount is gone: clients of a thread that failed must not wait for it. */
  #end(error: string | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (error !== undefined) unmountSync(this.#options.mountPoint);
    closeSync(this.#fd);
    this.#answers.port1.close();
    this.#commands.port1.close();
    for (const pending of this.#pending.values()) {
      pending.reject(new Error('the view was unmounted'));
    }
    this.#pending.clear();
    this.#options.ended(error);
  }
}

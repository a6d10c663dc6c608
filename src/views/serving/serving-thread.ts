/** The main thread's side of a worker that serves one `direct` mount. */
import { closeSync } from 'node:fs';
import { MessageChannel, Worker } from 'node:worker_threads';
import { DirectState } from '../../fuse/direct/direct-state.js';
import { holdWakeNode, stopDirectLoop, wakeDirectLoop } from '../../fuse/direct/direct-wake.js';
import { findMount, readMountTable } from '../../host/mount-table.js';
import { unmount, unmountSync } from '../../fuse/mount/unmount.js';
import { answerQuestion } from './question-channel.js';
import type { ServingData, ServingSignal } from './serving-loop.js';

/** The worker keeps names and attributes of its views; a large target has 20,000 of them. */
const workerHeapMegabytesMax = 512;

/** Requests leave little garbage; the default of 48 MB would be held for each worker. */
const youngHeapMegabytesMax = 4;

/** How long users of a detached mount may go on before they are cut off. */
const graceMs = 2_000;

export interface ServingThreadOptions<Message> {
  /** A connected descriptor of /dev/fuse; closed when the thread has ended. */
  readonly fd: number;
  readonly mountPoint: string;
  /** `major:minor` of the mount, which stays when a directory above it is renamed. */
  readonly device: string;
  /** The worker's file. */
  readonly entry: URL;
  /** What the worker gets beside `ServingData`. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly receive: (message: Message) => void;
  /** The mount is gone, by whomever; `error` where the thread failed. Called once. */
  readonly ended: (error: string | undefined) => void;
  readonly warn: (message: string) => void;
}

export class ServingThread<Message> {
  /** Resolves when the file system is open; rejects where that failed. */
  readonly ready: Promise<void>;
  readonly #options: ServingThreadOptions<Message>;
  readonly #worker: Worker;
  readonly #state = new DirectState();
  readonly #answered = new Int32Array(new SharedArrayBuffer(4));
  readonly #answers = new MessageChannel();
  readonly #commands = new MessageChannel();
  readonly #exited: Promise<void>;
  #isEnded = false;

  constructor(options: ServingThreadOptions<Message>) {
    this.#options = options;
    const data: ServingData = {
      fd: options.fd,
      loopState: this.#state.memory,
      answered: this.#answered,
      answers: this.#answers.port2,
      commands: this.#commands.port2,
    };
    this.#worker = new Worker(options.entry, {
      workerData: { ...options.data, ...data },
      transferList: [this.#answers.port2, this.#commands.port2],
      resourceLimits: {
        maxOldGenerationSizeMb: workerHeapMegabytesMax,
        maxYoungGenerationSizeMb: youngHeapMegabytesMax,
      },
    });
    const { promise, resolve, reject } = settleable();
    this.ready = promise;
    this.#worker.on('message', (message: Message | ServingSignal) => {
      if (!isSignal(message)) options.receive(message);
      else if (message.kind === 'ready') resolve();
      else this.#end(message.error);
    });
    this.#worker.on('error', (error) => {
      reject(error);
      this.#end(error.stack ?? error.message);
    });
    this.#exited = new Promise((exited) => {
      this.#worker.once('exit', () => {
        reject(new Error('the serving thread ended'));
        this.#end(undefined);
        exited();
      });
    });
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Kernel requests handled so far. */
  requests(): number {
    return this.#state.requests;
  }

  operations(): Readonly<Record<string, number>> {
    return this.#state.counts();
  }

  /** Hands a command over, which is run between two requests. */
  async send(command: unknown): Promise<void> {
    this.#commands.port1.postMessage(command);
    await wakeDirectLoop(this.#connection());
  }

  /** Answers a question of the worker's `QuestionChannel`, which waits for it. */
  answer(sequence: number, answer: unknown): void {
    answerQuestion(this.#answers.port1, this.#answered, { sequence, answer });
  }

  /** Unmounts and waits for the thread; throws `XC_UNMOUNT_BUSY` while in use, unless lazy. */
  async close({ isLazy }: { readonly isLazy: boolean }): Promise<void> {
    if (!this.#isEnded) await unmount(this.#place(), { lazy: isLazy });
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
      this.#options.warn(`the wake node is not held: ${String(error)}`);
    });
  }

  /**
   * For the process's exit: unmounts without waiting for anything. False where the thread goes on
   * until the process is killed.
   */
  abandonSync(): boolean {
    return this.#isEnded || unmountSync(this.#place());
  }

  /** Where the mount is by now: it moves with the directories above it. */
  #place(): string {
    const { mountPoint, device } = this.#options;
    const table = readMountTable().filter((entry) => entry.device === device);
    return (findMount(mountPoint, table) ?? table.at(-1))?.mountPoint ?? mountPoint;
  }

  #connection(): Parameters<typeof wakeDirectLoop>[0] {
    const { fd, mountPoint } = this.#options;
    return { fd, state: this.#state, mountPoint };
  }

  /** The mount is gone: clients of a thread that failed must not wait for it. */
  #end(error: string | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // First, because it ends the connection: nobody waits for an answer any more, nor does the tool.
    closeSync(this.#options.fd);
    if (error !== undefined) unmountSync(this.#place());
    this.#answers.port1.close();
    this.#commands.port1.close();
    this.#options.ended(error);
  }
}

function isSignal(message: unknown): message is ServingSignal {
  const { kind } = message as { kind: string };
  return kind === 'ready' || kind === 'ended';
}

function settleable(): {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
} {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

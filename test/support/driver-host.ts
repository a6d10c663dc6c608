/** A process that serves a mount for a test, and what the test may ask of it. */
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findMount } from '../../src/host/mount-table.js';
import { unmount } from '../../src/fuse/mount/unmount.js';
import { createTempDirectory, type TempDirectory } from './tmp.js';

const hostEntry = fileURLToPath(new URL('../fixtures/driver-host.mjs', import.meta.url));

/** Why the tests with real mounts cannot run here; undefined where they can. */
export const noMounts: string | undefined = whyNot();

function whyNot(): string | undefined {
  if (!existsSync('/dev/fuse')) return 'there is no /dev/fuse';
  if (process.geteuid?.() === 0) return undefined;
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return 'this user may not open /dev/fuse';
  }
  const missing = ['fusermount3', 'rustc'].find((name) => spawnSync(name, ['-V']).status !== 0);
  return missing === undefined ? undefined : `there is no ${missing}`;
}

/** `fast` and `safe` are the modes of fuse-native. */
export type DriverKind = 'direct' | 'fast' | 'safe';

/**
 * What stands behind the driver: an overlay; one whose files are all served from immutable ones; or
 * one at the place of a workspace in the per-user mount.
 */
export type HostShape = 'overlay' | 'served' | 'tree';

export interface HostOptions {
  readonly driver: DriverKind;
  /** `overlay` where left out. */
  readonly shape?: HostShape;
  /** Left alone at disposal; a temporary directory where left out. */
  readonly directory?: TempDirectory;
}

/** What the process says by itself, and its answers to commands. */
export interface Message {
  readonly kind: 'ready' | 'reply' | 'woken' | 'fault' | 'loop-ended' | 'ended';
  readonly id?: number;
  readonly outcome?: string;
  readonly counts?: Readonly<Record<string, number>>;
  readonly device?: string;
  readonly end?: string;
  /** Of a fault: where it was, and what. */
  readonly operation?: string;
  readonly message?: string;
  readonly error?: string;
  readonly code?: string;
}

export type HostCommand =
  | 'reveal'
  | 'wake'
  | 'hold'
  | 'stop'
  | 'counts'
  | 'unmount'
  | 'detach'
  | 'exit'
  | 'throw'
  | 'reject';

export class DriverHost implements AsyncDisposable {
  readonly directory: TempDirectory;
  readonly mountPoint: string;
  /** Where the overlay's root is. */
  readonly viewRoot: string;
  readonly messages: Message[] = [];
  readonly #process: ChildProcess;
  readonly #ownsDirectory: boolean;
  readonly #exited: Promise<{ code: number | null; signal: string | null }>;
  #listeners: (() => void)[] = [];
  #lastId = 0;

  private constructor(directory: TempDirectory, options: HostOptions) {
    this.directory = directory;
    this.#ownsDirectory = options.directory === undefined;
    this.mountPoint = `${directory.path}/mnt`;
    mkdirSync(this.mountPoint, { recursive: true });
    const shape = options.shape ?? 'overlay';
    this.viewRoot = shape === 'tree' ? `${this.mountPoint}/home/ws/@build` : this.mountPoint;
    const args = [options.driver, this.mountPoint, directory.path, shape];
    this.#process = fork(hostEntry, args, {
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#process.on('message', (message: Message) => {
      this.messages.push(message);
      this.#wakeListeners();
    });
    this.#exited = once(this.#process, 'exit').then(([code, signal]) => {
      this.#wakeListeners();
      return { code: code as number | null, signal: signal as string | null };
    });
  }

  static async start(options: HostOptions): Promise<DriverHost> {
    const host = new DriverHost(options.directory ?? (await createTempDirectory()), options);
    await host.message('ready');
    return host;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The `count`-th message of a kind, waited for. */
  async message(kind: Message['kind'], count = 1): Promise<Message> {
    return await this.#find((message) => message.kind === kind, count);
  }

  /** Throws what the command threw there. */
  async ask(command: HostCommand): Promise<Message> {
    this.tell(command);
    const id = this.#lastId;
    const reply = await this.#find((message) => message.kind === 'reply' && message.id === id, 1);
    if (reply.error !== undefined) {
      throw Object.assign(new Error(reply.error), { code: reply.code });
    }
    return reply;
  }

  /** For commands that end the process, which have no answer. */
  tell(command: HostCommand): void {
    this.#lastId += 1;
    this.#process.send({ id: this.#lastId, command });
  }

  /** How often the kernel asked for an operation. */
  async count(operation: string): Promise<number> {
    return (await this.ask('counts')).counts?.[operation] ?? 0;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#process.kill(signal);
    await this.#exited;
  }

  async exit(): Promise<{ code: number | null; signal: string | null }> {
    return await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#exited;
    while (findMount(this.mountPoint)) await unmount(this.mountPoint, { lazy: true });
    if (this.#ownsDirectory) await this.directory[Symbol.asyncDispose]();
  }

  async #find(matches: (message: Message) => boolean, count: number): Promise<Message> {
    for (;;) {
      const found = this.messages.filter(matches)[count - 1];
      if (found) return found;
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        const errors: unknown = this.#process.stderr?.read();
        throw new Error(`the serving process ended: ${String(errors)}`);
      }
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
  }

  #wakeListeners(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}

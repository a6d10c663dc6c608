/** What the operations of one mount share while they are served. */
import type { Attr, FileSystem, Ino } from '../../fs/file-system.js';
import { DirectReply } from './direct-reply.js';
import { DirectRequest } from './direct-request.js';
import type { DirectState } from './direct-state.js';
import { wakeNode } from './direct-wake-node.js';

/** Serves one opcode: reads `session.request`, answers through `session.reply` or abandons it. */
export type DirectHandler = (session: DirectSession) => void;

/** Told of errors that are faults of this program or its host, with the operation's name. */
export type FaultListener = (error: unknown, operation: string) => void;

/** A directory that a process reads; the handle that the kernel knows stays the same. */
export interface OpenDirectory {
  readonly ino: Ino;
  /** The snapshot's handle; replaced when the reader rewinds. */
  handle: number;
  wasRead: boolean;
}

export class DirectSession {
  readonly request: DirectRequest = new DirectRequest();
  readonly reply: DirectReply;
  readonly fileSystem: FileSystem;
  readonly openDirectories: Map<number, OpenDirectory> = new Map();
  readonly onFault: FaultListener;
  readonly #state: DirectState;
  #wakeLookups = 0;

  constructor(options: {
    readonly fd: number;
    readonly fileSystem: FileSystem;
    readonly state: DirectState;
    readonly onFault: FaultListener;
  }) {
    this.reply = new DirectReply(options.fd);
    this.fileSystem = options.fileSystem;
    this.onFault = options.onFault;
    this.#state = options.state;
  }

  /** Answers with an entry whose lookup the file system has counted. */
  replyEntry(attr: Attr): void {
    if (!this.reply.sendEntry(attr)) this.fileSystem.forget(attr.ino, 1);
  }

  /** Answers a lookup of the wake node, which the kernel then holds. */
  replyWakeEntry(): void {
    if (this.reply.sendEntry(wakeNode)) this.#wakeLookups += 1;
    this.#state.isWakeNodeHeld = this.#wakeLookups > 0;
  }

  forget(ino: Ino, count: number): void {
    if (ino !== wakeNode.ino) {
      this.fileSystem.forget(ino, count);
      return;
    }
    // Counted, because the kernel may forget an old lookup after it has made a new one.
    this.#wakeLookups -= count;
    this.#state.isWakeNodeHeld = this.#wakeLookups > 0;
  }
}

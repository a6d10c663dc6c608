/** What the operations of one mount share while they are served. */
import type { Attr, FileSystem, Ino } from '../file-system.js';
import { DirectReply } from './direct-reply.js';
import { DirectRequest } from './direct-request.js';
import type { DirectState } from './direct-state.js';

const fileTypeMask = 0o170000;
const regularFile = 0o100000;

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

/** Recently seen regular files, one of which is offered for waking this thread. */
const wakeNodesKept = 8;

export class DirectSession {
  readonly request: DirectRequest = new DirectRequest();
  readonly reply: DirectReply;
  readonly fileSystem: FileSystem;
  readonly openDirectories: Map<number, OpenDirectory> = new Map();
  readonly onFault: FaultListener;
  readonly #state: DirectState;
  readonly #wakeNodes = new Float64Array(wakeNodesKept);
  #nextWakeNode = 0;

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
    if (!this.reply.sendEntry(attr)) {
      this.fileSystem.forget(attr.ino, 1);
      return;
    }
    if ((attr.mode & fileTypeMask) === regularFile) this.#offerWakeNode(attr.ino);
  }

  forget(ino: Ino, count: number): void {
    this.#withdrawWakeNode(ino);
    this.fileSystem.forget(ino, count);
  }

  #offerWakeNode(ino: Ino): void {
    this.#wakeNodes[this.#nextWakeNode] = ino;
    this.#nextWakeNode = (this.#nextWakeNode + 1) % wakeNodesKept;
    if (this.#state.wakeNode === 0) this.#state.wakeNode = ino;
  }

  #withdrawWakeNode(ino: Ino): void {
    let other = 0;
    for (let index = 0; index < wakeNodesKept; index += 1) {
      const candidate = this.#wakeNodes[index] as number;
      if (candidate === ino) this.#wakeNodes[index] = 0;
      else if (candidate !== 0) other = candidate;
    }
    if (this.#state.wakeNode === ino) this.#state.wakeNode = other;
  }
}

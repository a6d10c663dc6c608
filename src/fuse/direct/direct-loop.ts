/**
 * The driver `direct`: the FUSE kernel protocol spoken on the descriptor of /dev/fuse. One thread
 * reads a request, has the file system handle it to its end, answers, and reads the next.
 */
import { readSync } from 'node:fs';
import { isErrno } from '../../base/errors.js';
import type { FileSystem } from '../../fs/file-system.js';
import * as attributes from './direct-attributes.js';
import * as data from './direct-data.js';
import * as directories from './direct-directories.js';
import { init } from './direct-init.js';
import * as names from './direct-names.js';
import { DirectSession, type DirectHandler, type FaultListener } from './direct-session.js';
import type { DirectState } from './direct-state.js';
import { errnoOf } from '../errno.js';
import { opcodes, opcodesMax, protocolErrno } from './protocol.js';

/** How the loop ended: by an unmount, by `stopDirectLoop`, or by someone who aborted the connection. */
export type DirectLoopEnd = 'unmounted' | 'stopped' | 'aborted';

export interface DirectLoopOptions {
  /** The mount's descriptor, from `openDirectMount`. The loop does not close it. */
  readonly fd: number;
  readonly fileSystem: FileSystem;
  readonly state: DirectState;
  /** Called between two requests after `wakeDirectLoop`; runs the commands that wait. */
  readonly onWake: () => void;
  /** Errors that belong in the log; the calling process got an errno already, mostly EIO. */
  readonly onFault: FaultListener;
}

/**
 * Serves the mount until it is unmounted or the loop is stopped. Blocks its thread: for a worker thread, never for the
 * thread that owns the mount, which must stay able to unmount it.
 */
export function runDirectLoop(options: DirectLoopOptions): DirectLoopEnd {
  const { fd, state, onWake } = options;
  const session = new DirectSession(options);
  const { buffer } = session.request;
  for (;;) {
    if (!state.fallAsleep()) {
      runCommands(session, state, onWake);
      if (state.isStopRequested) return 'stopped';
      continue;
    }
    let length;
    try {
      length = readSync(fd, buffer, 0, buffer.length, null);
    } catch (error) {
      const end = endOf(error);
      if (end) return end;
      continue;
    } finally {
      state.wakeUp();
    }
    handle(session, state, length);
  }
}

function runCommands(session: DirectSession, state: DirectState, onWake: () => void): void {
  state.takePending();
  try {
    onWake();
  } catch (error) {
    session.onFault(error, 'wake');
  }
}

/**
 * ENODEV: unmounted. ECONNABORTED: aborted through /sys/fs/fuse/connections. ENOENT: the request
 * was withdrawn while it was being read. EINTR and EAGAIN: nothing was read.
 */
function endOf(error: unknown): DirectLoopEnd | undefined {
  if (isErrno(error, 'ENODEV')) return 'unmounted';
  if (isErrno(error, 'ECONNABORTED')) return 'aborted';
  if (isErrno(error, 'ENOENT') || isErrno(error, 'EINTR') || isErrno(error, 'EAGAIN')) return;
  throw error;
}

function handle(session: DirectSession, state: DirectState, length: number): void {
  const { request, reply } = session;
  if (!request.accept(length)) {
    session.onFault(new Error(`malformed request of ${length} bytes`), 'read');
    return;
  }
  const { opcode } = request;
  state.count(opcode);
  reply.begin(request.uniqueLow, request.uniqueHigh);
  try {
    (handlers[opcode] ?? unsupported)(session);
  } catch (error) {
    answerError(session, error);
  }
}

/** What failed after its answer was sent, or needs none, is only reported. */
function answerError(session: DirectSession, error: unknown): void {
  const { errno, isFault } = errnoOf(error);
  if (isFault) session.onFault(error, nameOf(session.request.opcode));
  if (session.reply.isOpen) session.reply.sendError(errno);
  else if (!isFault) session.onFault(error, nameOf(session.request.opcode));
}

function nameOf(opcode: number): string {
  const found = Object.entries(opcodes).find(([, number]) => number === opcode);
  return found ? found[0] : `opcode ${opcode}`;
}

/**
 * ENOSYS makes the kernel choose what it does without the operation, mostly for good:
 * OPEN, FLUSH, ACCESS, RELEASE: nothing to do, not asked again (zero-message open, page cache
 * kept). CREATE: MKNOD and open. STATX: GETATTR. LSEEK: a file without holes. COPY_FILE_RANGE:
 * copies through the page cache. FALLOCATE and xattrs: EOPNOTSUPP to the caller. IOCTL: ENOTTY.
 */
const unsupported: DirectHandler = ({ reply }) => {
  reply.sendError(protocolErrno.ENOSYS);
};

/**
 * INTERRUPT names a request that was answered before it was read, as each is answered at once.
 * NOTIFY_REPLY is the kernel's answer to a wake-up. Neither has an answer.
 */
const ignored: DirectHandler = ({ reply }) => {
  reply.abandon();
};

const destroy: DirectHandler = ({ reply }) => {
  reply.send(0);
};

const handlers: readonly (DirectHandler | undefined)[] = handlerTable([
  [opcodes.lookup, names.lookup],
  [opcodes.forget, names.forget],
  [opcodes.batchForget, names.batchForget],
  [opcodes.getattr, attributes.getattr],
  [opcodes.setattr, attributes.setattr],
  [opcodes.readlink, attributes.readlink],
  [opcodes.symlink, names.symlink],
  [opcodes.mknod, names.mknod],
  [opcodes.mkdir, names.mkdir],
  [opcodes.unlink, names.unlink],
  [opcodes.rmdir, names.rmdir],
  [opcodes.rename, names.rename],
  [opcodes.rename2, names.rename2],
  [opcodes.link, names.link],
  [opcodes.read, data.read],
  [opcodes.write, data.write],
  [opcodes.statfs, attributes.statfs],
  [opcodes.fsync, data.fsync],
  [opcodes.fsyncdir, data.fsync],
  [opcodes.init, init],
  [opcodes.opendir, directories.opendir],
  [opcodes.readdir, directories.readdir],
  [opcodes.releasedir, directories.releasedir],
  [opcodes.interrupt, ignored],
  [opcodes.notifyReply, ignored],
  [opcodes.destroy, destroy],
]);

function handlerTable(rows: readonly (readonly [number, DirectHandler])[]): DirectHandler[] {
  const table: DirectHandler[] = new Array<DirectHandler>(opcodesMax).fill(unsupported);
  for (const [opcode, handler] of rows) table[opcode] = handler;
  return table;
}

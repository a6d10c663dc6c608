/** The handshake: what of the kernel's offer is used, and why. */
import { messageBytesMax } from '../../base/limits.js';
import type { DirectHandler, DirectSession } from './direct-session.js';
import {
  bodyBytes,
  initFlag,
  initFlag2,
  protocolErrno,
  protocolMajor,
  protocolMinor,
  protocolMinorMin,
} from './protocol.js';

/**
 * Not asked for: writeback cache (each close would invalidate `st_blocks`, so that every stat
 * becomes a message), READDIRPLUS (a listing of `deps` would stat every file), NO_OPENDIR and
 * cached listings (stored units may appear in a directory), HANDLE_KILLPRIV (without it the kernel
 * itself removes set-id bits on writes), file locks (the kernel's own are right, for only this
 * machine sees the mount), ATOMIC_O_TRUNC (truncation arrives as SETATTR).
 */
const wantedFlags =
  initFlag.asyncRead |
  initFlag.bigWrites |
  initFlag.parallelDirectoryOperations |
  initFlag.abortError |
  initFlag.maxPages |
  initFlag.cacheSymlinks |
  initFlag.explicitInvalidateData |
  initFlag.initExtended;

/** Pages of 4 KiB in the largest message. */
const pagesMax = messageBytesMax / 4096;

/** Requests that the kernel queues in the background (read-ahead, writeback) before it throttles. */
const backgroundMax = 64;
const congestionThreshold = 48;

/**
 * The kernel ends the connection where one request stays unanswered this long, so that a build
 * fails instead of hanging for ever; no request takes a thousandth of it. Kernels before 6.15
 * do not offer it.
 */
const requestTimeoutSeconds = 120;

/** `fuse_init_in` in words of its body. Its word 2 is the device's present read-ahead. */
const inWord = { major: 0, minor: 1, flags: 3, flags2: 4 };

export const init: DirectHandler = (session) => {
  const { request, reply } = session;
  const major = request.body(inWord.major);
  const minor = request.body(inWord.minor);
  if (major < protocolMajor || (major === protocolMajor && minor < protocolMinorMin)) {
    const problem = `the kernel speaks FUSE ${major}.${minor}, at least 7.${protocolMinorMin} is needed`;
    session.onFault(new Error(problem), 'init');
    reply.sendError(protocolErrno.EPROTO);
    return;
  }
  reply.clearBody(bodyBytes.init);
  reply.set(0, protocolMajor);
  reply.set(1, protocolMinor);
  // A kernel of a later major version takes that as "speak ours" and sends INIT again.
  if (major === protocolMajor) negotiate(session, minor);
  reply.send(bodyBytes.init);
};

/** Fills `fuse_init_out`. */
function negotiate({ request, reply }: DirectSession, kernelMinor: number): void {
  const flags = request.body(inWord.flags) & wantedFlags;
  const isExtended = (flags & initFlag.initExtended) !== 0;
  const flags2 = isExtended ? request.body(inWord.flags2) & initFlag2.requestTimeout : 0;
  reply.set(1, Math.min(kernelMinor, protocolMinor));
  // The kernel keeps to the smaller of this and the device's read-ahead, which root may raise later.
  reply.set(2, messageBytesMax);
  reply.set(3, flags);
  reply.set(4, backgroundMax | (congestionThreshold << 16));
  reply.set(5, messageBytesMax);
  // time_gran: nanoseconds.
  reply.set(6, 1);
  // max_pages, with map_alignment in the high half.
  reply.set(7, pagesMax);
  reply.set(8, flags2);
  // max_stack_depth is word 9; request_timeout is the low half of word 10.
  reply.set(10, flags2 === 0 ? 0 : requestTimeoutSeconds);
}

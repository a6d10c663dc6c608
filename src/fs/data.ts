/** read, write, fsync and truncation of regular files. */
import { closeSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync } from 'node:fs';
import { openSync, readSync, writeSync } from 'node:fs';
import { FsError } from '../base/errors.js';
import { revokeAdoptionOf } from './adoption-intent.js';
import { requireRegular } from './attributes.js';
import { copyUp } from './copy-up.js';
import type { ByteRange } from './file-system.js';
import { requireWhole } from './lost-writes.js';
import { regularType, virtualPathOf, type Inode, type LowerState } from './inode.js';
import { hostPathOfInode, type OverlayState } from './overlay-state.js';

/**
 * Writes that end below this are reported each time: whoever writes a file anew starts here, while
 * the 4 KiB pieces in which C compilers write object files pass by.
 */
const beginningBytesMax = 4096;

/** Throws EFBIG for an end that no file can have here: Node counts exactly up to 2^53 alone. */
export function requireSize(sizeBytes: number, operation: string): void {
  if (sizeBytes > Number.MAX_SAFE_INTEGER) throw new FsError('EFBIG', operation);
}

/** The read-write descriptor of an upper file. */
export function upperFd(state: OverlayState, inode: Inode): number {
  if (inode.fd >= 0) return state.backing.use(inode);
  if (inode.names.length === 0) throw new FsError('ESTALE', 'open');
  return state.backing.open(inode, hostPathOfInode(state, inode));
}

/** Short only at the end of the file. */
export function read(state: OverlayState, inode: Inode, target: Buffer, range: ByteRange): number {
  requireRegular(inode, 'read');
  if (inode.lower !== undefined) return readLower(state, inode, inode.lower, { target, range });
  if (inode.lostWrites !== undefined) throw new FsError('EIO', 'read');
  const fd = upperFd(state, inode);
  if (range.position >= inode.writtenEnd) return readHole(fd, target, range);
  return readFully(fd, target, range);
}

/**
 * Linkers map their output before they fill it, and each page of the new file is asked for once.
 * The real file system would answer with zeros too, from memory that it sets up for the purpose.
 */
function readHole(fd: number, target: Buffer, range: ByteRange): number {
  const { bufferOffset, lengthBytes, position } = range;
  const count = Math.max(0, Math.min(lengthBytes, fstatSync(fd).size - position));
  target.fill(0, bufferOffset, bufferOffset + count);
  return count;
}

/** pread(2) of a regular file is short at its end alone, so one call is enough. */
function readFully(fd: number, target: Buffer, range: ByteRange): number {
  return readSync(fd, target, range.bufferOffset, range.lengthBytes, range.position);
}

function readLower(
  state: OverlayState,
  inode: Inode,
  lower: LowerState,
  into: { readonly target: Buffer; readonly range: ByteRange },
): number {
  const { extent } = lower;
  if (extent === undefined) return 0;
  const { bufferOffset, position } = into.range;
  const lengthBytes = Math.min(into.range.lengthBytes, extent.sizeBytes - position);
  if (lengthBytes <= 0) return 0;
  const fd = inode.fd >= 0 ? inode.fd : state.backing.lower(extent);
  const range = { bufferOffset, lengthBytes, position: extent.offset + position };
  // An immutable file that ends early is a damaged one.
  if (readFully(fd, into.target, range) < lengthBytes) throw new FsError('EIO', 'read');
  return lengthBytes;
}

/** Writes everything or throws; what the real file system says (ENOSPC, EDQUOT) is passed on. */
export function write(state: OverlayState, inode: Inode, source: Buffer, range: ByteRange): number {
  requireRegular(inode, 'write');
  const { bufferOffset, lengthBytes, position } = range;
  requireSize(position + lengthBytes, 'write');
  revokeAdoptionOf(state, inode);
  copyUp(state, inode);
  const fd = upperFd(state, inode);
  inode.generation += 1;
  if (position + lengthBytes > inode.writtenEnd) inode.writtenEnd = position + lengthBytes;
  for (let done = 0; done < lengthBytes;) {
    done += writeSync(fd, source, bufferOffset + done, lengthBytes - done, position + done);
  }
  reportWrite(state, inode, position + lengthBytes);
  return lengthBytes;
}

/** Sets the size of a file; a lower one is copied only as far as it stays. */
export function truncate(state: OverlayState, inode: Inode, sizeBytes: number): void {
  copyUp(state, inode, sizeBytes);
  ftruncateSync(upperFd(state, inode), sizeBytes);
  if (sizeBytes === 0) inode.lostWrites = undefined;
  if (sizeBytes < inode.writtenEnd && inode.writtenEnd < Infinity) inode.writtenEnd = sizeBytes;
  report(state, inode);
}

/**
 * Which writes the observer hears of: all that could complete a small file (a fingerprint `.json`
 * is written once, after a truncation, and may be large), of other files the first of a process.
 */
function reportWrite(state: OverlayState, inode: Inode, endPosition: number): void {
  const isKnown = inode.reportedPid === state.caller.pid && endPosition > beginningBytesMax;
  if (isKnown && inode.names[0]?.name.endsWith('.json') !== true) return;
  report(state, inode);
}

function report(state: OverlayState, inode: Inode): void {
  const { caller } = state;
  inode.reportedPid = caller.pid;
  if (caller.pid > 0) inode.hasKnownWriter = true;
  const writer = inode.hasKnownWriter && caller.pid === 0 ? undefined : caller;
  for (const dentry of inode.names) state.observer.changed(virtualPathOf(dentry), writer);
}

/**
 * Makes an upper file or directory durable; the bytes of lower ones are. What was removed, attached
 * or copied up stands in the journal, which decides after a cut of power.
 */
export function fsync(state: OverlayState, inode: Inode, isDataOnly: boolean): void {
  if (!isDataOnly || inode.directory !== undefined) state.journal.sync();
  if (inode.lower !== undefined || inode.remains !== undefined) return;
  requireWhole(inode, 'fsync');
  if (inode.fileType !== regularType) {
    fsyncDirectory(state, inode);
    return;
  }
  const fd = upperFd(state, inode);
  if (isDataOnly) fdatasyncSync(fd);
  else fsyncSync(fd);
}

function fsyncDirectory(state: OverlayState, inode: Inode): void {
  if (inode.directory === undefined) return;
  const fd = openSync(hostPathOfInode(state, inode), 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Operations on inodes and on the file system as a whole: attributes, symlink targets, sizes. */
import { nameBytesMax } from '../../base/limits.js';
import type { AttrChanges, TimeChange } from '../../fs/file-system.js';
import type { DirectRequest } from './direct-request.js';
import type { DirectHandler } from './direct-session.js';
import { wakeNode } from './direct-wake-node.js';
import { bodyBytes, replyHeader, setattrFlag } from './protocol.js';

/** `fuse_setattr_in` in words of the body. */
const setattrWord = {
  valid: 0,
  size: 4,
  atime: 8,
  mtime: 10,
  atimeNsec: 14,
  mtimeNsec: 15,
  mode: 17,
  uid: 19,
  gid: 20,
};

const permissionBits = 0o7777;
const nsPerSecond = 1_000_000_000n;

export const getattr: DirectHandler = ({ request, reply, fileSystem }) => {
  const { ino } = request;
  reply.sendAttr(ino === wakeNode.ino ? wakeNode : fileSystem.getattr(ino));
};

/**
 * FATTR_FH needs no care: an inode stays reachable by its number while it is open. A change of
 * ctime alone is not asked of us, since the kernel does not keep times here.
 */
export const setattr: DirectHandler = ({ request, reply, fileSystem }) => {
  reply.sendAttr(fileSystem.setattr(request.ino, changesOf(request), request.caller()));
};

function changesOf(request: DirectRequest): AttrChanges {
  const valid = request.body(setattrWord.valid);
  const changes: { -readonly [K in keyof AttrChanges]: AttrChanges[K] } = {};
  if ((valid & setattrFlag.mode) !== 0) {
    changes.mode = request.body(setattrWord.mode) & permissionBits;
  }
  if ((valid & setattrFlag.uid) !== 0) changes.uid = request.body(setattrWord.uid);
  if ((valid & setattrFlag.gid) !== 0) changes.gid = request.body(setattrWord.gid);
  if ((valid & setattrFlag.size) !== 0) changes.sizeBytes = request.body64(setattrWord.size);
  if ((valid & setattrFlag.atimeNow) !== 0) changes.atime = 'now';
  else if ((valid & setattrFlag.atime) !== 0) {
    changes.atime = timeOf(request, setattrWord.atime, setattrWord.atimeNsec);
  }
  if ((valid & setattrFlag.mtimeNow) !== 0) changes.mtime = 'now';
  else if ((valid & setattrFlag.mtime) !== 0) {
    changes.mtime = timeOf(request, setattrWord.mtime, setattrWord.mtimeNsec);
  }
  return changes;
}

function timeOf(request: DirectRequest, secondsWord: number, nsecWord: number): TimeChange {
  return request.bodySigned(secondsWord) * nsPerSecond + BigInt(request.body(nsecWord));
}

export const readlink: DirectHandler = ({ request, reply, fileSystem }) => {
  reply.send(fileSystem.readlink(request.ino).copy(reply.buffer, replyHeader.bytes));
};

/** `fuse_kstatfs`: blocks, bfree, bavail, files, ffree (64 bit each), bsize, namelen, frsize. */
export const statfs: DirectHandler = ({ reply, fileSystem }) => {
  const stats = fileSystem.statfs();
  reply.clearBody(bodyBytes.statfs);
  reply.set64(0, stats.blocks);
  reply.set64(2, stats.blocksFree);
  reply.set64(4, stats.blocksAvailable);
  reply.set64(6, stats.files);
  reply.set64(8, stats.filesFree);
  reply.set(10, stats.blockBytes);
  reply.set(11, nameBytesMax);
  reply.set(12, stats.blockBytes);
  reply.send(bodyBytes.statfs);
};

/** setattr: mode, owner, size and times. Any change makes a lower entry upper first. */
import { chmodSync, fchmodSync, fchownSync, lchownSync } from 'node:fs';
import { FsError } from '../base/errors.js';
import { revokeAdoptionOf } from './adoption-intent.js';
import { attributesOf, requireRegular, setTimes } from './attributes.js';
import { copyUp, raiseDirectory } from './copy-up.js';
import { requireSize, truncate } from './data.js';
import type { Attr, AttrChanges, TimeChange } from './file-system.js';
import { symlinkType, virtualPathOf, type Inode } from './inode.js';
import { requireWhole } from './lost-writes.js';
import { hostPathOfInode, type OverlayState } from './overlay-state.js';

export function setattr(state: OverlayState, inode: Inode, changes: AttrChanges): Attr {
  if (changes.sizeBytes !== undefined) {
    requireRegular(inode, 'setattr');
    requireSize(changes.sizeBytes, 'setattr');
  }
  if (changes.mode !== undefined && inode.fileType === symlinkType) {
    throw new FsError('ENOTSUP', 'setattr');
  }
  if (changes.sizeBytes !== 0) requireWhole(inode, 'setattr');
  // The last name of a directory, fifo or symlink is gone: there is nothing left to change.
  if (inode.remains !== undefined) return inode.remains.attr;
  revokeAdoptionOf(state, inode);
  if (inode.directory !== undefined) raiseDirectory(state, inode);
  else copyUp(state, inode, changes.sizeBytes);
  inode.generation += 1;
  applyChanges(state, inode, changes);
  reportAttributes(state, inode, changes);
  return attributesOf(state, inode);
}

function applyChanges(state: OverlayState, inode: Inode, changes: AttrChanges): void {
  // chown clears set-id bits, so the mode comes after it.
  if (changes.uid !== undefined || changes.gid !== undefined) {
    changeOwner(state, inode, changes.uid ?? -1, changes.gid ?? -1);
  }
  if (changes.mode !== undefined) changeMode(state, inode, changes.mode & 0o7777);
  if (changes.sizeBytes !== undefined) truncate(state, inode, changes.sizeBytes);
  changeTimes(state, inode, changes);
}

/** A truncation, which also stamps the file, is reported as a change of its content. */
function reportAttributes(state: OverlayState, inode: Inode, changes: AttrChanges): void {
  if (changes.sizeBytes !== undefined) return;
  for (const dentry of inode.names) {
    state.observer.attributesChanged(virtualPathOf(dentry), state.caller);
  }
}

function changeTimes(state: OverlayState, inode: Inode, changes: AttrChanges): void {
  const { atime } = changes;
  // Truncating has stamped the file already.
  const isStamped = changes.sizeBytes !== undefined && isNow(changes.mtime);
  const mtime = isStamped ? undefined : changes.mtime;
  if (atime === undefined && mtime === undefined) return;
  const nowNs = isNow(atime) || isNow(mtime) ? state.work.nowNs() : 0n;
  setTimes(state, inode, {
    atimeNs: isNow(atime) ? nowNs : atime,
    mtimeNs: isNow(mtime) ? nowNs : mtime,
  });
}

function isNow(change: TimeChange | undefined): change is 'now' {
  return change === 'now';
}

function changeOwner(state: OverlayState, inode: Inode, uid: number, gid: number): void {
  if (inode.fd >= 0) fchownSync(inode.fd, uid, gid);
  else lchownSync(hostPathOfInode(state, inode), uid, gid);
}

function changeMode(state: OverlayState, inode: Inode, mode: number): void {
  if (inode.fd >= 0) fchmodSync(inode.fd, mode);
  else chmodSync(hostPathOfInode(state, inode), mode);
}

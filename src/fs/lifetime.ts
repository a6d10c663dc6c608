/** How inodes lose their names and end: by unlink, rmdir or rename, and by FORGET. */
import { readlinkSync } from 'node:fs';
import { byteStringToBuffer } from '../base/byte-string.js';
import { attributesOf } from './attributes.js';
import { takeDentry } from './directory.js';
import {
  regularType,
  symlinkType,
  type AttachmentState,
  type Dentry,
  type Inode,
} from './inode.js';
import { hostPathOfInode, type OverlayState } from './overlay-state.js';

/** Takes off references of the kernel; the last one ends an inode without names. */
export function forget(state: OverlayState, inode: Inode, count: number): void {
  inode.lookupCount = Math.max(0, inode.lookupCount - count);
  disposeIfUnused(state, inode);
}

/**
 * Called before a name goes away for good: if it is the last one and the kernel still knows the
 * inode, what is needed to go on serving it is kept. `undoKeep` takes that back.
 */
export function keepForOpenFiles(state: OverlayState, inode: Inode): void {
  if (inode.lookupCount === 0 || inode.names.length > 1) return;
  if (inode.fileType !== regularType) {
    const attr = { ...attributesOf(state, inode), nlink: 0 };
    inode.remains = { attr, target: symlinkTarget(state, inode) };
    return;
  }
  if (inode.lower?.extent !== undefined) {
    state.backing.pinLower(inode, inode.lower.extent);
    return;
  }
  if (inode.fd < 0) state.backing.open(inode, hostPathOfInode(state, inode));
  state.backing.pin(inode);
}

/** After a removal that failed: the inode has its name still. */
export function undoKeep(state: OverlayState, inode: Inode): void {
  inode.remains = undefined;
  if (inode.lower !== undefined) state.backing.close(inode);
  else state.backing.unpin(inode);
}

function symlinkTarget(state: OverlayState, inode: Inode): Buffer | undefined {
  return inode.fileType === symlinkType ? readTarget(state, inode) : undefined;
}

/** The target of a symlink. */
export function readTarget(state: OverlayState, inode: Inode): Buffer {
  if (inode.remains?.target !== undefined) return inode.remains.target;
  if (inode.lower?.target !== undefined) return byteStringToBuffer(inode.lower.target);
  return readlinkSync(hostPathOfInode(state, inode), { encoding: 'buffer' });
}

/** Takes a name out of the tree, after it is gone from the upper directory or the journal. */
export function dropName(state: OverlayState, dentry: Dentry): void {
  takeDentry(state, dentry);
  const inode = dentry.inode;
  if (inode === undefined) return;
  inode.names.splice(inode.names.indexOf(dentry), 1);
  inode.generation += 1;
  if (inode.lower !== undefined) {
    releaseLowerName(state, inode, inode.lower.attachment);
    // Those who know it by another name see that its link count has changed.
    if (inode.names.length > 0) inode.lower.ctimeNs = state.work.nowNs();
  }
  disposeIfUnused(state, inode);
}

/** Counts one lower name less; the group is no longer what was attached. */
export function releaseLowerName(
  state: OverlayState,
  inode: Inode,
  attachment: AttachmentState,
): void {
  if (inode.directory === undefined) attachment.nameCount -= 1;
  else attachment.directoryCount -= 1;
  if (inode.lower === undefined || inode.names.length === 0) attachment.transient.delete(inode);
  attachment.isIntact = false;
  deleteIfEmpty(state, attachment);
}

/** An attachment without entries is forgotten. */
export function deleteIfEmpty(state: OverlayState, attachment: AttachmentState): void {
  if (attachment.nameCount === 0 && attachment.directoryCount === 0) {
    state.attachments.delete(attachment.id);
  }
}

function disposeIfUnused(state: OverlayState, inode: Inode): void {
  if (inode.lookupCount > 0 || inode.names.length > 0 || inode.isRoot) return;
  const isShared = inode.sharedIno !== undefined;
  state.backing.close(inode);
  state.inodes.delete(inode);
  // Other names of a shared file may be there, unknown so far; they go on with the same times.
  // Last, because the journal may fail.
  if (!isShared) state.times.clear(inode);
}

/** The sentences that must hold between operations. */
import { invariant } from '../base/errors.js';
import { directoryType, type AttachmentState, type Inode } from './inode.js';
import type { OverlayState } from './overlay-state.js';

interface LowerCount {
  names: number;
  readonly transient: Set<Inode>;
  directories: number;
}

export function assertInvariants(state: OverlayState): void {
  const counts = new Map<AttachmentState, LowerCount>();
  for (const inode of state.inodes.values()) {
    checkInode(state, inode);
    checkChildren(inode);
    countLower(inode, counts);
  }
  for (const group of state.attachments.values()) {
    const count = counts.get(group) ?? noCount();
    invariant(group.nameCount === count.names, `${group.id} has ${count.names} names`);
    invariant(group.directoryCount === count.directories, `${group.id}: directories`);
    const isKnown = [...count.transient].every((inode) => group.transient.has(inode));
    invariant(isKnown && group.transient.size === count.transient.size, `${group.id}: transient`);
    invariant(group.nameCount + group.directoryCount > 0, `${group.id} is empty`);
  }
}

function checkInode(state: OverlayState, inode: Inode): void {
  const { ino, names, lookupCount, lower } = inode;
  invariant(inode.isRoot || names.length > 0 || lookupCount > 0, `inode ${ino} is in use`);
  invariant(inode.directory === undefined || names.length <= 1, `directory ${ino} has one name`);
  const isListed = state.backing.isEvictable(inode);
  invariant(!isListed || inode.fd >= 0, `inode ${ino} has the descriptor it is listed with`);
  invariant(lower === undefined || !isListed, `lower inode ${ino} has no read-write descriptor`);
  if (names.length > 0 && lower !== undefined) {
    invariant(state.attachments.has(lower.attachment.id), `group of inode ${ino} is known`);
  }
  const shared = inode.sharedIno;
  invariant(
    shared === undefined || state.inodes.findShared(shared) === inode,
    `inode ${ino} is found by its real number`,
  );
  for (const dentry of names) {
    invariant(dentry.inode === inode, `name ${dentry.name} leads to inode ${ino}`);
    invariant(
      dentry.parent.directory?.children?.get(dentry.name) === dentry,
      `name ${dentry.name} is in its directory`,
    );
  }
}

function checkChildren(directory: Inode): void {
  const children = directory.directory?.children;
  if (children === undefined) return;
  let subdirectories = 0;
  for (const [name, dentry] of children) {
    invariant(dentry.name === name, `dentry ${name} has its own name`);
    invariant(dentry.parent === directory, `dentry ${name} has its own parent`);
    if (dentry.fileType === directoryType) subdirectories += 1;
    // What is below a lower directory is lower too, or the directory would be real.
    const isUpper = dentry.inode?.lower === undefined;
    invariant(!isUpper || directory.lower === undefined, `${name} has a real parent`);
  }
  invariant(
    subdirectories === directory.directory?.subdirectoryCount,
    `directory ${directory.ino} counts its subdirectories`,
  );
  invariant(
    directory.isRoot || directory.names.length > 0 || children.size === 0,
    `removed directory ${directory.ino} is empty`,
  );
}

function noCount(): LowerCount {
  return { names: 0, directories: 0, transient: new Set() };
}

function countLower(inode: Inode, counts: Map<AttachmentState, LowerCount>): void {
  if (inode.lower === undefined) return;
  const count = counts.get(inode.lower.attachment) ?? noCount();
  if (inode.directory === undefined) count.names += inode.names.length;
  else count.directories += inode.names.length;
  if (inode.lower.isTransient && inode.names.length > 0) count.transient.add(inode);
  counts.set(inode.lower.attachment, count);
}

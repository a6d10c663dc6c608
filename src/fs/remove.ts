/** unlink and rmdir. Lower entries have no real file: removing one is a record of the journal. */
import { rmdirSync, unlinkSync } from 'node:fs';
import type { ByteName, VirtualPath } from '../base/byte-string.js';
import { FsError } from '../base/errors.js';
import { revokeAdoptionOf } from './adoption-intent.js';
import { touchDirectory } from './attributes.js';
import { journalDetach } from './copy-up.js';
import { childrenOf, existingDentry, inodeOf } from './directory.js';
import type { Ino } from './file-system.js';
import { virtualPathOf, type Dentry, type Inode } from './inode.js';
import { dropName, keepForOpenFiles, undoKeep } from './lifetime.js';
import { hostPathOf, type OverlayState } from './overlay-state.js';

export function unlink(state: OverlayState, parent: Ino, name: ByteName): void {
  const dentry = existingDentry(state, parent, name, 'unlink');
  const inode = inodeOf(state, dentry);
  if (inode.directory !== undefined) throw new FsError('EISDIR', 'unlink');
  revokeAdoptionOf(state, inode);
  removeName(state, dentry, inode, () => {
    unlinkSync(hostPathOf(state, dentry));
  });
}

export function rmdir(state: OverlayState, parent: Ino, name: ByteName): void {
  const dentry = existingDentry(state, parent, name, 'rmdir');
  const inode = inodeOf(state, dentry);
  if (inode.directory === undefined) throw new FsError('ENOTDIR', 'rmdir');
  if (childrenOf(state, inode).size > 0) throw new FsError('ENOTEMPTY', 'rmdir');
  removeName(state, dentry, inode, () => {
    rmdirSync(hostPathOf(state, dentry));
  });
}

function removeName(
  state: OverlayState,
  dentry: Dentry,
  inode: Inode,
  removeUpper: () => void,
): void {
  const removal = describeRemoval(dentry, inode);
  const parent = dentry.parent;
  keepForOpenFiles(state, inode);
  try {
    if (inode.lower === undefined) removeUpper();
    else journalDetach(state, dentry);
  } catch (error) {
    undoKeep(state, inode);
    throw error;
  }
  dropName(state, dentry);
  if (removal.wasLower) touchDirectory(state, parent);
  reportRemoval(state, removal);
  if (parent.isRoot && childrenOf(state, parent).size === 0) state.observer.rootEmptied();
}

/** What the observer is told of a name that goes away, taken down while it is there. */
export interface Removal {
  readonly path: VirtualPath;
  readonly wasLower: boolean;
  readonly attachment: string | undefined;
}

export function describeRemoval(dentry: Dentry, inode: Inode): Removal {
  return {
    path: virtualPathOf(dentry),
    wasLower: inode.lower !== undefined,
    attachment: inode.lower?.attachment.id,
  };
}

export function reportRemoval(state: OverlayState, removal: Removal): void {
  const { path, wasLower, attachment } = removal;
  state.observer.removed(path, wasLower, attachment, state.caller);
}

/**
 * Takes the transient entries of an attachment away, without a word to the observer, which may be
 * the one that asks for it.
 */
export function dropTransient(state: OverlayState, id: string): void {
  const attachment = state.attachments.get(id);
  if (attachment === undefined) return;
  const found = [...attachment.transient].flatMap(({ names }) => names);
  for (const dentry of found) {
    keepForOpenFiles(state, inodeOf(state, dentry));
    journalDetach(state, dentry);
    dropName(state, dentry);
  }
  for (const parent of new Set(found.map((dentry) => dentry.parent))) touchDirectory(state, parent);
}

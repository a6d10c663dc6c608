/**
 * rename: what moves is made upper first, a directory with everything in it, and then renamed for
 * real. Only the name that is replaced may be lower; the journal forgets it after the real rename.
 */
import { renameSync } from 'node:fs';
import type { ByteName } from '../base/byte-string.js';
import { FsError } from '../base/errors.js';
import { revokeAdoptionOf, revokeAdoptionsBelow } from './adoption-intent.js';
import { journalDetach, materialize, raiseDirectory } from './copy-up.js';
import { checkName, childrenOf, existingDentry, inodeOf } from './directory.js';
import { insertDentry, isAlive, takeDentry } from './directory.js';
import type { Ino, RenameFlags } from './file-system.js';
import { isWithin, virtualPathOf, type Dentry, type Inode } from './inode.js';
import { dropName, keepForOpenFiles, undoKeep } from './lifetime.js';
import { requireWhole } from './lost-writes.js';
import { hostPathOf, type OverlayState } from './overlay-state.js';
import { describeRemoval, reportRemoval } from './remove.js';

export interface NameIn {
  readonly parent: Ino;
  readonly name: ByteName;
}

export function rename(state: OverlayState, from: NameIn, to: NameIn, flags: RenameFlags): void {
  if (flags.exchange && flags.noReplace) throw new FsError('EINVAL', 'rename');
  const source = existingDentry(state, from.parent, from.name, 'rename');
  const toParent = state.inodes.directory(to.parent, 'rename');
  checkName(to.name, 'rename');
  if (!isAlive(toParent)) throw new FsError('ENOENT', 'rename');
  const target = childrenOf(state, toParent).get(to.name);
  if (flags.noReplace && target !== undefined) throw new FsError('EEXIST', 'rename');
  const sourceInode = inodeOf(state, source);
  if (flags.exchange && target === undefined) throw new FsError('ENOENT', 'rename');
  requireWhole(sourceInode, 'rename');
  if (isWithin(toParent, sourceInode)) throw new FsError('EINVAL', 'rename');
  if (flags.exchange && target !== undefined) {
    exchange(state, source, target);
  } else if (target === undefined) {
    move(state, source, { parent: toParent, name: to.name });
  } else {
    replace(state, source, target);
  }
}

interface Place {
  readonly parent: Inode;
  readonly name: ByteName;
}

function move(state: OverlayState, source: Dentry, place: Place): void {
  const inode = inodeOf(state, source);
  const removal = describeRemoval(source, inode);
  prepareMove(state, inode, place.parent);
  const to: Dentry = { ...place, inode: undefined, fileType: source.fileType };
  renameSync(hostPathOf(state, source), hostPathOf(state, to));
  relocate(state, source, place);
  reportRemoval(state, removal);
  state.observer.appeared(virtualPathOf(source), state.caller);
}

function prepareMove(state: OverlayState, inode: Inode, toParent: Inode): void {
  if (inode.directory === undefined) revokeAdoptionOf(state, inode);
  else revokeAdoptionsBelow(state, inode);
  materialize(state, inode);
  raiseDirectory(state, toParent);
  state.journal.reserve();
}

function relocate(state: OverlayState, dentry: Dentry, place: Place): void {
  takeDentry(state, dentry);
  dentry.parent = place.parent;
  dentry.name = place.name;
  insertDentry(state, dentry);
}

function replace(state: OverlayState, source: Dentry, target: Dentry): void {
  const inode = inodeOf(state, source);
  const replaced = inodeOf(state, target);
  // Two names of one file: POSIX says that nothing happens.
  if (inode === replaced) return;
  // Like the kernel, before the types are compared: what is not empty cannot be replaced.
  if (isWithin(source.parent, replaced)) throw new FsError('ENOTEMPTY', 'rename');
  checkReplaceable(state, inode, replaced);
  const removal = describeRemoval(source, inode);
  const replacedRemoval = describeRemoval(target, replaced);
  revokeAdoptionOf(state, replaced);
  prepareMove(state, inode, target.parent);
  const place = { parent: target.parent, name: target.name };
  // Copying up what moves may have made the observer take the transient target away.
  const isThere = childrenOf(state, place.parent).get(place.name) === target;
  if (isThere) replaceUpper(state, source, target, replaced);
  else renameSync(hostPathOf(state, source), hostPathOf(state, target));
  relocate(state, source, place);
  if (isThere) reportRemoval(state, replacedRemoval);
  reportRemoval(state, removal);
  state.observer.appeared(virtualPathOf(source), state.caller);
}

function replaceUpper(state: OverlayState, source: Dentry, target: Dentry, replaced: Inode): void {
  const [from, to] = [hostPathOf(state, source), hostPathOf(state, target)];
  keepForOpenFiles(state, replaced);
  try {
    renameSync(from, to);
    if (replaced.lower !== undefined) journalReplaced(state, target, () => renameSync(to, from));
  } catch (error) {
    undoKeep(state, replaced);
    throw error;
  }
  dropName(state, target);
}

/** Nothing real stood at a lower name, so going back restores what was there. */
function journalReplaced(state: OverlayState, target: Dentry, goBack: () => void): void {
  try {
    journalDetach(state, target);
  } catch (error) {
    goBack();
    throw error;
  }
}

function checkReplaceable(state: OverlayState, inode: Inode, replaced: Inode): void {
  if (replaced.directory === undefined) {
    if (inode.directory !== undefined) throw new FsError('ENOTDIR', 'rename');
    return;
  }
  if (inode.directory === undefined) throw new FsError('EISDIR', 'rename');
  if (childrenOf(state, replaced).size > 0) throw new FsError('ENOTEMPTY', 'rename');
}

/**
 * Node has no renameat2, so the first name waits in the work directory meanwhile. The journal says
 * where it belongs, and recovery ends or undoes what a kill interrupted.
 */
function exchange(state: OverlayState, first: Dentry, second: Dentry): void {
  const firstInode = inodeOf(state, first);
  const secondInode = inodeOf(state, second);
  if (firstInode === secondInode) return;
  if (isWithin(first.parent, secondInode)) throw new FsError('EINVAL', 'rename');
  const removals = [describeRemoval(first, firstInode), describeRemoval(second, secondInode)];
  prepareMove(state, firstInode, second.parent);
  prepareMove(state, secondInode, first.parent);
  exchangeUpper(state, first, second);
  const firstPlace = { parent: first.parent, name: first.name };
  const secondPlace = { parent: second.parent, name: second.name };
  takeDentry(state, first);
  relocate(state, second, firstPlace);
  first.parent = secondPlace.parent;
  first.name = secondPlace.name;
  insertDentry(state, first);
  for (const removal of removals) reportRemoval(state, removal);
  for (const dentry of [first, second]) {
    state.observer.appeared(virtualPathOf(dentry), state.caller);
  }
}

function exchangeUpper(state: OverlayState, first: Dentry, second: Dentry): void {
  const temporary = state.work.exchangeName();
  const held = `${state.work.path}/${temporary}`;
  const [firstPath, secondPath] = [hostPathOf(state, first), hostPathOf(state, second)];
  const names = { first: virtualPathOf(first), second: virtualPathOf(second) };
  state.journal.append({ kind: 'exchange', ...names, temporary });
  renameSync(firstPath, held);
  try {
    renameSync(secondPath, firstPath);
  } catch (error) {
    renameSync(held, firstPath);
    throw error;
  }
  try {
    renameSync(held, secondPath);
  } catch (error) {
    renameSync(firstPath, secondPath);
    renameSync(held, firstPath);
    throw error;
  }
}

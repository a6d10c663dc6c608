/** lookup: the operation that matters most; an absent name costs no system call. */
import type { ByteName, VirtualPath } from '../base/byte-string.js';
import { attach, isAttached } from './attach.js';
import { attributesOf, upperAttributes } from './attributes.js';
import { bindUpper, checkName, childrenOf, isAlive, statUpper, takeDentry } from './directory.js';
import type { Absent, Attr, Caller, Ino } from './file-system.js';
import { virtualPathOfDirectory, type Dentry, type Inode } from './inode.js';
import type { Attachment } from './lower.js';
import type { OverlayState } from './overlay-state.js';

const absent: Absent = { absent: true, isVolatile: false };
const absentForNow: Absent = { absent: true, isVolatile: true };

export function lookup(
  state: OverlayState,
  parent: Ino,
  name: ByteName,
  caller: Caller,
): Attr | Absent {
  const directory = state.inodes.directory(parent, 'lookup');
  const dentry = childrenOf(state, directory).get(name);
  if (dentry === undefined) return lookupMissing(state, directory, name, caller);
  return found(state, dentry);
}

function found(state: OverlayState, dentry: Dentry): Attr | Absent {
  if (dentry.inode === undefined) return foundFirst(state, dentry);
  dentry.inode.lookupCount += 1;
  return attributesOf(state, dentry.inode);
}

function foundFirst(state: OverlayState, dentry: Dentry): Attr | Absent {
  const stats = statUpper(state, dentry);
  if (stats === undefined) {
    // Somebody removed the real file behind our back before anyone looked at it.
    takeDentry(state, dentry);
    return absent;
  }
  const inode = bindUpper(state, dentry, stats);
  inode.lookupCount += 1;
  return upperAttributes(inode, stats);
}

function lookupMissing(
  state: OverlayState,
  directory: Inode,
  name: ByteName,
  caller: Caller,
): Attr | Absent {
  checkName(name, 'lookup');
  if (!isAlive(directory)) return absent;
  const path = virtualPathOfDirectory(directory);
  if (!state.lower.isVolatile(path, name)) {
    if (directory.directory !== undefined) directory.directory.hasAnsweredAbsent = true;
    return absent;
  }
  resolve(state, path, name, caller);
  const dentry = childrenOf(state, directory).get(name);
  return dentry === undefined ? absentForNow : found(state, dentry);
}

/** A fault of the cache is a miss: cargo then compiles the unit. */
function resolve(state: OverlayState, path: VirtualPath, name: ByteName, caller: Caller): void {
  try {
    const attachments = state.lower.resolve(path, name, caller);
    if (attachments.length > 0) attachAndReport(state, attachments);
  } catch (error) {
    state.reportFault(error);
  }
}

/** Whatever is in the tree is reported, also where a later attachment fails: its bytes must be held. */
function attachAndReport(state: OverlayState, attachments: readonly Attachment[]): void {
  let refused: readonly string[];
  try {
    refused = attach(state, attachments);
  } catch (error) {
    const isPresent = ({ id }: Attachment): boolean => isAttached(state, id);
    report(
      state,
      attachments,
      attachments.filter((each) => !isPresent(each)).map(({ id }) => id),
    );
    throw error;
  }
  report(state, attachments, refused);
}

function report(
  state: OverlayState,
  attachments: readonly Attachment[],
  refused: readonly string[],
): void {
  const ids = attachments.map(({ id }) => id).filter((id) => !refused.includes(id));
  state.observer.attached(ids, refused);
}

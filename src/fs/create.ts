/** mknod, mkdir, symlink and link: names that appear. */
import { chmodSync, closeSync, constants, fchmodSync, fstatSync, lchownSync } from 'node:fs';
import { linkSync, lstatSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import type { ByteName } from '../base/byte-string.js';
import { FsError } from '../base/errors.js';
import { symlinkBytesMax } from '../base/limits.js';
import { revokeAdoptionOf } from './adoption-intent.js';
import { upperAttributes } from './attributes.js';
import { copyUp, raiseDirectory } from './copy-up.js';
import { bindUpper, directoryForNewName, insertDentry } from './directory.js';
import type { Attr, Caller, Ino } from './file-system.js';
import { directoryType, fifoType, regularType, socketType, symlinkType } from './inode.js';
import { typeMask } from './inode.js';
import { virtualPathOf, type Dentry, type Inode } from './inode.js';
import { requireWhole } from './lost-writes.js';
import { hostPathOf, hostPathOfInode, type OverlayState } from './overlay-state.js';
import { createSpecial } from './special-files.js';

const bigintStat = { bigint: true } as const;

/** Where a new name goes and who makes it. */
export interface NewName {
  readonly parent: Ino;
  readonly name: ByteName;
  readonly caller: Caller;
}

export function mknod(state: OverlayState, at: NewName, mode: number): Attr {
  const fileType = (mode & typeMask) === 0 ? regularType : mode & typeMask;
  const isSpecial = fileType === fifoType || fileType === socketType;
  if (fileType !== regularType && !isSpecial) throw new FsError('EPERM', 'mknod');
  const dentry = newDentry(state, at, fileType, 'mknod');
  const path = hostPathOf(state, dentry);
  if (isSpecial) {
    const parent = hostPathOfInode(state, state.inodes.get(at.parent, 'mknod'));
    const temporary = state.work.temporaryPath();
    createSpecial({ fileType, mode: mode & 0o7777, temporary, path, parent });
    giveToCaller(state, at, path);
    return appear(state, dentry, lstatSync(path, bigintStat));
  }
  const fd = createFile(path, mode & 0o7777);
  giveToCaller(state, at, path);
  const attr = appear(state, dentry, fstatSync(fd, bigintStat));
  if (dentry.inode === undefined) closeSync(fd);
  else {
    dentry.inode.writtenEnd = 0;
    state.backing.keep(dentry.inode, fd);
  }
  return attr;
}

function createFile(path: string | Buffer, mode: number): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, mode);
  // The kernel has applied the caller's umask; this process's own must not count.
  if ((fstatSync(fd).mode & 0o7777) !== mode) fchmodSync(fd, mode);
  return fd;
}

export function mkdir(state: OverlayState, at: NewName, mode: number): Attr {
  const dentry = newDentry(state, at, directoryType, 'mkdir');
  const path = hostPathOf(state, dentry);
  mkdirSync(path, mode & 0o7777);
  let stats = lstatSync(path, bigintStat);
  // A directory inherits the set-group-id bit of the one above it.
  const wanted = (mode & 0o7777) | (Number(stats.mode) & 0o2000);
  if ((Number(stats.mode) & 0o7777) !== wanted) {
    chmodSync(path, wanted);
    stats = lstatSync(path, bigintStat);
  }
  if (giveToCaller(state, at, path)) stats = lstatSync(path, bigintStat);
  const attr = appear(state, dentry, stats);
  const directory = dentry.inode?.directory;
  if (directory !== undefined) directory.children = new Map();
  return attr;
}

export function symlink(state: OverlayState, at: NewName, target: Buffer): Attr {
  if (target.length > symlinkBytesMax) throw new FsError('ENAMETOOLONG', 'symlink');
  if (target.length === 0) throw new FsError('ENOENT', 'symlink');
  const dentry = newDentry(state, at, symlinkType, 'symlink');
  const path = hostPathOf(state, dentry);
  symlinkSync(target, path);
  giveToCaller(state, at, path);
  return appear(state, dentry, lstatSync(path, bigintStat));
}

/** A lower file is copied up first: links are real ones of the upper directory. */
export function link(state: OverlayState, inode: Inode, at: NewName): Attr {
  if (inode.directory !== undefined) throw new FsError('EPERM', 'link');
  if (inode.names.length === 0) throw new FsError('ENOENT', 'link');
  requireWhole(inode, 'link');
  const dentry = newDentry(state, at, inode.fileType, 'link');
  revokeAdoptionOf(state, inode);
  copyUp(state, inode);
  inode.generation += 1;
  const path = hostPathOf(state, dentry);
  linkSync(hostPathOfInode(state, inode), path);
  const stats = lstatSync(path, bigintStat);
  state.inodes.share(inode, stats.ino);
  return appear(state, dentry, stats);
}

/** A dentry that is not in its parent yet; the parent is real from here on. */
function newDentry(state: OverlayState, at: NewName, fileType: number, operation: string): Dentry {
  const parent = directoryForNewName(state, at.parent, at.name, operation);
  raiseDirectory(state, parent);
  return { parent, name: at.name, inode: undefined, fileType };
}

/** New entries belong to whoever makes them; only root serves callers other than itself. */
function giveToCaller(state: OverlayState, at: NewName, path: string | Buffer): boolean {
  const { uid, gid } = at.caller;
  if (state.processUid !== 0 || uid === 0) return false;
  const parent = lstatSync(hostPathOfInode(state, state.inodes.get(at.parent, 'chown')));
  lchownSync(path, uid, (parent.mode & 0o2000) === 0 ? gid : -1);
  return true;
}

function appear(state: OverlayState, dentry: Dentry, stats: BigIntStats): Attr {
  const inode = bindUpper(state, dentry, stats);
  insertDentry(state, dentry);
  inode.lookupCount += 1;
  if (state.caller.pid > 0) inode.hasKnownWriter = true;
  state.observer.appeared(virtualPathOf(dentry), state.caller);
  return upperAttributes(inode, stats);
}

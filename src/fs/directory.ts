/**
 * Directories: what is in them, and how names enter and leave them. A directory is listed once,
 * both layers together; from then on its `children` are the truth.
 */
import { lstatSync, readdirSync, type BigIntStats, type Dirent } from 'node:fs';
import { byteStringFromBuffer, byteStringToHostPath, type ByteName } from '../base/byte-string.js';
import { FsError } from '../base/errors.js';
import { nameBytesMax } from '../base/limits.js';
import type { Ino } from './file-system.js';
import {
  directoryType,
  fifoType,
  regularType,
  socketType,
  symlinkType,
  typeMask,
  type Dentry,
  type Inode,
} from './inode.js';
import { hostPathOf, hostPathOfInode, type OverlayState } from './overlay-state.js';

const bigintStat = { bigint: true, throwIfNoEntry: false } as const;

/** Throws EINVAL or ENAMETOOLONG for what cannot be the name of an entry. */
export function checkName(name: ByteName, operation: string): void {
  if (name.length > nameBytesMax) throw new FsError('ENAMETOOLONG', operation);
  const isOrdinary =
    name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');
  if (!isOrdinary) throw new FsError('EINVAL', operation);
}

/** The children by name, listed now if this is the first time. */
export function childrenOf(state: OverlayState, directory: Inode): Map<ByteName, Dentry> {
  const data = directory.directory;
  if (data === undefined) throw new FsError('ENOTDIR', 'readdir');
  return data.children ?? listUpper(state, directory);
}

function listUpper(state: OverlayState, directory: Inode): Map<ByteName, Dentry> {
  const children = new Map<ByteName, Dentry>();
  let subdirectoryCount = 0;
  if (directory.lower === undefined && isAlive(directory)) {
    const path = hostPathOfInode(state, directory);
    for (const entry of readdirBytes(path)) {
      const name = byteStringFromBuffer(entry.name);
      const fileType = typeOf(entry) ?? typeFromStat(path, name);
      if (fileType === directoryType) subdirectoryCount += 1;
      children.set(name, { parent: directory, name, inode: undefined, fileType });
    }
  }
  const data = directory.directory;
  if (data === undefined) throw new FsError('ENOTDIR', 'readdir');
  data.children = children;
  data.subdirectoryCount = subdirectoryCount;
  return children;
}

type ByteDirent = Omit<Dirent, 'name'> & { readonly name: Buffer };

function readdirBytes(path: string | Buffer): readonly ByteDirent[] {
  // The type declarations do not know that the encoding applies to the names of entries, too.
  const options = { withFileTypes: true, encoding: 'buffer' } as unknown as { withFileTypes: true };
  return readdirSync(path, options) as unknown as readonly ByteDirent[];
}

function typeOf(entry: ByteDirent): number | undefined {
  if (entry.isFile()) return regularType;
  if (entry.isDirectory()) return directoryType;
  if (entry.isSymbolicLink()) return symlinkType;
  if (entry.isFIFO()) return fifoType;
  if (entry.isSocket()) return socketType;
  return undefined;
}

function typeFromStat(directory: string | Buffer, name: ByteName): number {
  const above = Buffer.isBuffer(directory) ? byteStringFromBuffer(directory) : directory;
  const path = byteStringToHostPath(`${above}/${name}` as ByteName);
  return lstatSync(path).mode & typeMask;
}

/**
 * Whether the directory still has its name; nothing can be put into one that has not. The root has
 * none, and lives until it is retired.
 */
export function isAlive(directory: Inode): boolean {
  if (directory.isRoot) return directory.directory?.isRetired !== true;
  return directory.names.length > 0;
}

/** The directory to put a new name into; EEXIST if the name is taken. */
export function directoryForNewName(
  state: OverlayState,
  parent: Ino,
  name: ByteName,
  operation: string,
): Inode {
  const directory = state.inodes.directory(parent, operation);
  checkName(name, operation);
  if (!isAlive(directory)) throw new FsError('ENOENT', operation);
  if (childrenOf(state, directory).has(name)) throw new FsError('EEXIST', operation);
  return directory;
}

/** The dentry of a name that must be there. */
export function existingDentry(
  state: OverlayState,
  parent: Ino,
  name: ByteName,
  operation: string,
): Dentry {
  const directory = state.inodes.directory(parent, operation);
  const dentry = childrenOf(state, directory).get(name);
  if (dentry !== undefined) return dentry;
  checkName(name, operation);
  throw new FsError('ENOENT', operation);
}

/** The inode of a name, loaded from the upper directory if it was never looked up. */
export function inodeOf(state: OverlayState, dentry: Dentry): Inode {
  if (dentry.inode !== undefined) return dentry.inode;
  const stats = statUpper(state, dentry);
  if (stats === undefined) throw new FsError('ENOENT', 'lookup');
  return bindUpper(state, dentry, stats);
}

/** The real file of a name, undefined where somebody else has removed it. */
export function statUpper(state: OverlayState, dentry: Dentry): BigIntStats | undefined {
  return lstatSync(hostPathOf(state, dentry), bigintStat);
}

/** Gives a dentry of the upper layer its inode: the known one where another name leads to it. */
export function bindUpper(state: OverlayState, dentry: Dentry, stats: BigIntStats): Inode {
  const isDirectory = dentry.fileType === directoryType;
  const known = isDirectory ? undefined : state.inodes.findShared(stats.ino);
  const inode = known ?? state.inodes.create(dentry.fileType);
  if (known === undefined) {
    inode.times = state.times.find(stats.ino);
    if (!isDirectory && stats.nlink > 1n) state.inodes.share(inode, stats.ino);
  } else if (inode.names.length === 0) {
    inode.remains = undefined;
    state.backing.unpin(inode);
  }
  inode.names.push(dentry);
  dentry.inode = inode;
  return inode;
}

/** Puts a dentry under its name into its parent. */
export function insertDentry(state: OverlayState, dentry: Dentry): void {
  childrenOf(state, dentry.parent).set(dentry.name, dentry);
  if (dentry.fileType === directoryType) addSubdirectories(dentry.parent, 1);
}

/** Takes a dentry out of its parent; the inode is left alone. */
export function takeDentry(state: OverlayState, dentry: Dentry): void {
  childrenOf(state, dentry.parent).delete(dentry.name);
  if (dentry.fileType === directoryType) addSubdirectories(dentry.parent, -1);
}

function addSubdirectories(directory: Inode, count: number): void {
  if (directory.directory !== undefined) directory.directory.subdirectoryCount += count;
}

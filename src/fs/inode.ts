/**
 * Inodes and dentries, the two tables every operation works on. Both layers share them: an inode
 * is *lower* while `lower` is set and *upper* otherwise, and keeps its number when it changes
 * layer. A dentry of the upper layer has no inode until its name is looked up.
 */
import { constants } from 'node:fs';
import type { ByteName, ByteString, VirtualPath } from '../base/byte-string.js';
import type { Attr, Ino } from './file-system.js';
import type { Extent } from './lower.js';

/** The file type bits of a mode, as in `stat(2)`. */
export const typeMask: number = constants.S_IFMT;
export const regularType: number = constants.S_IFREG;
export const directoryType: number = constants.S_IFDIR;
export const symlinkType: number = constants.S_IFLNK;
export const fifoType: number = constants.S_IFIFO;
export const socketType: number = constants.S_IFSOCK;

/** One name in a directory. Removed dentries leave `parent.directory.children` and `inode.names`. */
export interface Dentry {
  /** Changed only by rename. */
  parent: Inode;
  name: ByteName;
  /** Undefined until the name is first looked up. */
  inode: Inode | undefined;
  readonly fileType: number;
}

/** What only directories have. */
export interface DirectoryState {
  /**
   * Undefined until first needed, the complete listing of both layers from then on: nobody else
   * writes the upper directory, so an absent name costs no system call.
   */
  children: Map<ByteName, Dentry> | undefined;
  /** Children that are directories; valid once `children` is loaded. */
  subdirectoryCount: number;
  /** The kernel may remember names of this directory as absent, for as long as it likes. */
  hasAnsweredAbsent: boolean;
  /** Of the root alone: another file system has taken the upper directory over. */
  isRetired?: boolean;
}

/** A group of lower entries as it stands now. */
export interface AttachmentState {
  readonly id: string;
  /** Changed only when a group of which no file is left is attached again. */
  requires: readonly string[];
  /** Names of files and symlinks that are still lower. */
  nameCount: number;
  /** Directories that are still lower. */
  directoryCount: number;
  /** False once a file or symlink of the group was changed, renamed or removed. */
  isIntact: boolean;
  /** Its transient inodes that are lower and have a name. */
  readonly transient: Set<Inode>;
}

/** Where a lower inode's content and attributes come from. Times are nanoseconds. */
export interface LowerState {
  readonly attachment: AttachmentState;
  /** Of files. */
  readonly extent: Extent | undefined;
  /** Of symlinks. */
  readonly target: ByteString | undefined;
  /** Permission bits. */
  readonly mode: number;
  readonly isTransient: boolean;
  mtimeNs: bigint;
  atimeNs: bigint;
  ctimeNs: bigint;
}

/** Exact times that were asked for, valid while the real file still has the times set instead. */
export interface TimeOverride {
  readonly realIno: bigint;
  readonly realMtimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly realAtimeNs: bigint;
  readonly atimeNs: bigint;
}

/** What stays of an inode without names that has no data of its own (all but regular files). */
export interface Remains {
  readonly attr: Attr;
  readonly target: Buffer | undefined;
}

/** A file, directory or symlink. Lives while it has a name or a lookup count. */
export class Inode {
  readonly ino: Ino;
  /** `S_IFMT` bits. */
  readonly fileType: number;
  /** The root has no name and lives as long as the file system. */
  readonly isRoot: boolean;
  /** References the kernel holds. */
  lookupCount = 0;
  /** Counts changes of content and attributes in this mount. */
  generation = 0;
  /** The known names; a hard link of the upper layer that was never looked up is not among them. */
  readonly names: Dentry[] = [];
  readonly directory: DirectoryState | undefined;
  /** Set exactly while the inode is served from the lower layer. */
  lower: LowerState | undefined;
  /** Descriptor of the backing file or -1; opened and closed only by `BackingFds`. */
  fd = -1;
  /** Loaded with the inode, changed only in `time-overrides.ts`. */
  times: TimeOverride | undefined;
  /** The real inode number, set once the upper file was seen with more than one link. */
  sharedIno: bigint | undefined;
  /** Set while bytes that the kernel shows could not be written; see `lost-writes.ts`. */
  lostWrites: 'ENOSPC' | 'EIO' | undefined;
  /** Set while the inode has no name and is no regular file. */
  remains: Remains | undefined;
  /** Number of the prepared adoption that counts on this inode not to change. */
  pendingAdoption: number | undefined;
  /**
   * No byte at or after this position was ever written: a regular file made in this mount reads
   * as zeros from here to its end. Infinity where that is not known.
   */
  writtenEnd: number = Infinity;
  /** Whose change the observer heard of last, since the inode became upper. */
  reportedPid: number | undefined;
  /** Whether a process that is known has made or changed the file in this mount. */
  hasKnownWriter = false;

  constructor(ino: Ino, fileType: number, isRoot: boolean = false) {
    this.ino = ino;
    this.isRoot = isRoot;
    this.fileType = fileType;
    this.directory =
      fileType === directoryType
        ? { children: undefined, subdirectoryCount: 0, hasAnsweredAbsent: false }
        : undefined;
  }
}

/** The path of a name, seen from the root; walks up, so renamed directories need no rewriting. */
export function virtualPathOf(dentry: Dentry): VirtualPath {
  const above = dentry.parent.names[0];
  return (
    above === undefined ? dentry.name : `${virtualPathOf(above)}/${dentry.name}`
  ) as VirtualPath;
}

/** The path of a directory: `''` for the root. Not for directories whose name is gone. */
export function virtualPathOfDirectory(directory: Inode): VirtualPath {
  const dentry = directory.names[0];
  return dentry === undefined ? ('' as VirtualPath) : virtualPathOf(dentry);
}

/** Whether a directory is `above` or somewhere below it. */
export function isWithin(directory: Inode, above: Inode): boolean {
  for (let each: Inode | undefined = directory; each; each = each.names[0]?.parent) {
    if (each === above) return true;
  }
  return false;
}

/**
 * The seam between drivers and the virtual file system, in the shape of the FUSE kernel protocol:
 * inode-level, synchronous, single-threaded. A driver reads one request, calls one method to its
 * end and answers, so there are no locks and no races inside a mount.
 */
import type { ByteName } from '../base/byte-string.js';

/** An inode number; equal to the node id that the kernel uses. The root is 1. Never reused in a mount. */
export type Ino = number;

export const rootIno: Ino = 1;

/**
 * Who makes a request: the kernel's thread id and credentials, 0 where unknown. What was written
 * through a mapping has no caller: the kernel itself writes it back.
 */
export interface Caller {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** What `stat` shows. Times are nanoseconds since the epoch. `mode` includes the file type bits. */
export interface Attr {
  readonly ino: Ino;
  readonly sizeBytes: number;
  /** Allocated 512-byte blocks. */
  readonly blocks: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  /** The name may go away without the kernel's doing: it must look it up every time. */
  readonly isTransient?: boolean;
}

/** A name that is not there, and whether the kernel may remember that. */
export interface Absent {
  readonly absent: true;
  /** True for names under which a unit may appear later: the kernel must ask again next time. */
  readonly isVolatile: boolean;
}

/** A time to set: an exact one, or the clock that stamps ordinary writes. */
export type TimeChange = bigint | 'now';

export interface AttrChanges {
  /** Permission bits only (07777). */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly sizeBytes?: number;
  readonly atime?: TimeChange;
  readonly mtime?: TimeChange;
}

export interface RenameFlags {
  readonly noReplace: boolean;
  readonly exchange: boolean;
}

export interface DirectoryEntry {
  readonly name: ByteName;
  /** 0 where the entry was never looked up; drivers then show the protocol's "unknown" number. */
  readonly ino: Ino;
  /** `S_IFMT` bits of the mode. */
  readonly fileType: number;
}

export interface FileSystemStats {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly blocksFree: number;
  readonly blocksAvailable: number;
  readonly files: number;
  readonly filesFree: number;
}

/**
 * The virtual file system. Every method runs to its end without suspending and throws `FsError`
 * (or a Node `ErrnoException` straight from the backing file system) on failure.
 *
 * Lookup counts: `lookup`, `mknod`, `mkdir`, `symlink` and `link` add one to the inode they return;
 * `forget` takes some off. An inode whose names are all gone lives until its count is 0, with its
 * data still readable and writable; there is no open and no release.
 */
export interface FileSystem {
  lookup(parent: Ino, name: ByteName, caller: Caller): Attr | Absent;
  forget(ino: Ino, count: number): void;
  getattr(ino: Ino): Attr;
  setattr(ino: Ino, changes: AttrChanges, caller: Caller): Attr;
  readlink(ino: Ino): Buffer;
  symlink(parent: Ino, name: ByteName, target: Buffer, caller: Caller): Attr;
  mknod(parent: Ino, name: ByteName, mode: number, caller: Caller): Attr;
  mkdir(parent: Ino, name: ByteName, mode: number, caller: Caller): Attr;
  unlink(parent: Ino, name: ByteName, caller: Caller): void;
  rmdir(parent: Ino, name: ByteName, caller: Caller): void;
  rename(
    from: { readonly parent: Ino; readonly name: ByteName },
    to: { readonly parent: Ino; readonly name: ByteName },
    flags: RenameFlags,
    caller: Caller,
  ): void;
  link(ino: Ino, newParent: Ino, newName: ByteName, caller: Caller): Attr;
  /** Reads into `target` from `targetOffset`; returns the bytes read, less than asked only at the end of the file. */
  read(ino: Ino, target: Buffer, range: ByteRange): number;
  /** Writes all bytes of the range or throws; the first write to a lower file copies it up. */
  write(ino: Ino, source: Buffer, range: ByteRange, caller: Caller): number;
  /** A `write` of what the kernel had in memory has failed with `error`, and no program hears of it. */
  writeLost(ino: Ino, error: unknown): void;
  fsync(ino: Ino, dataOnly: boolean): void;
  statfs(): FileSystemStats;
  /** Takes a snapshot of a directory's names; entries stay in place until `releasedir`. */
  opendir(ino: Ino): number;
  /** The snapshot, `.` and `..` first. */
  readdir(handle: number): readonly DirectoryEntry[];
  releasedir(handle: number): void;
}

/** Where bytes lie in a buffer and where they belong in a file. */
export interface ByteRange {
  readonly bufferOffset: number;
  readonly lengthBytes: number;
  readonly position: number;
}

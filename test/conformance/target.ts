/** The system calls that the conformance suite makes, whoever answers them. */
import type { ByteString } from '../../src/base/byte-string.js';

export type Awaitable<T> = T | Promise<T>;

/** Relative to the target's root, `/`-separated. */
export type TargetPath = ByteString;

export interface TargetStat {
  readonly ino: number;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly nlink: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export interface TargetEntry {
  readonly name: ByteString;
  readonly fileType: number;
}

/**
 * A place to make system calls. Failures throw errors with an errno word in `code`. Numbers that
 * `open` returns are descriptors, for use with the calls of the same target only.
 */
export interface ConformanceTarget {
  /** The directory's path on this machine, where a kernel stands between it and the tests. */
  readonly hostRoot: string | undefined;
  open(path: TargetPath, flags: number, mode?: number): Awaitable<number>;
  close(fd: number): Awaitable<void>;
  read(fd: number, lengthBytes: number, position: number): Awaitable<Buffer>;
  write(fd: number, bytes: Buffer, position: number): Awaitable<void>;
  ftruncate(fd: number, sizeBytes: number): Awaitable<void>;
  fstat(fd: number): Awaitable<TargetStat>;
  fchmod(fd: number, mode: number): Awaitable<void>;
  fsync(fd: number): Awaitable<void>;
  stat(path: TargetPath): Awaitable<TargetStat>;
  lstat(path: TargetPath): Awaitable<TargetStat>;
  chmod(path: TargetPath, mode: number): Awaitable<void>;
  truncate(path: TargetPath, sizeBytes: number): Awaitable<void>;
  /** To the nanosecond, not following symlinks; undefined leaves a time as it is. */
  utimens(
    path: TargetPath,
    atimeNs: bigint | undefined,
    mtimeNs: bigint | undefined,
  ): Awaitable<void>;
  mkdir(path: TargetPath, mode?: number): Awaitable<void>;
  rmdir(path: TargetPath): Awaitable<void>;
  unlink(path: TargetPath): Awaitable<void>;
  rename(from: TargetPath, to: TargetPath, flag?: 'noreplace' | 'exchange'): Awaitable<void>;
  link(existing: TargetPath, path: TargetPath): Awaitable<void>;
  symlink(target: Buffer, path: TargetPath): Awaitable<void>;
  readlink(path: TargetPath): Awaitable<Buffer>;
  mkfifo(path: TargetPath): Awaitable<void>;
  /** Without `.` and `..`. */
  readdir(path: TargetPath): Awaitable<readonly TargetEntry[]>;
  /** Of an open directory, without `.` and `..`. */
  freaddir(fd: number): Awaitable<readonly TargetEntry[]>;
  /** Gives everything back; called once, after the last test. */
  dispose(): Awaitable<void>;
}

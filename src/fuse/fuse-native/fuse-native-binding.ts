/**
 * The package `fuse-native` 2.2.6 as it is used here, and how it is loaded. Its C code runs libfuse
 * 2.9 threads and calls back on the main thread's event loop; loading it in a worker crashes.
 */
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { XcacheError } from '../../base/errors.js';

/** Answers an operation: 0 or a negated errno, and the result of a successful one. */
export type AnswerWith<T> = (errno: number, result?: T) => void;
export type Answer = (errno: number) => void;

/** What the package packs into a `struct stat`; times are whole milliseconds since the epoch. */
export interface NativeStat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly nlink: number;
  readonly ino: number;
  readonly rdev: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atime: number;
  readonly mtime: number;
  readonly ctime: number;
}

export interface NativeStatfs {
  readonly bsize: number;
  readonly frsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
  readonly favail: number;
  readonly namemax: number;
}

export interface NativeAttributeOperations {
  statfs(path: string, answer: AnswerWith<NativeStatfs>): void;
  getattr(path: string, answer: AnswerWith<NativeStat>): void;
  readlink(path: string, answer: AnswerWith<string>): void;
  chmod(path: string, mode: number, answer: Answer): void;
  chown(path: string, uid: number, gid: number, answer: Answer): void;
  utimens(path: string, atimeMs: number, mtimeMs: number, answer: Answer): void;
  truncate(path: string, sizeBytes: number, answer: Answer): void;
}

export interface NativeNameOperations {
  mknod(path: string, mode: number, device: number, answer: Answer): void;
  mkdir(path: string, mode: number, answer: Answer): void;
  symlink(target: string, path: string, answer: Answer): void;
  link(path: string, newPath: string, answer: Answer): void;
  rename(path: string, newPath: string, answer: Answer): void;
  unlink(path: string, answer: Answer): void;
  rmdir(path: string, answer: Answer): void;
  readdir(
    path: string,
    answer: (errno: number, names?: readonly string[], stats?: readonly NativeStat[]) => void,
  ): void;
}

/** Handle 0 is none: the file was not opened by a message. */
export interface NativeFileOperations {
  read(
    path: string,
    handle: number,
    target: Buffer,
    lengthBytes: number,
    position: number,
    answer: (bytesOrErrno: number) => void,
  ): void;
  write(
    path: string,
    handle: number,
    source: Buffer,
    lengthBytes: number,
    position: number,
    answer: (bytesOrErrno: number) => void,
  ): void;
  ftruncate(path: string, handle: number, sizeBytes: number, answer: Answer): void;
  fsync(path: string, dataOnly: number, handle: number, answer: Answer): void;
  fsyncdir(path: string, dataOnly: number, handle: number, answer: Answer): void;
}

/** Operations that are not defined are answered by libfuse, mostly with ENOSYS. */
export interface NativeOperations
  extends NativeAttributeOperations, NativeNameOperations, NativeFileOperations {
  open(path: string, flags: number, answer: AnswerWith<number>): void;
  release?(path: string, handle: number, answer: Answer): void;
}

/** Called by the C code: the thread's C structure, the operation's number, its arguments. */
type NativeHandler = (locals: Buffer, operation: number, ...args: unknown[]) => void;

export interface NativeFuse {
  mount(done: (error: Error | null) => void): void;
  unmount(done: (error: Error | null) => void): void;
  /** Not public: one handler per operation number; copied into C by `mount`. */
  readonly _handlers: (NativeHandler | undefined)[];
}

export interface NativeFuseConstructor {
  new (
    mountPoint: string,
    operations: NativeOperations,
    options: Record<string, string | number | boolean>,
  ): NativeFuse;
  /** Runs `fusermount -uz` through a shell; replaced, see `loadFuseNative`. */
  unmount: (mountPoint: string, done: (error: Error | null) => void) => void;
}

/** RTLD_NODELETE, which Node does not name: the library stays although Node finds no addon in it. */
const keepLoaded = 0x1000;

let loaded: NativeFuseConstructor | undefined;

/** Throws XC_NO_LIBFUSE where the package has no build for this machine or libfuse is missing. */
export function loadFuseNative(): NativeFuseConstructor {
  if (loaded) return loaded;
  const require = createRequire(import.meta.url);
  try {
    preloadLibfuse(require);
    loaded = require('fuse-native') as NativeFuseConstructor;
  } catch (error) {
    throw new XcacheError('XC_NO_LIBFUSE', 'the driver fuse-native cannot be loaded here', {
      cause: error,
      hint: 'install libfuse 2 (apt install libfuse2, in newer systems libfuse2t64), or use --driver direct',
    });
  }
  // Mount points are taken away by `unmount.ts`, which gives no shell a path; what is left for the
  // package is to let go of its handles.
  loaded.unmount = (_mountPoint, done) => {
    done(null);
  };
  return loaded;
}

/**
 * The package carries libfuse 2.9.9 beside its addon, but the addon asks the system for it. Once
 * the library is in the process under its name (`libfuse.so.2`), no system library is needed, and
 * its version is the tested one. Without that file the system's library serves.
 */
function preloadLibfuse(require: NodeJS.Require): void {
  const directory = dirname(require.resolve('fuse-native/package.json'));
  const library = join(directory, 'prebuilds', `${process.platform}-${process.arch}`, 'libfuse.so');
  const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen;
  try {
    process.dlopen({ exports: {} }, library, RTLD_NOW | RTLD_GLOBAL | keepLoaded);
  } catch {
    // Expected: "Module did not self-register" where it was loaded, another message where not;
    // loading the addon tells.
  }
}

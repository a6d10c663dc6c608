/** What the operations of one fuse-native mount share: paths, open files, and how they answer. */
import type { AttrChanges, Caller, DirectoryEntry, FileSystem, Ino } from '../../fs/file-system.js';
import { errnoOf } from '../errno.js';
import { NativePaths } from './fuse-native-paths.js';

export interface NativeServerOptions {
  readonly fileSystem: FileSystem;
  /** Told of errors that are faults of this program or its host, with the operation's name. */
  readonly onFault: (error: unknown, operation: string) => void;
}

export class NativeServer {
  readonly fileSystem: FileSystem;
  readonly paths: NativePaths;
  /** libfuse knows who calls, but the package does not pass it on. */
  readonly caller: Caller = {
    pid: 0,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  };
  readonly #onFault: NativeServerOptions['onFault'];
  readonly #openFiles = new Map<number, Ino>();
  #lastHandle = 0;

  constructor(options: NativeServerOptions) {
    this.fileSystem = options.fileSystem;
    this.#onFault = options.onFault;
    this.paths = new NativePaths(options.fileSystem, this.caller);
  }

  /** Runs an operation to its end and answers it exactly once. */
  run<T>(operation: string, answer: (errno: number, result?: T) => void, work: () => T): void {
    let result: T;
    try {
      result = work();
    } catch (error) {
      const { errno, isFault } = errnoOf(error);
      if (isFault) this.#onFault(error, operation);
      answer(-errno);
      return;
    }
    answer(0, result);
  }

  change(path: string, changes: AttrChanges): void {
    this.paths.withNode(path, ({ ino }) => {
      this.fileSystem.setattr(ino, changes, this.caller);
    });
  }

  /** Keeps the file's inode until `release`, whatever happens to its name. */
  open(path: string): number {
    const { ino } = this.paths.take(path);
    // The package cuts handles to 31 bits, and 0 is none.
    do {
      this.#lastHandle = (this.#lastHandle % 0x7fff_ffff) + 1;
    } while (this.#openFiles.has(this.#lastHandle));
    this.#openFiles.set(this.#lastHandle, ino);
    return this.#lastHandle;
  }

  release(handle: number): void {
    const ino = this.#openFiles.get(handle);
    if (ino === undefined) return;
    this.#openFiles.delete(handle);
    this.fileSystem.forget(ino, 1);
  }

  /** By handle where there is one, for the name may be gone; else by path. */
  withFile<T>(path: string, handle: number, use: (ino: Ino) => T): T {
    const ino = this.#openFiles.get(handle);
    return ino === undefined ? this.paths.withNode(path, (attr) => use(attr.ino)) : use(ino);
  }

  list(path: string): readonly DirectoryEntry[] {
    return this.paths.withNode(path, ({ ino }) => {
      const handle = this.fileSystem.opendir(ino);
      try {
        return this.fileSystem.readdir(handle);
      } finally {
        this.fileSystem.releasedir(handle);
      }
    });
  }

  /** Gives back everything that is held of the file system. */
  close(): void {
    for (const handle of [...this.#openFiles.keys()]) this.release(handle);
    this.paths.close();
  }
}

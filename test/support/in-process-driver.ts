/**
 * The file system without a kernel: paths are walked, open files hold their inode and flags are
 * interpreted here, as the kernel would. For tests and for tools that read a view without a mount.
 */
import { constants } from 'node:fs';
import {
  byteStringFromBuffer,
  type ByteName,
  type ByteString,
} from '../../src/base/byte-string.js';
import { FsError } from '../../src/base/errors.js';
import { rootIno, type Attr, type AttrChanges, type Caller } from '../../src/fs/file-system.js';
import type { DirectoryEntry, FileSystem, Ino, RenameFlags } from '../../src/fs/file-system.js';
import { directoryType, regularType, symlinkType, typeMask } from '../../src/fs/inode.js';

/** A path below the root, `/`-separated; `''` and `.` are the root. */
export type InProcessPath = ByteString;

const symlinksMax = 40;
const accessMask = 3;

interface OpenFile {
  readonly ino: Ino;
  readonly flags: number;
}

interface Last {
  readonly parent: Ino;
  readonly name: ByteName;
}

export class InProcessDriver {
  readonly #fileSystem: FileSystem;
  readonly #caller: Caller;
  readonly #openFiles = new Map<number, OpenFile>();
  /** References of the operation that runs, given back at its end. */
  readonly #held: Ino[] = [];
  #lastHandle = 2;

  constructor(fileSystem: FileSystem, caller: Caller = { pid: 0, uid: 0, gid: 0 }) {
    this.#fileSystem = fileSystem;
    this.#caller = caller;
  }

  stat(path: InProcessPath): Attr {
    return this.#run(() => this.#walk(path, true));
  }

  lstat(path: InProcessPath): Attr {
    return this.#run(() => this.#walk(path, false));
  }

  fstat(handle: number): Attr {
    return this.#fileSystem.getattr(this.#file(handle).ino);
  }

  /** Changes what a path leads to, as `chmod(2)` and `truncate(2)` do. */
  setattr(path: InProcessPath, changes: AttrChanges): Attr {
    return this.#run(() => {
      return this.#fileSystem.setattr(this.#walk(path, true).ino, changes, this.#caller);
    });
  }

  /** Changes a symlink itself. */
  lsetattr(path: InProcessPath, changes: AttrChanges): Attr {
    return this.#run(() => {
      return this.#fileSystem.setattr(this.#walk(path, false).ino, changes, this.#caller);
    });
  }

  fsetattr(handle: number, changes: AttrChanges): Attr {
    return this.#fileSystem.setattr(this.#file(handle).ino, changes, this.#caller);
  }

  /** `O_CREAT`, `O_EXCL`, `O_TRUNC`, `O_APPEND`, `O_DIRECTORY` and `O_NOFOLLOW` as in `open(2)`. */
  open(path: InProcessPath, flags: number, mode = 0o644): number {
    return this.#run(() => {
      const { attr, isNew } = this.#openInode(path, flags, mode);
      const isDirectory = (attr.mode & typeMask) === directoryType;
      if (isDirectory && (flags & accessMask) !== 0) throw new FsError('EISDIR', 'open');
      if (!isDirectory && (flags & constants.O_DIRECTORY) !== 0) {
        throw new FsError('ENOTDIR', 'open');
      }
      if ((flags & constants.O_TRUNC) !== 0 && !isNew && (attr.mode & typeMask) === regularType) {
        this.#fileSystem.setattr(attr.ino, { sizeBytes: 0 }, this.#caller);
      }
      // The open file keeps the reference that the walk took.
      this.#held.splice(this.#held.lastIndexOf(attr.ino), attr.ino === rootIno ? 0 : 1);
      this.#lastHandle += 1;
      this.#openFiles.set(this.#lastHandle, { ino: attr.ino, flags });
      return this.#lastHandle;
    });
  }

  #openInode(
    path: InProcessPath,
    flags: number,
    mode: number,
  ): { readonly attr: Attr; readonly isNew: boolean } {
    const follow = (flags & constants.O_NOFOLLOW) === 0;
    const isCreating = (flags & constants.O_CREAT) !== 0;
    const isExclusive = isCreating && (flags & constants.O_EXCL) !== 0;
    if (!isCreating) {
      const attr = this.#walk(path, follow);
      if ((attr.mode & typeMask) === symlinkType) throw new FsError('ELOOP', 'open');
      return { attr, isNew: false };
    }
    const last = this.#walkToLast(path, follow && !isExclusive);
    const there = this.#lookup(last.parent, last.name);
    if (there === undefined) {
      const attr = this.#hold(
        this.#fileSystem.mknod(last.parent, last.name, regularType | mode, this.#caller),
      );
      return { attr, isNew: true };
    }
    if (isExclusive) throw new FsError('EEXIST', 'open');
    if ((there.mode & typeMask) === symlinkType) throw new FsError('ELOOP', 'open');
    return { attr: there, isNew: false };
  }

  close(handle: number): void {
    const { ino } = this.#file(handle);
    this.#openFiles.delete(handle);
    this.#forget(ino);
  }

  read(handle: number, target: Buffer, position: number): number {
    const { ino, flags } = this.#file(handle);
    if ((flags & accessMask) === constants.O_WRONLY) throw new FsError('EBADF', 'read');
    const range = { bufferOffset: 0, lengthBytes: target.length, position };
    return this.#fileSystem.read(ino, target, range);
  }

  write(handle: number, source: Buffer, position: number): number {
    const { ino, flags } = this.#file(handle);
    if ((flags & accessMask) === constants.O_RDONLY) throw new FsError('EBADF', 'write');
    const isAppending = (flags & constants.O_APPEND) !== 0;
    const start = isAppending ? this.#fileSystem.getattr(ino).sizeBytes : position;
    const range = { bufferOffset: 0, lengthBytes: source.length, position: start };
    return this.#fileSystem.write(ino, source, range, this.#caller);
  }

  fsync(handle: number): void {
    this.#fileSystem.fsync(this.#file(handle).ino, false);
  }

  mkdir(path: InProcessPath, mode = 0o755): void {
    this.#atNewName(path, ({ parent, name }) => {
      this.#hold(this.#fileSystem.mkdir(parent, name, mode, this.#caller));
    });
  }

  mknod(path: InProcessPath, mode: number): void {
    this.#atNewName(path, ({ parent, name }) => {
      this.#hold(this.#fileSystem.mknod(parent, name, mode, this.#caller));
    });
  }

  symlink(target: Buffer, path: InProcessPath): void {
    this.#atNewName(path, ({ parent, name }) => {
      this.#hold(this.#fileSystem.symlink(parent, name, target, this.#caller));
    });
  }

  readlink(path: InProcessPath): Buffer {
    return this.#run(() => this.#fileSystem.readlink(this.#walk(path, false).ino));
  }

  link(existing: InProcessPath, path: InProcessPath): void {
    this.#run(() => {
      const { ino } = this.#walk(existing, false);
      const { parent, name } = this.#newName(path);
      this.#hold(this.#fileSystem.link(ino, parent, name, this.#caller));
    });
  }

  unlink(path: InProcessPath): void {
    this.#atExistingName(path, ({ parent, name }) => {
      this.#fileSystem.unlink(parent, name, this.#caller);
    });
  }

  rmdir(path: InProcessPath): void {
    this.#atExistingName(path, ({ parent, name }) => {
      this.#fileSystem.rmdir(parent, name, this.#caller);
    });
  }

  rename(
    from: InProcessPath,
    to: InProcessPath,
    flags: RenameFlags = { noReplace: false, exchange: false },
  ): void {
    this.#run(() => {
      const source = this.#walkToLast(from, false);
      const target = this.#walkToLast(to, false);
      // The kernel looks both names up before it asks for the rename.
      if (this.#lookup(source.parent, source.name) === undefined) {
        throw new FsError('ENOENT', 'rename');
      }
      this.#lookup(target.parent, target.name);
      this.#fileSystem.rename(source, target, flags, this.#caller);
    });
  }

  /** All entries, `.` and `..` first. */
  readdir(path: InProcessPath): readonly DirectoryEntry[] {
    return this.#run(() => this.#list(this.#walk(path, true).ino));
  }

  freaddir(handle: number): readonly DirectoryEntry[] {
    return this.#list(this.#file(handle).ino);
  }

  #list(ino: Ino): readonly DirectoryEntry[] {
    const handle = this.#fileSystem.opendir(ino);
    try {
      return this.#fileSystem.readdir(handle);
    } finally {
      this.#fileSystem.releasedir(handle);
    }
  }

  #file(handle: number): OpenFile {
    const file = this.#openFiles.get(handle);
    if (file === undefined) throw new FsError('EBADF', 'handle');
    return file;
  }

  #atNewName(path: InProcessPath, act: (at: Last) => void): void {
    this.#run(() => {
      act(this.#newName(path));
    });
  }

  /** As the kernel: the name is looked up first, and EEXIST answered without asking. */
  #newName(path: InProcessPath): Last {
    const last = this.#walkToLast(path, false);
    if (this.#lookup(last.parent, last.name)) throw new FsError('EEXIST', 'create');
    return last;
  }

  #atExistingName(path: InProcessPath, act: (at: Last) => void): void {
    this.#run(() => {
      const last = this.#walkToLast(path, false);
      if (!this.#lookup(last.parent, last.name)) throw new FsError('ENOENT', 'remove');
      act(last);
    });
  }

  /** Runs one operation and gives back the references it took. */
  #run<T>(operation: () => T): T {
    try {
      return operation();
    } finally {
      for (const ino of this.#held.splice(0)) this.#forget(ino);
    }
  }

  #forget(ino: Ino): void {
    if (ino !== rootIno) this.#fileSystem.forget(ino, 1);
  }

  #hold(attr: Attr): Attr {
    this.#held.push(attr.ino);
    return attr;
  }

  #lookup(parent: Ino, name: ByteName): Attr | undefined {
    const found = this.#fileSystem.lookup(parent, name, this.#caller);
    return 'absent' in found ? undefined : this.#hold(found);
  }

  #walk(path: InProcessPath, follow: boolean): Attr {
    if (isRoot(path)) return this.#fileSystem.getattr(rootIno);
    const { parent, name } = this.#walkToLast(path, follow);
    if (name === '.') return this.#fileSystem.getattr(parent);
    const attr = this.#lookup(parent, name);
    if (attr === undefined) throw new FsError('ENOENT', 'lookup');
    return attr;
  }

  /** The directory that holds the last component, with symlinks followed on the way. */
  #walkToLast(path: InProcessPath, follow: boolean): Last {
    const parents: Ino[] = [];
    let directory: Ino = rootIno;
    const rest = path.split('/').filter((part) => part !== '' && part !== '.');
    if (rest.length === 0) throw new FsError('EBUSY', 'walk');
    for (let links = 0; ;) {
      const name = rest.shift() as ByteName | undefined;
      if (name === undefined) return { parent: directory, name: '.' as ByteName };
      if (name === '..') {
        directory = parents.pop() ?? rootIno;
        continue;
      }
      if (rest.length === 0 && !follow) return { parent: directory, name };
      const attr = this.#lookup(directory, name);
      const type = attr === undefined ? 0 : attr.mode & typeMask;
      if (attr !== undefined && type === symlinkType) {
        links += 1;
        if (links > symlinksMax) throw new FsError('ELOOP', 'walk');
        rest.unshift(...this.#targetParts(attr.ino));
        continue;
      }
      if (rest.length === 0) return { parent: directory, name };
      if (attr === undefined) throw new FsError('ENOENT', 'walk');
      if (type !== directoryType) throw new FsError('ENOTDIR', 'walk');
      parents.push(directory);
      directory = attr.ino;
    }
  }

  /** An absolute target leads out of the file system. */
  #targetParts(ino: Ino): readonly string[] {
    const target = byteStringFromBuffer(this.#fileSystem.readlink(ino));
    if (target.startsWith('/')) throw new FsError('ENOENT', 'walk');
    return target.split('/').filter((part) => part !== '' && part !== '.');
  }
}

function isRoot(path: InProcessPath): boolean {
  return path === '' || path === '.' || path === '/';
}

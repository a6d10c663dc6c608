/**
 * One mount for many file systems: directories that mirror the paths of workspaces, each with the
 * file system of one view at its place. The directories live in memory and hold nothing else.
 */
import { byteStringFromText, byteStringToText } from '../base/byte-string.js';
import type { ByteName } from '../base/byte-string.js';
import { FsError } from '../base/errors.js';
import { diskStats } from './disk-stats.js';
import type { Absent, Attr, AttrChanges, ByteRange, Caller } from './file-system.js';
import type { DirectoryEntry, FileSystem, FileSystemStats, Ino } from './file-system.js';
import type { RenameFlags } from './file-system.js';
import type { NameIn } from './rename.js';
import { directoryType } from './inode.js';
import { TreeDirectories, type TreeDirectory } from './tree-directories.js';

/** Inode numbers of one file system lie between two multiples of this. */
const inoSpan = 2 ** 32;

/** A file system that stands at a place of the tree. */
export interface PlacedFileSystem extends FileSystem {
  /** Whether nothing is in its root, so that the place may be removed. */
  isEmpty(): boolean;
}

export interface WorkspaceTreeOptions {
  /** The name below a workspace's path where its file system stands. */
  readonly placeName: ByteName;
  /**
   * Opens the file system of the place below `path` (`/home/u/app`), with numbers above `inoBase`.
   * `isNew`: somebody makes the directory now; otherwise only what is known is opened. Undefined
   * where there is none.
   */
  readonly open: (path: string, inoBase: number, isNew: boolean) => PlacedFileSystem | undefined;
  /** The place below `path` was removed; its file system is not used any more. */
  readonly removed: (path: string) => void;
  /** A directory on the disk whose space `statfs` tells. */
  readonly diskDirectory: string;
}

interface Place {
  readonly path: string;
  readonly fileSystem: PlacedFileSystem;
  readonly rootIno: Ino;
}

export class WorkspaceTree implements FileSystem {
  readonly #options: WorkspaceTreeOptions;
  readonly #directories: TreeDirectories;
  readonly #byPath = new Map<string, Place>();
  /** By the multiple of `inoSpan` that its inode numbers begin at. */
  readonly #byBase = new Map<number, Place>();
  readonly #handles = new Map<number, { place: Place | undefined; handle: number }>();
  readonly #listings = new Map<number, readonly DirectoryEntry[]>();
  #lastBase = 0;
  #lastHandle = 0;
  #latest: Place | undefined;

  constructor(options: WorkspaceTreeOptions) {
    this.#options = options;
    this.#directories = new TreeDirectories();
  }

  /** Makes the directories above the place of a known workspace, so that its path can be walked. */
  announce(path: string): void {
    let directory = this.#directories.root;
    for (const part of byteStringFromText(path).split('/')) {
      if (part !== '') directory = this.#directories.ensure(directory, part as ByteName);
    }
    directory.hasPlace = true;
  }

  /** Forgets an open file system; the kernel learns of it by ESTALE and looks the name up again. */
  close(path: string): void {
    const place = this.#byPath.get(path);
    if (place === undefined) return;
    this.#byPath.delete(path);
    this.#byBase.delete(Math.floor(place.rootIno / inoSpan));
    if (this.#latest === place) this.#latest = undefined;
  }

  lookup(parent: Ino, name: ByteName, caller: Caller): Attr | Absent {
    const place = this.#placeOf(parent);
    if (place) return place.fileSystem.lookup(parent, name, caller);
    const directory = this.#directories.get(parent);
    if (name === this.#options.placeName) return this.#lookupPlace(directory);
    const child = directory.children.get(name);
    // Directories appear by mkdir alone or are announced before the mount.
    if (child === undefined) return { absent: true, isVolatile: false };
    return this.#attributes(child);
  }

  /** The root of a place is not counted: it lives as long as its file system. */
  forget(ino: Ino, count: number): void {
    const place = this.#byBase.get(Math.floor(ino / inoSpan));
    if (place !== undefined && ino !== place.rootIno) place.fileSystem.forget(ino, count);
  }

  getattr(ino: Ino): Attr {
    const place = this.#placeOf(ino);
    if (place) return place.fileSystem.getattr(ino);
    return this.#directories.attributes(this.#directories.get(ino));
  }

  setattr(ino: Ino, changes: AttrChanges, caller: Caller): Attr {
    return this.#required(ino, 'setattr').setattr(ino, changes, caller);
  }

  readlink(ino: Ino): Buffer {
    return this.#required(ino, 'readlink').readlink(ino);
  }

  symlink(parent: Ino, name: ByteName, target: Buffer, caller: Caller): Attr {
    return this.#required(parent, 'symlink').symlink(parent, name, target, caller);
  }

  mknod(parent: Ino, name: ByteName, mode: number, caller: Caller): Attr {
    return this.#required(parent, 'mknod').mknod(parent, name, mode, caller);
  }

  mkdir(parent: Ino, name: ByteName, mode: number, caller: Caller): Attr {
    const place = this.#placeOf(parent);
    if (place) return place.fileSystem.mkdir(parent, name, mode, caller);
    const directory = this.#directories.get(parent);
    if (name === this.#options.placeName) return this.#makePlace(directory);
    if (directory.children.has(name)) throw new FsError('EEXIST', 'mkdir');
    return this.#attributes(this.#directories.ensure(directory, name));
  }

  unlink(parent: Ino, name: ByteName, caller: Caller): void {
    this.#required(parent, 'unlink').unlink(parent, name, caller);
  }

  rmdir(parent: Ino, name: ByteName, caller: Caller): void {
    const place = this.#placeOf(parent);
    if (place) {
      place.fileSystem.rmdir(parent, name, caller);
      return;
    }
    const directory = this.#directories.get(parent);
    if (name === this.#options.placeName) this.#removePlace(directory);
    else this.#directories.remove(directory, name);
  }

  rename(from: NameIn, to: NameIn, flags: RenameFlags, caller: Caller): void {
    if (this.#placeOf(from.parent) === undefined && this.#placeOf(to.parent) === undefined) {
      this.#renameToPlace(from, to);
      return;
    }
    const fileSystem = this.#required(from.parent, 'rename');
    if (this.#placeOf(to.parent)?.fileSystem !== fileSystem) throw new FsError('EXDEV', 'rename');
    fileSystem.rename(from, to, flags, caller);
  }

  link(ino: Ino, newParent: Ino, newName: ByteName, caller: Caller): Attr {
    const fileSystem = this.#required(ino, 'link');
    if (this.#placeOf(newParent)?.fileSystem !== fileSystem) throw new FsError('EXDEV', 'link');
    return fileSystem.link(ino, newParent, newName, caller);
  }

  read(ino: Ino, target: Buffer, range: ByteRange): number {
    return this.#required(ino, 'read').read(ino, target, range);
  }

  write(ino: Ino, source: Buffer, range: ByteRange, caller: Caller): number {
    return this.#required(ino, 'write').write(ino, source, range, caller);
  }

  writeLost(ino: Ino, error: unknown): void {
    this.#placeOf(ino)?.fileSystem.writeLost(ino, error);
  }

  fsync(ino: Ino, isDataOnly: boolean): void {
    this.#placeOf(ino)?.fileSystem.fsync(ino, isDataOnly);
  }

  /** The request names no file system of ours; they all lie on one disk. */
  statfs(): FileSystemStats {
    if (this.#latest) return this.#latest.fileSystem.statfs();
    return diskStats(this.#options.diskDirectory);
  }

  opendir(ino: Ino): number {
    this.#lastHandle += 1;
    const place = this.#placeOf(ino);
    const handle = place ? place.fileSystem.opendir(ino) : this.#list(this.#directories.get(ino));
    this.#handles.set(this.#lastHandle, { place, handle });
    return this.#lastHandle;
  }

  readdir(handle: number): readonly DirectoryEntry[] {
    const opened = this.#handles.get(handle);
    const entries =
      opened?.place?.fileSystem.readdir(opened.handle) ?? this.#listings.get(opened?.handle ?? 0);
    if (entries === undefined) throw new FsError('EBADF', 'readdir');
    return entries;
  }

  releasedir(handle: number): void {
    const opened = this.#handles.get(handle);
    this.#handles.delete(handle);
    if (opened === undefined) return;
    if (opened.place === undefined) this.#listings.delete(opened.handle);
    else if (this.#byPath.get(opened.place.path) === opened.place) {
      opened.place.fileSystem.releasedir(opened.handle);
    }
  }

  #attributes(directory: TreeDirectory): Attr {
    const attr = this.#directories.attributes(directory);
    return directory.name.startsWith(this.#options.placeName)
      ? { ...attr, isTransient: true }
      : attr;
  }

  #list(directory: TreeDirectory): number {
    const entries = [...this.#directories.list(directory)];
    if (directory.hasPlace) {
      entries.push({ name: this.#options.placeName, ino: 0, fileType: directoryType });
    }
    this.#listings.set(this.#lastHandle, entries);
    return this.#lastHandle;
  }

  /** Undefined for the tree's own directories; throws ESTALE where a file system is closed. */
  #placeOf(ino: Ino): Place | undefined {
    if (ino < inoSpan) return undefined;
    const place = this.#byBase.get(Math.floor(ino / inoSpan));
    if (place === undefined) throw new FsError('ESTALE', 'place');
    this.#latest = place;
    return place;
  }

  /** Nothing but directories can be put beside the places. */
  #required(ino: Ino, operation: string): PlacedFileSystem {
    const place = this.#placeOf(ino);
    if (place === undefined) throw new FsError('EPERM', operation);
    return place.fileSystem;
  }

  #lookupPlace(directory: TreeDirectory): Attr | Absent {
    const place = this.#opened(directory, false);
    // It may be made through the service too, without the kernel's knowledge.
    if (place === undefined) return { absent: true, isVolatile: true };
    return this.#rootAttributes(place);
  }

  #makePlace(directory: TreeDirectory): Attr {
    if (this.#opened(directory, false)) throw new FsError('EEXIST', 'mkdir');
    const place = this.#opened(directory, true);
    if (place === undefined) throw new FsError('EIO', 'mkdir');
    return this.#rootAttributes(place);
  }

  #rootAttributes(place: Place): Attr {
    return place.fileSystem.getattr(place.rootIno);
  }

  /**
   * Cargo makes a build-dir under a temporary name that begins like the final one, and renames it
   * (`create_dir_all_excluded_from_backups_atomic`, cargo-util 0.2, paths.rs). The kernel takes the
   * renamed directory for the place until it looks the name up again, which is why such directories
   * are transient.
   */
  #renameToPlace(from: NameIn, to: NameIn): void {
    const directory = this.#directories.get(from.parent);
    const isPlace = to.name === this.#options.placeName && from.parent === to.parent;
    if (!isPlace || !from.name.startsWith(to.name)) throw new FsError('EPERM', 'rename');
    if (!directory.children.has(from.name)) throw new FsError('ENOENT', 'rename');
    if (this.#opened(directory, false)) throw new FsError('ENOTEMPTY', 'rename');
    if (this.#opened(directory, true) === undefined) throw new FsError('EIO', 'rename');
    this.#directories.remove(directory, from.name);
  }

  #opened(directory: TreeDirectory, isNew: boolean): Place | undefined {
    const bytes = this.#directories.pathOf(directory);
    const path = byteStringToText(bytes);
    // Cargo itself has no template for a path that is not text.
    if (byteStringFromText(path) !== bytes) return undefined;
    const known = this.#byPath.get(path);
    if (known) return known;
    const base = (this.#lastBase + 1) * inoSpan;
    const fileSystem = this.#options.open(path, base, isNew);
    if (fileSystem === undefined) {
      directory.hasPlace = false;
      return undefined;
    }
    this.#lastBase += 1;
    const place: Place = { path, fileSystem, rootIno: base + 1 };
    this.#byPath.set(path, place);
    this.#byBase.set(this.#lastBase, place);
    directory.hasPlace = true;
    return place;
  }

  #removePlace(directory: TreeDirectory): void {
    const place = this.#opened(directory, false);
    if (place === undefined) throw new FsError('ENOENT', 'rmdir');
    if (!place.fileSystem.isEmpty()) throw new FsError('ENOTEMPTY', 'rmdir');
    this.close(place.path);
    directory.hasPlace = false;
    this.#options.removed(place.path);
  }
}

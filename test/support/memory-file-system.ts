/** A small file system in memory: what the drivers are tested with, apart from the overlay. */
import { FsError } from '../../src/base/errors.js';
import type { ByteName } from '../../src/base/byte-string.js';
import type {
  Absent,
  Attr,
  AttrChanges,
  ByteRange,
  Caller,
  DirectoryEntry,
  FileSystem,
  FileSystemStats,
  Ino,
  RenameFlags,
} from '../../src/fs/file-system.js';

const typeMask = 0o170000;
const directoryType = 0o040000;

interface Node {
  attr: { -readonly [K in keyof Attr]: Attr[K] };
  lookups: number;
  content: Buffer;
  children: Map<ByteName, Node>;
  parent: Node | undefined;
}

interface Place {
  readonly parent: Ino;
  readonly name: ByteName;
}

function now(): bigint {
  return BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n);
}

export class MemoryFileSystem implements FileSystem {
  readonly nodes: Map<Ino, Node> = new Map();
  readonly snapshots: Map<number, DirectoryEntry[]> = new Map();
  /** Names that start so may appear later: their absence must not be remembered. */
  volatilePrefix = 'volatile';
  #nextIno = 1;
  #nextSnapshot = 1;

  constructor() {
    this.#create(directoryType | 0o755, { pid: 0, uid: 0, gid: 0 }).attr.nlink = 2;
  }

  lookup(parent: Ino, name: ByteName): Attr | Absent {
    const found = this.#directory(parent).children.get(name);
    if (!found) return { absent: true, isVolatile: name.startsWith(this.volatilePrefix) };
    found.lookups += 1;
    return { ...found.attr };
  }

  forget(ino: Ino, count: number): void {
    const node = this.nodes.get(ino);
    if (!node) return;
    node.lookups -= count;
    if (node.lookups < 0) throw new Error(`node ${ino}: ${node.lookups} lookups`);
    this.#collect(node);
  }

  getattr(ino: Ino): Attr {
    return { ...this.#node(ino).attr };
  }

  setattr(ino: Ino, changes: AttrChanges): Attr {
    const { attr } = this.#node(ino);
    const time = now();
    if (changes.mode !== undefined) attr.mode = (attr.mode & typeMask) | changes.mode;
    if (changes.uid !== undefined) attr.uid = changes.uid;
    if (changes.gid !== undefined) attr.gid = changes.gid;
    if (changes.sizeBytes !== undefined) this.#resize(this.#node(ino), changes.sizeBytes);
    if (changes.atime !== undefined) attr.atimeNs = changes.atime === 'now' ? time : changes.atime;
    if (changes.mtime !== undefined) attr.mtimeNs = changes.mtime === 'now' ? time : changes.mtime;
    attr.ctimeNs = time;
    return { ...attr };
  }

  readlink(ino: Ino): Buffer {
    return this.#node(ino).content;
  }

  symlink(parent: Ino, name: ByteName, target: Buffer, caller: Caller): Attr {
    const node = this.#insert(parent, name, 0o120777, caller);
    node.content = target;
    node.attr.sizeBytes = target.length;
    return { ...node.attr };
  }

  mknod(parent: Ino, name: ByteName, mode: number, caller: Caller): Attr {
    return { ...this.#insert(parent, name, mode, caller).attr };
  }

  mkdir(parent: Ino, name: ByteName, mode: number, caller: Caller): Attr {
    const node = this.#insert(parent, name, directoryType | mode, caller);
    node.attr.nlink = 2;
    node.parent = this.#directory(parent);
    node.parent.attr.nlink += 1;
    return { ...node.attr };
  }

  unlink(parent: Ino, name: ByteName): void {
    const node = this.#child(parent, name);
    if (isDirectory(node)) throw new FsError('EISDIR', 'unlink');
    this.#remove(parent, name, node);
  }

  rmdir(parent: Ino, name: ByteName): void {
    const node = this.#child(parent, name);
    if (!isDirectory(node)) throw new FsError('ENOTDIR', 'rmdir');
    if (node.children.size > 0) throw new FsError('ENOTEMPTY', 'rmdir');
    this.#remove(parent, name, node);
  }

  rename(from: Place, to: Place, flags: RenameFlags): void {
    const node = this.#child(from.parent, from.name);
    const target = this.#directory(to.parent).children.get(to.name);
    if (target && flags.noReplace) throw new FsError('EEXIST', 'rename');
    if (flags.exchange) {
      if (!target) throw new FsError('ENOENT', 'rename');
      this.#directory(from.parent).children.set(from.name, target);
      this.#directory(to.parent).children.set(to.name, node);
      return;
    }
    if (target === node) return;
    if (target) {
      if (isDirectory(target)) this.rmdir(to.parent, to.name);
      else this.unlink(to.parent, to.name);
    }
    this.#directory(from.parent).children.delete(from.name);
    this.#directory(to.parent).children.set(to.name, node);
    if (isDirectory(node)) {
      this.#directory(from.parent).attr.nlink -= 1;
      this.#directory(to.parent).attr.nlink += 1;
      node.parent = this.#directory(to.parent);
    }
  }

  link(ino: Ino, newParent: Ino, newName: ByteName): Attr {
    const node = this.#node(ino);
    if (this.#directory(newParent).children.has(newName)) throw new FsError('EEXIST', 'link');
    this.#directory(newParent).children.set(newName, node);
    node.attr.nlink += 1;
    node.lookups += 1;
    return { ...node.attr };
  }

  read(ino: Ino, target: Buffer, range: ByteRange): number {
    const { content } = this.#node(ino);
    return content.copy(
      target,
      range.bufferOffset,
      range.position,
      Math.min(content.length, range.position + range.lengthBytes),
    );
  }

  write(ino: Ino, source: Buffer, range: ByteRange): number {
    const node = this.#node(ino);
    const end = range.position + range.lengthBytes;
    if (end > node.content.length) this.#resize(node, end);
    source.copy(
      node.content,
      range.position,
      range.bufferOffset,
      range.bufferOffset + range.lengthBytes,
    );
    node.attr.mtimeNs = now();
    return range.lengthBytes;
  }

  fsync(ino: Ino): void {
    this.#node(ino);
  }

  statfs(): FileSystemStats {
    return {
      blockBytes: 4096,
      blocks: 1000,
      blocksFree: 900,
      blocksAvailable: 800,
      files: 700,
      filesFree: 600,
    };
  }

  opendir(ino: Ino): number {
    const directory = this.#directory(ino);
    const entry = (name: string, node: Node): DirectoryEntry => ({
      name: name as ByteName,
      ino: node.attr.ino,
      fileType: node.attr.mode & typeMask,
    });
    this.snapshots.set(this.#nextSnapshot, [
      entry('.', directory),
      entry('..', directory.parent ?? directory),
      ...[...directory.children].map(([name, node]) => entry(name, node)),
    ]);
    this.#nextSnapshot += 1;
    return this.#nextSnapshot - 1;
  }

  readdir(handle: number): readonly DirectoryEntry[] {
    const entries = this.snapshots.get(handle);
    if (!entries) throw new FsError('EBADF', 'readdir');
    return entries;
  }

  releasedir(handle: number): void {
    if (!this.snapshots.delete(handle)) throw new FsError('EBADF', 'releasedir');
  }

  #node(ino: Ino): Node {
    const node = this.nodes.get(ino);
    if (!node) throw new FsError('ESTALE', 'inode');
    return node;
  }

  #directory(ino: Ino): Node {
    const node = this.#node(ino);
    if (!isDirectory(node)) throw new FsError('ENOTDIR', 'inode');
    return node;
  }

  #child(parent: Ino, name: ByteName): Node {
    const node = this.#directory(parent).children.get(name);
    if (!node) throw new FsError('ENOENT', name);
    return node;
  }

  #insert(parent: Ino, name: ByteName, mode: number, caller: Caller): Node {
    const directory = this.#directory(parent);
    if (directory.children.has(name)) throw new FsError('EEXIST', name);
    const node = this.#create(mode, caller);
    node.lookups = 1;
    directory.children.set(name, node);
    return node;
  }

  #create(mode: number, { uid, gid }: Caller): Node {
    const time = now();
    const node: Node = {
      attr: {
        ino: this.#nextIno,
        sizeBytes: 0,
        blocks: 0,
        atimeNs: time,
        mtimeNs: time,
        ctimeNs: time,
        mode,
        nlink: 1,
        uid,
        gid,
        rdev: 0,
      },
      lookups: 0,
      content: Buffer.alloc(0),
      children: new Map(),
      parent: undefined,
    };
    this.nodes.set(node.attr.ino, node);
    this.#nextIno += 1;
    return node;
  }

  #remove(parent: Ino, name: ByteName, node: Node): void {
    const directory = this.#directory(parent);
    directory.children.delete(name);
    if (isDirectory(node)) {
      node.attr.nlink = 0;
      directory.attr.nlink -= 1;
    } else node.attr.nlink -= 1;
    this.#collect(node);
  }

  #collect(node: Node): void {
    if (node.lookups === 0 && node.attr.nlink === 0) this.nodes.delete(node.attr.ino);
  }

  #resize(node: Node, sizeBytes: number): void {
    const content = Buffer.alloc(sizeBytes);
    node.content.copy(content);
    node.content = content;
    node.attr.sizeBytes = sizeBytes;
    node.attr.blocks = Math.ceil(sizeBytes / 512);
    node.attr.mtimeNs = now();
  }
}

function isDirectory(node: Node): boolean {
  return (node.attr.mode & typeMask) === directoryType;
}

/** Hands out inode numbers and finds inodes by them, or by the real inode they stand for. */
import { FsError } from '../base/errors.js';
import { rootIno, type Ino } from './file-system.js';
import { directoryType, Inode } from './inode.js';

export class InodeTable {
  readonly root: Inode;
  readonly #byIno = new Map<Ino, Inode>();
  /** Upper inodes that have or had several names, by real inode number. */
  readonly #byRealIno = new Map<bigint, Inode>();
  #lastIno: Ino;

  /** All numbers are above `base`; the root has the first. */
  constructor(base: Ino) {
    this.root = new Inode(base + rootIno, directoryType, true);
    this.#lastIno = this.root.ino;
    this.#byIno.set(this.root.ino, this.root);
  }

  /** A new inode; numbers are never given twice. */
  create(fileType: number): Inode {
    this.#lastIno += 1;
    const inode = new Inode(this.#lastIno, fileType);
    this.#byIno.set(inode.ino, inode);
    return inode;
  }

  /** Throws ESTALE for numbers that are not in use. */
  get(ino: Ino, operation: string): Inode {
    const inode = this.#byIno.get(ino);
    if (inode === undefined) throw new FsError('ESTALE', operation);
    return inode;
  }

  /** Undefined for numbers that are not in use. */
  find(ino: Ino): Inode | undefined {
    return this.#byIno.get(ino);
  }

  /** Like `get`; throws ENOTDIR for anything but a directory. */
  directory(ino: Ino, operation: string): Inode {
    const inode = this.get(ino, operation);
    if (inode.directory === undefined) throw new FsError('ENOTDIR', operation);
    return inode;
  }

  /** The loaded inode behind a real file with several names. */
  findShared(realIno: bigint): Inode | undefined {
    return this.#byRealIno.get(realIno);
  }

  /** Makes every name of the real file lead to this inode. */
  share(inode: Inode, realIno: bigint): void {
    if (inode.sharedIno === realIno) return;
    this.unshare(inode);
    inode.sharedIno = realIno;
    this.#byRealIno.set(realIno, inode);
  }

  /** Called when the inode leaves its real file: its number may be given to another file. */
  unshare(inode: Inode): void {
    if (inode.sharedIno === undefined) return;
    this.#byRealIno.delete(inode.sharedIno);
    inode.sharedIno = undefined;
  }

  delete(inode: Inode): void {
    this.unshare(inode);
    this.#byIno.delete(inode.ino);
  }

  values(): IterableIterator<Inode> {
    return this.#byIno.values();
  }
}

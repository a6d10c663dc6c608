/**
 * Descriptors of the real files behind inodes. There is no open and no release (see file-system),
 * so descriptors are opened on first use and closed by least recent use. An inode without a name
 * keeps its own, *pinned*: it is the only way left to its data.
 */
import { chmodSync, closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { FsError, isErrno } from '../base/errors.js';
import type { Inode } from './inode.js';
import type { Extent } from './lower.js';

type HostPath = string | Buffer;

interface LowerFd {
  readonly fd: number;
  readonly sizeBytes: number;
}

export class BackingFds {
  readonly #limit: number;
  readonly #backingPath: (digest: string) => string;
  /** Upper inodes with a descriptor that may be closed, least recently used first. */
  readonly #upper = new Set<Inode>();
  /** Immutable backing files by digest, least recently used first. */
  readonly #lower = new Map<string, LowerFd>();
  #latest: Inode | undefined;

  /** At most `limit` descriptors of each layer, pinned ones not counted. */
  constructor(limit: number, backingPath: (digest: string) => string) {
    this.#limit = limit;
    this.#backingPath = backingPath;
  }

  /** The read-write descriptor of an upper inode that has one; marks it as used. */
  use(inode: Inode): number {
    if (inode !== this.#latest && this.#upper.delete(inode)) {
      this.#upper.add(inode);
      this.#latest = inode;
    }
    return inode.fd;
  }

  /** Opens the upper file and keeps the descriptor for later calls. */
  open(inode: Inode, path: HostPath): number {
    this.keep(
      inode,
      this.#retry(() => openReadWrite(path)),
    );
    return inode.fd;
  }

  /** Takes over a read-write descriptor of an upper inode. */
  keep(inode: Inode, fd: number): void {
    inode.fd = fd;
    this.#upper.add(inode);
    this.#latest = inode;
    if (this.#upper.size > this.#limit) this.#closeOldestUpper();
  }

  /** The descriptor of the immutable file behind `extent`; EIO if that file is missing or too short. */
  lower(extent: Extent): number {
    const known = this.#lower.get(extent.digest);
    let entry = known;
    if (entry === undefined) {
      entry = this.#openLower(extent.digest);
      if (this.#lower.size >= this.#limit) this.#closeOldestLower();
    } else {
      this.#lower.delete(extent.digest);
    }
    this.#lower.set(extent.digest, entry);
    if (entry.sizeBytes < extent.offset + extent.sizeBytes) throw new FsError('EIO', 'open');
    return entry.fd;
  }

  /** The size of the immutable file `digest`, which must be open (`lower` was called before). */
  lowerSizeBytes(digest: string): number {
    return this.#lower.get(digest)?.sizeBytes ?? -1;
  }

  /** Gives a lower inode a descriptor of its own, which stays when the group is detached. */
  pinLower(inode: Inode, extent: Extent): void {
    this.lower(extent);
    inode.fd = this.#retry(() => openSync(this.#backingPath(extent.digest), 'r'));
  }

  /** Keeps the open descriptor until `close`. */
  pin(inode: Inode): void {
    this.#upper.delete(inode);
    if (this.#latest === inode) this.#latest = undefined;
  }

  /** Lets the descriptor be closed again when others are needed more. */
  unpin(inode: Inode): void {
    if (inode.fd >= 0) this.keep(inode, inode.fd);
  }

  /** Closes the inode's own descriptor, pinned or not. */
  close(inode: Inode): void {
    this.pin(inode);
    if (inode.fd < 0) return;
    const fd = inode.fd;
    inode.fd = -1;
    closeSync(fd);
  }

  /** Closes all but pinned descriptors. */
  closeAll(): void {
    while (this.#upper.size > 0) this.#closeOldestUpper();
    while (this.#lower.size > 0) this.#closeOldestLower();
  }

  /** How many descriptors may be closed at any time. */
  get count(): number {
    return this.#upper.size + this.#lower.size;
  }

  isEvictable(inode: Inode): boolean {
    return this.#upper.has(inode);
  }

  #openLower(digest: string): LowerFd {
    let fd: number;
    try {
      fd = this.#retry(() => openSync(this.#backingPath(digest), constants.O_RDONLY));
    } catch (error) {
      throw new FsError('EIO', 'open', { cause: error });
    }
    return { fd, sizeBytes: fstatSync(fd).size };
  }

  #closeOldestUpper(): void {
    for (const inode of this.#upper) {
      this.close(inode);
      return;
    }
  }

  #closeOldestLower(): void {
    for (const [digest, { fd }] of this.#lower) {
      this.#lower.delete(digest);
      closeSync(fd);
      return;
    }
  }

  /** Out of descriptors is no reason to fail while some can be spared. */
  #retry(open: () => number): number {
    try {
      return open();
    } catch (error) {
      if (!isErrno(error, 'EMFILE') && !isErrno(error, 'ENFILE')) throw error;
      this.closeAll();
      return open();
    }
  }
}

/**
 * The kernel has checked permissions when the caller opened the file; a writer keeps its rights
 * when the mode changes later (`open(O_CREAT, 0444)` and write), so the mode must not stop us.
 */
function openReadWrite(path: HostPath): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if (!isErrno(error, 'EACCES')) throw error;
    return openDespiteMode(path);
  }
}

function openDespiteMode(path: HostPath): number {
  const mode = lstatSync(path).mode & 0o7777;
  chmodSync(path, mode | 0o600);
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } finally {
    chmodSync(path, mode);
  }
}

/**
 * From the paths that libfuse 2 hands out to the inodes of the file system. Each lookup is counted
 * there, so every inode found is either forgotten when the operation is over or kept on purpose.
 */
import { FsError } from '../../base/errors.js';
import type { ByteName } from '../../base/byte-string.js';
import { byteStringFromText } from '../../base/byte-string.js';
import type { Absent, Attr, Caller, FileSystem, Ino } from '../../fs/file-system.js';
import { rootIno } from '../../fs/file-system.js';

/** Directories whose inodes are kept between operations; a large target has a few thousand. */
const keptDirectoriesMax = 4096;

/** What the C layer puts where a name is not valid UTF-8; the bytes behind it are lost. */
const mangled = '\ufffd';

/** Where a name lies: its directory's inode, valid until the next operation. */
export interface NamePlace {
  readonly parent: Ino;
  readonly name: ByteName;
}

/** Throws where the text stands for bytes that are not UTF-8: they would be stored wrongly. */
export function nativeText(text: string): string {
  if (text.includes(mangled)) throw new FsError('EINVAL', 'a name that is not UTF-8');
  return text;
}

export class NativePaths {
  readonly #fileSystem: FileSystem;
  readonly #caller: Caller;
  /** Path to inode, in order of last use; each entry holds one lookup. */
  readonly #directories = new Map<string, Ino>();

  constructor(fileSystem: FileSystem, caller: Caller) {
    this.#fileSystem = fileSystem;
    this.#caller = caller;
  }

  /** Runs `use` on the attributes of what is at `path`, of which a lookup is held meanwhile. */
  withNode<T>(path: string, use: (attr: Attr) => T): T {
    if (path === '/') return use(this.#fileSystem.getattr(rootIno));
    const attr = this.take(path);
    try {
      return use(attr);
    } finally {
      this.#fileSystem.forget(attr.ino, 1);
    }
  }

  /** Like `withNode`, but the caller keeps the lookup and gives it back with `release`. */
  take(path: string): Attr {
    const { parent, name } = this.place(path);
    const found = this.#fileSystem.lookup(parent, name, this.#caller);
    if (isAbsent(found)) throw new FsError('ENOENT', 'lookup');
    return found;
  }

  release(ino: Ino): void {
    this.#fileSystem.forget(ino, 1);
  }

  place(path: string): NamePlace {
    const slash = path.lastIndexOf('/');
    const name = byteStringFromText(nativeText(path.slice(slash + 1)));
    return { parent: this.#directory(path.slice(0, slash)), name };
  }

  /**
   * To be called before the name at `path` goes away or gets another inode. Nothing else changes
   * which directory a path leads to: names come and go only through operations of the driver,
   * and what the file system itself adds has new names.
   */
  forgetBelow(path: string): void {
    const inside = `${path}/`;
    for (const [kept, ino] of this.#directories) {
      if (kept !== path && !kept.startsWith(inside)) continue;
      this.#directories.delete(kept);
      this.#fileSystem.forget(ino, 1);
    }
  }

  /** Gives everything back. */
  close(): void {
    for (const ino of this.#directories.values()) this.#fileSystem.forget(ino, 1);
    this.#directories.clear();
  }

  /** Walks `path` (without a trailing slash; '' is the root) and keeps what it finds. */
  #directory(path: string): Ino {
    if (path === '') return rootIno;
    const kept = this.#directories.get(path);
    if (kept !== undefined) {
      this.#directories.delete(path);
      this.#directories.set(path, kept);
      return kept;
    }
    const attr = this.take(path);
    this.#directories.set(path, attr.ino);
    this.#shrink();
    return attr.ino;
  }

  #shrink(): void {
    if (this.#directories.size <= keptDirectoriesMax) return;
    for (const [path, ino] of this.#directories) {
      this.#directories.delete(path);
      this.#fileSystem.forget(ino, 1);
      return;
    }
  }
}

function isAbsent(found: Attr | Absent): found is Absent {
  return 'absent' in found;
}

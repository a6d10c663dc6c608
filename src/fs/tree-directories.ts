/** The directories of a `WorkspaceTree`: in memory only, with numbers below those of its places. */
import type { ByteName, ByteString } from '../base/byte-string.js';
import { FsError } from '../base/errors.js';
import { rootIno, type Attr, type DirectoryEntry, type Ino } from './file-system.js';
import { directoryType } from './inode.js';

export interface TreeDirectory {
  readonly ino: Ino;
  readonly name: ByteName;
  readonly parent: TreeDirectory | undefined;
  readonly children: Map<ByteName, TreeDirectory>;
  /** Whether a file system stands, or may stand, directly below. */
  hasPlace: boolean;
}

export class TreeDirectories {
  readonly root: TreeDirectory;
  readonly #byIno = new Map<Ino, TreeDirectory>();
  readonly #madeNs = BigInt(Date.now()) * 1_000_000n;
  #lastIno: Ino = rootIno;

  constructor() {
    this.root = create(rootIno, '' as ByteName, undefined);
    this.#byIno.set(rootIno, this.root);
  }

  /** Throws ESTALE for numbers that are not in use. */
  get(ino: Ino): TreeDirectory {
    const directory = this.#byIno.get(ino);
    if (directory === undefined) throw new FsError('ESTALE', 'directory');
    return directory;
  }

  /** The child `name`, made where it is missing. */
  ensure(parent: TreeDirectory, name: ByteName): TreeDirectory {
    const known = parent.children.get(name);
    if (known) return known;
    this.#lastIno += 1;
    const directory = create(this.#lastIno, name, parent);
    parent.children.set(name, directory);
    this.#byIno.set(directory.ino, directory);
    return directory;
  }

  /** Throws ENOENT, or ENOTEMPTY while anything is below. */
  remove(parent: TreeDirectory, name: ByteName): void {
    const directory = parent.children.get(name);
    if (directory === undefined) throw new FsError('ENOENT', 'rmdir');
    if (directory.children.size > 0 || directory.hasPlace) throw new FsError('ENOTEMPTY', 'rmdir');
    parent.children.delete(name);
    this.#byIno.delete(directory.ino);
  }

  /** Absolute, as on the host: `/home/u/app`; `/` for the root. */
  pathOf(directory: TreeDirectory): ByteString {
    const parts: string[] = [];
    for (let each: TreeDirectory = directory; each.parent; each = each.parent) {
      parts.unshift(each.name);
    }
    return `/${parts.join('/')}` as ByteString;
  }

  attributes(directory: TreeDirectory): Attr {
    return {
      ino: directory.ino,
      sizeBytes: 0,
      blocks: 0,
      atimeNs: this.#madeNs,
      mtimeNs: this.#madeNs,
      ctimeNs: this.#madeNs,
      mode: directoryType | 0o755,
      nlink: 2 + directory.children.size,
      uid: process.geteuid?.() ?? 0,
      gid: process.getegid?.() ?? 0,
      rdev: 0,
    };
  }

  list(directory: TreeDirectory): readonly DirectoryEntry[] {
    const above = directory.parent?.ino ?? directory.ino;
    const entries: DirectoryEntry[] = [
      { name: '.' as ByteName, ino: directory.ino, fileType: directoryType },
      { name: '..' as ByteName, ino: above, fileType: directoryType },
    ];
    for (const { name, ino } of directory.children.values()) {
      entries.push({ name, ino, fileType: directoryType });
    }
    return entries;
  }
}

function create(ino: Ino, name: ByteName, parent: TreeDirectory | undefined): TreeDirectory {
  return { ino, name, parent, children: new Map(), hasPlace: false };
}

/**
 * Reading other people's files from the main thread, synchronously, because the resolver must
 * answer while the kernel waits. Nothing below a mount of ours is ever touched: that request would
 * come back to this very process.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type BigIntStats,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Links on one path before it counts as a loop, as in the kernel. */
const linksMax = 40;

/** Directories resolved within one question; a workspace with 1,000 packages has some 20,000. */
const directoriesMax = 50_000;

/** A file or directory that a path leads to. */
export interface Place {
  readonly kind: 'there';
  /** Without links. */
  readonly real: string;
  readonly stats: BigIntStats;
  /** The latest ctime of the links that were followed; 0 if there were none. */
  readonly wayNs: bigint;
}

/** Nothing is there: a component does not exist, or a file has the place of a directory. */
export interface Missing {
  readonly kind: 'missing';
  /** Latest ctime of the deepest directory that exists and of the links on the way to it. */
  readonly wayNs: bigint;
}

/** It cannot be known what is there: no permission, a loop of links, a mount of ours, a fault. */
export interface Unknown {
  readonly kind: 'unknown';
  /** For people: the path and what prevents the look. */
  readonly why: string;
}

export type Look = Place | Missing | Unknown;

/** What a directory says about one of its entries. */
export interface ListedEntry {
  readonly name: string;
  readonly kind: 'directory' | 'link' | 'other';
}

/** The bytes of a file that did not change while it was read. */
export interface ReadFile {
  readonly kind: 'read';
  readonly bytes: Buffer;
  readonly stats: BigIntStats;
}

/** Refuses paths that lead to or below our own mounts; everything else is read straight from the host. */
export class HostFiles {
  readonly #mountPoints: () => Iterable<string>;
  /** What directories lead to; valid within one question, in which nothing else runs. */
  readonly #directories = new Map<string, Look>();

  /** @param mountPoints the real paths of all directories that this process serves */
  constructor(mountPoints: () => Iterable<string>) {
    this.#mountPoints = mountPoints;
  }

  /**
   * Forgets where directories lead. Every question begins with it; what was found is forgotten in
   * any case when the running function gives control back to the event loop.
   */
  beginQuestion(): void {
    this.#directories.clear();
  }

  isBelowOwnMount(path: string): boolean {
    for (const mountPoint of this.#mountPoints()) {
      if (path === mountPoint || path.startsWith(`${mountPoint}/`)) return true;
    }
    return false;
  }

  /** Follows links. Never throws. */
  look(path: string): Look {
    // Of another directory than ours, which nobody names.
    if (!path.startsWith('/')) return unknown(path, 'is not absolute');
    return this.#find(path, linksMax);
  }

  /** For callers that only probe: undefined if nothing is there, or if it is not known what is. */
  stat(path: string): BigIntStats | undefined {
    const look = this.look(path);
    return look.kind === 'there' ? look.stats : undefined;
  }

  /** As `stat`: undefined also if it is not known. */
  realPath(path: string): string | undefined {
    const look = this.look(path);
    return look.kind === 'there' ? look.real : undefined;
  }

  /** Undefined if the file cannot be read, is larger than `bytesMax`, or changes meanwhile. */
  read(path: string, bytesMax: number): Buffer | undefined {
    const look = this.look(path);
    if (look.kind !== 'there') return undefined;
    const file = this.readPlace(look, bytesMax);
    return file.kind === 'read' ? file.bytes : undefined;
  }

  readText(path: string, bytesMax: number): string | undefined {
    return this.read(path, bytesMax)?.toString('utf8');
  }

  /** The entries of a directory that was looked at, sorted by code units. */
  list({ real }: Place): readonly ListedEntry[] | Unknown {
    try {
      const entries = readdirSync(real, { withFileTypes: true });
      return entries
        .map((entry): ListedEntry => {
          const isLink = entry.isSymbolicLink();
          return {
            name: entry.name,
            kind: isLink ? 'link' : entry.isDirectory() ? 'directory' : 'other',
          };
        })
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      return unknown(real, `cannot be listed: ${codeOf(error)}`);
    }
  }

  /** An entry of a directory that was looked at, if it is no link: one call of the kernel. */
  lookBelow(directory: Place, { name, kind }: ListedEntry): Place | Unknown {
    const real = below(directory.real, name);
    // Only a directory can be a mount of ours.
    if (kind === 'directory' && this.isBelowOwnMount(real)) {
      return unknown(real, 'leads into a mount of xcache');
    }
    try {
      const stats = lstatSync(real, { bigint: true });
      return { kind: 'there', real, stats, wayNs: 0n };
    } catch (error) {
      return unknown(real, `cannot be looked at: ${codeOf(error)}`);
    }
  }

  /**
   * The entry with a path that had no links when it was looked at, for those that compare it with what
   * it was. Undefined if nothing is there, or if it is not known.
   */
  statPlace(real: string): BigIntStats | undefined {
    if (this.isBelowOwnMount(real)) return undefined;
    try {
      return statLink(real);
    } catch {
      return undefined;
    }
  }

  /** The text of a link in a directory that was looked at. */
  linkText(directory: Place, name: string): string | Unknown {
    const path = below(directory.real, name);
    try {
      return readlinkSync(path);
    } catch (error) {
      return unknown(path, `cannot be read: ${codeOf(error)}`);
    }
  }

  /** The bytes of what was looked at; unknown if the path leads to another file by now. */
  readPlace({ real, stats }: Place, bytesMax: number): ReadFile | Unknown {
    if (!stats.isFile()) return unknown(real, 'is not a file');
    if (stats.size > bytesMax) return unknown(real, 'is too large');
    let descriptor: number | undefined;
    try {
      // Should it be a pipe by now, opening it must not wait for a writer.
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      descriptor = openSync(real, flags);
      const before = fstatSync(descriptor, { bigint: true });
      if (!isSameFile(before, stats)) return unknown(real, 'was replaced while it was read');
      const bytes = readFileSync(descriptor);
      const after = fstatSync(descriptor, { bigint: true });
      const named = lstatSync(real, { bigint: true });
      return isSameFile(after, stats) && isSameFile(named, stats)
        ? { kind: 'read', bytes, stats }
        : unknown(real, 'changed while it was read');
    } catch (error) {
      return unknown(real, `cannot be read: ${codeOf(error)}`);
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  /**
   * Looks at one component after the other, so that a way into a mount of ours is noticed before
   * anything there is touched. One call of the kernel for each name, because a session verifies
   * thousands of files.
   */
  #find(path: string, linksLeft: number): Look {
    if (linksLeft === 0) return unknown(path, 'leads into a loop of links');
    const parent = path === '/' ? undefined : this.#directory(dirname(path), linksLeft);
    if (parent !== undefined && parent.kind !== 'there') return parent;
    const real = parent === undefined ? '/' : join(parent.real, basename(path));
    if (this.isBelowOwnMount(real)) return unknown(path, 'leads into a mount of xcache');
    const wayNs = parent?.wayNs ?? 0n;
    try {
      const stats = statLink(real);
      if (stats === undefined) {
        const parentNs = parent?.stats.ctimeNs ?? 0n;
        return { kind: 'missing', wayNs: later(wayNs, parentNs) };
      }
      if (!stats.isSymbolicLink()) return { kind: 'there', real, stats, wayNs };
      const target = resolve(dirname(real), readlinkSync(real));
      const behind = this.#find(target, linksLeft - 1);
      const linkNs = later(wayNs, stats.ctimeNs);
      return behind.kind === 'unknown' ? behind : { ...behind, wayNs: later(behind.wayNs, linkNs) };
    } catch (error) {
      return unknown(real, `cannot be looked at: ${codeOf(error)}`);
    }
  }

  #directory(path: string, linksLeft: number): Look {
    const known = this.#directories.get(path);
    // A mount may have come since.
    if (known !== undefined && !(known.kind === 'there' && this.isBelowOwnMount(known.real))) {
      return known;
    }
    const look = this.#find(path, linksLeft);
    if (this.#directories.size >= directoriesMax) this.#directories.clear();
    if (this.#directories.size === 0) queueMicrotask(() => this.beginQuestion());
    this.#directories.set(path, look);
    return look;
  }
}

/**
 * Size, times and inode: equal identities of one path mean that the file was not written in between.
 * Without the device, whose number btrfs, overlay and NFS choose anew at each mount.
 */
export function fileIdentity(stats: BigIntStats): string {
  return `${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}:${stats.ino}`;
}

/** `join` for what is plain already: half of the time of a walk. */
function below(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** Undefined if nothing is there. */
function statLink(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return (
    a.ino === b.ino &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs &&
    a.mode === b.mode
  );
}

function unknown(path: string, what: string): Unknown {
  return { kind: 'unknown', why: `${path} ${what}` };
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

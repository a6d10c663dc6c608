/**
 * Reading other people's files from the main thread, synchronously, because the resolver must
 * answer while the kernel waits. Nothing below a mount of ours is ever touched: that request would
 * come back to this very process.
 */
import { lstatSync, readFileSync, readlinkSync, type BigIntStats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** How long a directory counts as resolved: one planning phase of cargo, not a new checkout. */
const resolvedForMs = 1_000;

/** Links on one path before it counts as a loop, as in the kernel. */
const linksMax = 40;

/** What a path leads to. */
interface Place {
  /** Without links. */
  readonly real: string;
  readonly stats: BigIntStats;
}

/** Refuses paths that lead to or below our own mounts; everything else is read straight from the host. */
export class HostFiles {
  readonly #mountPoints: () => Iterable<string>;
  readonly #directories = new Map<string, { readonly real: string; readonly untilMs: number }>();

  /** @param mountPoints the real paths of all directories that this process serves */
  constructor(mountPoints: () => Iterable<string>) {
    this.#mountPoints = mountPoints;
  }

  isBelowOwnMount(path: string): boolean {
    for (const mountPoint of this.#mountPoints()) {
      if (path === mountPoint || path.startsWith(`${mountPoint}/`)) return true;
    }
    return false;
  }

  /** Follows links; undefined where nothing is there, or where it may not be touched. */
  stat(path: string): BigIntStats | undefined {
    return this.#guarded(path, ({ stats }) => stats);
  }

  realPath(path: string): string | undefined {
    return this.#guarded(path, ({ real }) => real);
  }

  /** Undefined where the file cannot be read or is larger than `bytesMax`. */
  read(path: string, bytesMax: number): Buffer | undefined {
    return this.#guarded(path, ({ real, stats }) =>
      stats.isFile() && stats.size <= bytesMax ? readFileSync(real) : undefined,
    );
  }

  readText(path: string, bytesMax: number): string | undefined {
    return this.read(path, bytesMax)?.toString('utf8');
  }

  #guarded<T>(path: string, action: (place: Place) => T | undefined): T | undefined {
    try {
      const place = this.#find(path, linksMax);
      return place === undefined ? undefined : action(place);
    } catch {
      // Whatever keeps us from reading it, the caller treats it as absent and shares nothing.
      return undefined;
    }
  }

  /**
   * The path without links, found by looking at one component after the other; undefined where it
   * leads into a mount of ours, which is noticed before anything there is touched. One call of the
   * kernel for each name, because a session verifies thousands of files.
   */
  #find(path: string, linksLeft: number): Place | undefined {
    const parent = this.#realDirectory(dirname(path), linksLeft);
    if (parent === undefined || linksLeft === 0) return undefined;
    const real = join(parent, basename(path));
    if (this.isBelowOwnMount(real)) return undefined;
    const stats = lstatSync(real, { bigint: true });
    if (!stats.isSymbolicLink()) return { real, stats };
    return this.#find(resolve(parent, readlinkSync(real)), linksLeft - 1);
  }

  #realDirectory(path: string, linksLeft: number): string | undefined {
    if (path === '/') return path;
    const nowMs = performance.now();
    const known = this.#directories.get(path);
    // A mount may have come since.
    if (known !== undefined && known.untilMs > nowMs && !this.isBelowOwnMount(known.real)) {
      return known.real;
    }
    const real = this.#find(path, linksLeft)?.real;
    if (this.#directories.size > 50_000) this.#directories.clear();
    if (real !== undefined) {
      this.#directories.set(path, { real, untilMs: nowMs + resolvedForMs });
    }
    return real;
  }
}

/**
 * Size, times and inode: equal identities of one path mean that the file was not written in between.
 * Without the device, whose number btrfs, overlay and NFS choose anew at each mount.
 */
export function fileIdentity(stats: BigIntStats): string {
  return `${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}:${stats.ino}`;
}

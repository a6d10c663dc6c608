/**
 * Reading other people's files from the main thread, synchronously, because the resolver must
 * answer while the kernel waits. Nothing below a mount of ours is ever touched: that request would
 * come back to this very process.
 */
import { lstatSync, readFileSync, readlinkSync, statSync, type BigIntStats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** How long a directory counts as resolved: one planning phase of cargo, not a new checkout. */
const resolvedForMs = 1_000;

/** Links on one path before it counts as a loop, as in the kernel. */
const linksMax = 40;

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
    return this.#guarded(path, (real) => statSync(real, { bigint: true }));
  }

  realPath(path: string): string | undefined {
    return this.#guarded(path, (real) => real);
  }

  /** Undefined where the file cannot be read or is larger than `bytesMax`. */
  read(path: string, bytesMax: number): Buffer | undefined {
    return this.#guarded(path, (real) => {
      const stats = statSync(real);
      return stats.isFile() && stats.size <= bytesMax ? readFileSync(real) : undefined;
    });
  }

  readText(path: string, bytesMax: number): string | undefined {
    return this.read(path, bytesMax)?.toString('utf8');
  }

  #guarded<T>(path: string, action: (real: string) => T | undefined): T | undefined {
    try {
      const real = this.#real(path, linksMax);
      return real === undefined ? undefined : action(real);
    } catch {
      // Whatever keeps us from reading it, the caller treats it as absent and shares nothing.
      return undefined;
    }
  }

  /**
   * The path without links, found by looking at one component after the other; undefined where it
   * leads into a mount of ours, which is noticed before anything there is touched.
   */
  #real(path: string, linksLeft: number): string | undefined {
    const parent = this.#realDirectory(dirname(path), linksLeft);
    if (parent === undefined || linksLeft === 0) return undefined;
    const place = join(parent, basename(path));
    if (this.isBelowOwnMount(place)) return undefined;
    if (!lstatSync(place).isSymbolicLink()) return place;
    return this.#real(resolve(parent, readlinkSync(place)), linksLeft - 1);
  }

  #realDirectory(path: string, linksLeft: number): string | undefined {
    if (path === '/') return path;
    const nowMs = Date.now();
    const known = this.#directories.get(path);
    // A mount may have come since.
    if (known !== undefined && known.untilMs > nowMs && !this.isBelowOwnMount(known.real)) {
      return known.real;
    }
    const real = this.#real(path, linksLeft);
    if (this.#directories.size > 50_000) this.#directories.clear();
    if (real !== undefined) {
      this.#directories.set(path, { real, untilMs: nowMs + resolvedForMs });
    }
    return real;
  }
}

/** Size, times and inode: equal identities mean that a file was not written in between. */
export function fileIdentity(stats: BigIntStats): string {
  return `${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}:${stats.dev}:${stats.ino}`;
}

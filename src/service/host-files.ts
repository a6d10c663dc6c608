/**
 * Reading other people's files from the main thread, synchronously, because the resolver must
 * answer while the kernel waits. Nothing below a mount of ours is ever touched: that request would
 * come back to this very process.
 */
import { lstatSync, readFileSync, realpathSync, statSync, type BigIntStats } from 'node:fs';

/** Refuses paths below our own mounts; everything else is read straight from the host. */
export class HostFiles {
  readonly #mountPoints: () => Iterable<string>;

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
    return this.#guarded(path, () => statSync(path, { bigint: true }));
  }

  lstat(path: string): BigIntStats | undefined {
    return this.#guarded(path, () => lstatSync(path, { bigint: true }));
  }

  realPath(path: string): string | undefined {
    return this.#guarded(path, () => realpathSync.native(path));
  }

  /** Undefined where the file cannot be read or is larger than `bytesMax`. */
  read(path: string, bytesMax: number): Buffer | undefined {
    return this.#guarded(path, () => {
      const stats = statSync(path);
      return stats.isFile() && stats.size <= bytesMax ? readFileSync(path) : undefined;
    });
  }

  readText(path: string, bytesMax: number): string | undefined {
    return this.read(path, bytesMax)?.toString('utf8');
  }

  #guarded<T>(path: string, action: () => T | undefined): T | undefined {
    if (this.isBelowOwnMount(path)) return undefined;
    try {
      return action();
    } catch {
      // Whatever keeps us from reading it, the caller treats it as absent and shares nothing.
      return undefined;
    }
  }
}

/** Size, times and inode: equal identities mean that a file was not written in between. */
export function fileIdentity(stats: BigIntStats): string {
  return `${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}:${stats.dev}:${stats.ino}`;
}

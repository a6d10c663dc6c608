/** Bytes on disk, as `du` counts them. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Files of the corpus workspace's own crates, by any component of their path. */
const ownComponent = /^(lib)?corpus[-_](core|app)([-.]|$)/;

export interface DiskUsage {
  /** Everything, every hard-linked file once. */
  readonly allBytes: number;
  /** The part of `allBytes` that belongs to the workspace's own crates. */
  readonly ownBytes: number;
}

/**
 * Sums allocated blocks (`st_blocks` × 512) below `roots`, directories included.
 * Call `sync` before: ext4 allocates late, and a file without blocks would count as nothing.
 */
export function measureDiskUsage(roots: readonly string[]): DiskUsage {
  const seen = new Set<string>();
  let allBytes = 0;
  let ownBytes = 0;
  const visit = (path: string, isOwn: boolean): void => {
    const stat = lstatSync(path, { bigint: true });
    const identity = `${stat.dev}:${stat.ino}`;
    if (!seen.has(identity)) {
      seen.add(identity);
      allBytes += Number(stat.blocks) * 512;
      if (isOwn) ownBytes += Number(stat.blocks) * 512;
    }
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(path)) visit(join(path, name), isOwn || ownComponent.test(name));
  };
  for (const root of roots) visit(root, false);
  return { allBytes, ownBytes };
}

/** What `statfs` tells of a file system of ours: the sizes of the disk that its files lie on. */
import { statfsSync } from 'node:fs';
import type { FileSystemStats } from './file-system.js';

/** Asks for the disk that holds `directory`, a host path. */
export function diskStats(directory: string | Buffer): FileSystemStats {
  const stats = statfsSync(directory);
  return {
    blockBytes: stats.bsize,
    blocks: stats.blocks,
    blocksFree: stats.bfree,
    blocksAvailable: stats.bavail,
    files: stats.files,
    filesFree: stats.ffree,
  };
}

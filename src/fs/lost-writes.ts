/**
 * Writes that nobody waits for. What a program changes through a mapping is written when the mapping
 * ends, by the kernel, which goes on showing those bytes when the disk has no room for them; mold,
 * for one, asks neither msync nor close whether it worked. Elsewhere such a program is ended by
 * SIGBUS. So a file that lost bytes refuses whatever would make it count as finished.
 */
import { FsError, isErrno } from '../base/errors.js';
import type { Inode } from './inode.js';

/** Called when a write of the kernel's own has failed with `error`. */
export function loseWrites(inode: Inode, error: unknown): void {
  const isFull = isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT');
  inode.lostWrites = isFull ? 'ENOSPC' : 'EIO';
  inode.generation += 1;
}

/** Throws the errno of the failed write where bytes of the file are lost; emptying it ends that. */
export function requireWhole(inode: Inode, operation: string): void {
  if (inode.lostWrites !== undefined) throw new FsError(inode.lostWrites, operation);
}

/** Prepared adoptions, and how they are given up when one of their files changes in between. */
import { isWithin, type Inode } from './inode.js';
import type { OverlayState, PendingAdoption } from './overlay-state.js';

/**
 * Marks the inodes, which no other adoption counts on; from here on every change of one of them
 * revokes the adoption. Does not fail.
 */
export function registerAdoption(state: OverlayState, pending: PendingAdoption): void {
  state.pendingAdoptions.set(pending.sequence, pending);
  for (const inode of pending.inodes) {
    inode.pendingAdoption = pending.sequence;
  }
}

/** Called before the content, the attributes or a name of an inode change. */
export function revokeAdoptionOf(state: OverlayState, inode: Inode): void {
  if (inode.pendingAdoption !== undefined) revokeAdoption(state, inode.pendingAdoption);
}

/**
 * Called before a directory gets another path: the intents name paths. The others stay, because
 * rustc renames a directory at the end of every incremental compilation.
 */
export function revokeAdoptionsBelow(state: OverlayState, directory: Inode): void {
  const isBelow = ({ names }: Inode): boolean =>
    names.some(({ parent }) => isWithin(parent, directory));
  for (const { sequence, inodes } of [...state.pendingAdoptions.values()]) {
    if (inodes.some(isBelow)) revokeAdoption(state, sequence);
  }
}

/** Takes the intent back: after a crash the upper files are what counts. */
export function revokeAdoption(state: OverlayState, sequence: number): void {
  state.journal.append({ kind: 'revoked', sequence });
  forgetAdoption(state, sequence);
}

/** Ends the pending state, whatever came of it. */
export function forgetAdoption(state: OverlayState, sequence: number): void {
  const pending = state.pendingAdoptions.get(sequence);
  if (pending === undefined) return;
  state.pendingAdoptions.delete(sequence);
  for (const inode of pending.inodes) {
    if (inode.pendingAdoption === sequence) inode.pendingAdoption = undefined;
  }
}

/** opendir, readdir, releasedir: a listing is a snapshot, so removals while reading move nothing. */
import type { ByteName } from '../base/byte-string.js';
import { FsError } from '../base/errors.js';
import { childrenOf, isAlive } from './directory.js';
import type { DirectoryEntry } from './file-system.js';
import { directoryType, type Inode } from './inode.js';
import type { OverlayState } from './overlay-state.js';

export function opendir(state: OverlayState, directory: Inode): number {
  state.counters.directoryHandle += 1;
  const handle = state.counters.directoryHandle;
  state.directorySnapshots.set(handle, listEntries(state, directory));
  return handle;
}

function listEntries(state: OverlayState, directory: Inode): readonly DirectoryEntry[] {
  if (!isAlive(directory)) return [];
  const parent = directory.names[0]?.parent.ino ?? state.inodes.root.ino;
  const entries: DirectoryEntry[] = [
    { name: '.' as ByteName, ino: directory.ino, fileType: directoryType },
    { name: '..' as ByteName, ino: parent, fileType: directoryType },
  ];
  for (const { name, inode, fileType } of childrenOf(state, directory).values()) {
    entries.push({ name, ino: inode?.ino ?? 0, fileType });
  }
  return entries;
}

export function readdir(state: OverlayState, handle: number): readonly DirectoryEntry[] {
  const entries = state.directorySnapshots.get(handle);
  if (entries === undefined) throw new FsError('EBADF', 'readdir');
  return entries;
}

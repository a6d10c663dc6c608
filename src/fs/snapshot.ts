/** What the owner of a view sees of it: entries with their layer, names, and small files whole. */
import type { ByteName, VirtualPath } from '../base/byte-string.js';
import { byteStringFromBuffer, joinVirtualPath } from '../base/byte-string.js';
import { attributesOf } from './attributes.js';
import { read } from './data.js';
import { childrenOf } from './directory.js';
import { findInode, loadedInode } from './find.js';
import { directoryType, regularType, symlinkType, type Inode } from './inode.js';
import { readTarget } from './lifetime.js';
import { hostBytesOf, type OverlayState } from './overlay-state.js';
import type { SnapshotEntry } from './view-control.js';

/** The entry at `path` and all below it, directories before what they hold. */
export function snapshot(state: OverlayState, path: VirtualPath): readonly SnapshotEntry[] {
  const inode = findInode(state, path);
  const entries: SnapshotEntry[] = [];
  if (inode !== undefined) collect(state, inode, path, entries);
  return entries;
}

function collect(
  state: OverlayState,
  inode: Inode,
  path: VirtualPath,
  entries: SnapshotEntry[],
): void {
  entries.push(describe(state, inode, path));
  if (inode.directory === undefined) return;
  for (const dentry of childrenOf(state, inode).values()) {
    const child = loadedInode(state, dentry);
    if (child !== undefined) collect(state, child, joinVirtualPath(path, dentry.name), entries);
  }
}

function describe(state: OverlayState, inode: Inode, path: VirtualPath): SnapshotEntry {
  const attr = attributesOf(state, inode);
  const { lower } = inode;
  return {
    path,
    kind: kindOf(inode),
    layer: lower === undefined ? 'upper' : 'lower',
    ino: inode.ino,
    generation: inode.generation,
    sizeBytes: attr.sizeBytes,
    mtimeNs: attr.mtimeNs,
    mode: attr.mode & 0o7777,
    nlink: attr.nlink,
    hostPath: lower === undefined ? hostBytes(state, inode) : undefined,
    target:
      inode.fileType === symlinkType ? byteStringFromBuffer(readTarget(state, inode)) : undefined,
    attachment: lower?.attachment.id,
    extent: lower?.extent,
  };
}

function hostBytes(state: OverlayState, inode: Inode): string {
  const dentry = inode.names[0];
  return dentry === undefined ? state.upperRoot : hostBytesOf(state, dentry);
}

function kindOf(inode: Inode): SnapshotEntry['kind'] {
  switch (inode.fileType) {
    case regularType:
      return 'file';
    case directoryType:
      return 'directory';
    case symlinkType:
      return 'symlink';
    default:
      return 'other';
  }
}

/** The names in a directory; empty where it is not there. */
export function names(state: OverlayState, path: VirtualPath): readonly ByteName[] {
  const inode = findInode(state, path);
  if (inode?.directory === undefined) return [];
  return [...childrenOf(state, inode).keys()];
}

/** A file's bytes, or undefined where there is no regular file or it is longer than `bytesMax`. */
export function readSmallFile(
  state: OverlayState,
  path: VirtualPath,
  bytesMax: number,
): Buffer | undefined {
  const inode = findInode(state, path);
  if (inode?.fileType !== regularType) return undefined;
  const { sizeBytes } = attributesOf(state, inode);
  if (sizeBytes > bytesMax) return undefined;
  const bytes = Buffer.allocUnsafe(sizeBytes);
  const range = { bufferOffset: 0, lengthBytes: sizeBytes, position: 0 };
  return bytes.subarray(0, read(state, inode, bytes, range));
}

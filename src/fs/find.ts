/** Finds entries by path, for the owner of a view. Reads directories, never asks the resolver. */
import type { ByteName, VirtualPath } from '../base/byte-string.js';
import { bindUpper, childrenOf, statUpper } from './directory.js';
import type { Dentry, Inode } from './inode.js';
import type { OverlayState } from './overlay-state.js';

/** The inode at `path` (`''`: the root), or undefined where nothing is there. */
export function findInode(state: OverlayState, path: VirtualPath): Inode | undefined {
  if (path === '') return state.inodes.root;
  const dentry = findDentry(state, path);
  return dentry === undefined ? undefined : loadedInode(state, dentry);
}

/** The dentry at `path`, which is not the root. */
export function findDentry(state: OverlayState, path: VirtualPath): Dentry | undefined {
  const slash = path.lastIndexOf('/');
  const above = slash < 0 ? '' : path.slice(0, slash);
  const directory = findInode(state, above as VirtualPath);
  if (directory?.directory === undefined) return undefined;
  return childrenOf(state, directory).get(path.slice(slash + 1) as ByteName);
}

/** The inode of a name, or undefined where somebody else has removed the real file. */
export function loadedInode(state: OverlayState, dentry: Dentry): Inode | undefined {
  if (dentry.inode !== undefined) return dentry.inode;
  const stats = statUpper(state, dentry);
  return stats === undefined ? undefined : bindUpper(state, dentry, stats);
}

/**
 * The lower entries in the tree: how they are put there, at attach time or when a journal is read
 * again, and how they are listed for a compacted journal.
 */
import type { ByteName, ByteString, VirtualPath } from '../base/byte-string.js';
import { childrenOf, insertDentry } from './directory.js';
import { findInode } from './find.js';
import { directoryType, regularType, symlinkType } from './inode.js';
import type { AttachmentState, Dentry, Inode, LowerState } from './inode.js';
import type { LowerEntry } from './lower.js';
import type { OverlayState } from './overlay-state.js';

const implicitDirectoryMode = 0o755;

/** The group of this id, a new one where there is none. */
export function openGroup(
  state: OverlayState,
  id: string,
  requires: readonly string[],
): AttachmentState {
  const known = state.attachments.get(id);
  if (known !== undefined) {
    known.requires = requires;
    return known;
  }
  const group = {
    id,
    requires,
    nameCount: 0,
    directoryCount: 0,
    isIntact: true,
    transient: new Set<Inode>(),
  };
  state.attachments.set(id, group);
  return group;
}

/**
 * Puts entries into the tree. Where something stands already it stays: two directories become one,
 * and anything else hides the entry, which then makes the group count as changed. Returns how many
 * were hidden.
 */
export function insertEntries(
  state: OverlayState,
  group: AttachmentState,
  entries: readonly LowerEntry[],
): number {
  const linkGroups = new Map<number, Inode>();
  let hidden = 0;
  for (const entry of entries) {
    if (insertEntry(state, group, entry, linkGroups)) continue;
    hidden += 1;
    group.isIntact = false;
  }
  return hidden;
}

function insertEntry(
  state: OverlayState,
  group: AttachmentState,
  entry: LowerEntry,
  linkGroups: Map<number, Inode>,
): boolean {
  const slash = entry.path.lastIndexOf('/');
  const parent = directoryAt(state, group, entry.path.slice(0, Math.max(slash, 0)), entry.mtimeNs);
  if (parent === undefined) return false;
  const name = entry.path.slice(slash + 1) as ByteName;
  const there = childrenOf(state, parent).get(name);
  if (there !== undefined) return there.fileType === directoryType && entry.kind === 'directory';
  const fileType = typeOfEntry(entry);
  const dentry: Dentry = { parent, name, inode: undefined, fileType };
  const inode = linkedInode(entry, linkGroups) ?? state.inodes.create(fileType);
  inode.lower ??= lowerStateOf(group, entry);
  if (entry.kind === 'file' && entry.linkGroup !== undefined) {
    linkGroups.set(entry.linkGroup, inode);
  }
  if (inode.directory !== undefined) {
    inode.directory.children = new Map();
    group.directoryCount += 1;
  } else {
    group.nameCount += 1;
    if (inode.lower.isTransient) group.transient.add(inode);
  }
  inode.names.push(dentry);
  dentry.inode = inode;
  insertDentry(state, dentry);
  return true;
}

/** A directory of the tree; those that are missing are made lower ones of the group. */
function directoryAt(
  state: OverlayState,
  group: AttachmentState,
  path: string,
  mtimeNs: bigint,
): Inode | undefined {
  const there = findInode(state, path as VirtualPath);
  if (there !== undefined) return there.directory === undefined ? undefined : there;
  const entry = {
    kind: 'directory',
    path: path as VirtualPath,
    mtimeNs,
    mode: implicitDirectoryMode,
  } as const;
  if (!insertEntry(state, group, entry, new Map())) return undefined;
  return findInode(state, entry.path);
}

function typeOfEntry(entry: LowerEntry): number {
  if (entry.kind === 'file') return regularType;
  return entry.kind === 'directory' ? directoryType : symlinkType;
}

function linkedInode(entry: LowerEntry, groups: ReadonlyMap<number, Inode>): Inode | undefined {
  if (entry.kind !== 'file' || entry.linkGroup === undefined) return undefined;
  return groups.get(entry.linkGroup);
}

function lowerStateOf(attachment: AttachmentState, entry: LowerEntry): LowerState {
  return {
    attachment,
    extent: entry.kind === 'file' ? entry.extent : undefined,
    target: entry.kind === 'symlink' ? (entry.target as ByteString) : undefined,
    mode: entry.kind === 'symlink' ? 0o777 : entry.mode & 0o7777,
    isTransient: entry.isTransient === true,
    mtimeNs: entry.mtimeNs,
    atimeNs: entry.mtimeNs,
    ctimeNs: entry.mtimeNs,
  };
}

/** The lower entries of each group as they stand in the tree, directories before what they hold. */
export function lowerEntriesByGroup(state: OverlayState): Map<AttachmentState, LowerEntry[]> {
  const groups = new Map<AttachmentState, LowerEntry[]>();
  for (const group of state.attachments.values()) groups.set(group, []);
  collectLower(state.inodes.root, '', groups);
  return groups;
}

function collectLower(
  directory: Inode,
  path: string,
  groups: Map<AttachmentState, LowerEntry[]>,
): void {
  for (const dentry of directory.directory?.children?.values() ?? []) {
    const { inode } = dentry;
    if (inode === undefined) continue;
    const childPath = (path === '' ? dentry.name : `${path}/${dentry.name}`) as VirtualPath;
    if (inode.lower !== undefined) {
      groups.get(inode.lower.attachment)?.push(entryOf(inode, inode.lower, childPath));
    }
    if (inode.directory !== undefined) collectLower(inode, childPath, groups);
  }
}

function entryOf(inode: Inode, lower: LowerState, path: VirtualPath): LowerEntry {
  const { mode, mtimeNs, extent, target, isTransient } = lower;
  if (extent === undefined) {
    return target === undefined
      ? { kind: 'directory', path, mtimeNs, mode }
      : { kind: 'symlink', path, mtimeNs, target, isTransient };
  }
  const entry = { kind: 'file', path, mtimeNs, mode, extent, isTransient } as const;
  return inode.names.length > 1 ? { ...entry, linkGroup: inode.ino } : entry;
}

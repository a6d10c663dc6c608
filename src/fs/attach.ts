/** Lower entries appear: attachments are checked as a whole, journaled, then put into the tree. */
import { statSync } from 'node:fs';
import type { ByteName, VirtualPath } from '../base/byte-string.js';
import { nameBytesMax } from '../base/limits.js';
import { findInode } from './find.js';
import { insertEntries, openGroup } from './lower-tree.js';
import type { Attachment, LowerEntry } from './lower.js';
import type { OverlayState } from './overlay-state.js';

/** Lower entries are never read-only: rustc refuses to replace an output it may not write to. */
const ownerWriteBit = 0o200;
const implicitDirectoryMode = 0o755;

/**
 * Returns the ids of those that were refused. One that is attached already and intact is not. Where
 * it throws, those before are attached all the same: `isAttached` tells.
 */
export function attach(state: OverlayState, attachments: readonly Attachment[]): readonly string[] {
  const refused: string[] = [];
  for (const attachment of attachments) {
    const known = state.attachments.get(attachment.id);
    if (known !== undefined && known.nameCount > 0) {
      if (!known.isIntact) refused.push(attachment.id);
      continue;
    }
    if (isAcceptable(state, attachment)) attachOne(state, attachment);
    else refused.push(attachment.id);
  }
  return refused;
}

function isAcceptable(state: OverlayState, attachment: Attachment): boolean {
  if (!attachment.requires.every((id) => isServed(state, id))) return false;
  const planned = new Map<string, LowerEntry['kind']>();
  for (const entry of attachment.entries) {
    if (!isValidPath(entry.path) || !hasFreePlace(state, entry, planned)) return false;
    planned.set(entry.path, entry.kind);
  }
  return hasBacking(state, attachment.entries);
}

function isServed(state: OverlayState, id: string): boolean {
  const known = state.attachments.get(id);
  return known !== undefined && known.isIntact && known.nameCount > 0;
}

function isValidPath(path: VirtualPath): boolean {
  return !path.includes('\0') && path.split('/').every(isValidName);
}

function isValidName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && name.length <= nameBytesMax;
}

/**
 * A directory may be there already, anything else may not; what is above must be directories. A
 * name that the kernel may remember as absent would stay hidden, so its place counts as taken.
 */
function hasFreePlace(
  state: OverlayState,
  entry: LowerEntry,
  planned: ReadonlyMap<string, LowerEntry['kind']>,
): boolean {
  if (isRememberedAbsent(state, entry.path)) return false;
  for (let slash = entry.path.lastIndexOf('/'); slash > 0;) {
    const above = entry.path.slice(0, slash);
    const kind = planned.get(above) ?? kindAt(state, above as VirtualPath);
    if (kind === 'directory') break;
    if (kind !== undefined) return false;
    slash = above.lastIndexOf('/');
  }
  const there = planned.get(entry.path) ?? kindAt(state, entry.path);
  return there === undefined || (there === 'directory' && entry.kind === 'directory');
}

function isRememberedAbsent(state: OverlayState, path: VirtualPath): boolean {
  const slash = path.lastIndexOf('/');
  const parentPath = path.slice(0, Math.max(slash, 0)) as VirtualPath;
  const parent = findInode(state, parentPath)?.directory;
  if (parent?.hasAnsweredAbsent !== true) return false;
  const name = path.slice(slash + 1) as ByteName;
  return parent.children?.has(name) !== true && !state.lower.isVolatile(parentPath, name);
}

function kindAt(state: OverlayState, path: VirtualPath): 'directory' | 'other' | undefined {
  const inode = findInode(state, path);
  if (inode === undefined) return undefined;
  return inode.directory === undefined ? 'other' : 'directory';
}

function hasBacking(state: OverlayState, entries: readonly LowerEntry[]): boolean {
  return missingBacking(state, entries).size === 0;
}

/** Digests of backing files that are not there or too short for the extents that name them. */
export function missingBacking(
  state: Pick<OverlayState, 'lower'>,
  entries: Iterable<LowerEntry>,
): ReadonlySet<string> {
  const neededBytes = new Map<string, number>();
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    const { digest, offset, sizeBytes } = entry.extent;
    neededBytes.set(digest, Math.max(neededBytes.get(digest) ?? 0, offset + sizeBytes));
  }
  const missing = new Set<string>();
  for (const [digest, bytes] of neededBytes) {
    const stats = statSync(state.lower.backingPath(digest), { throwIfNoEntry: false });
    if (stats === undefined || !stats.isFile() || stats.size < bytes) missing.add(digest);
  }
  return missing;
}

function attachOne(state: OverlayState, attachment: Attachment): void {
  const { id, requires } = attachment;
  const entries = newEntries(state, attachment.entries);
  state.journal.append({ kind: 'attach', id, requires, isIntact: true, entries });
  const group = openGroup(state, id, requires);
  group.isIntact = true;
  try {
    insertEntries(state, group, entries);
  } catch (error) {
    // The rest is in the journal alone. What is here is served, but nothing may be built on it.
    group.isIntact = false;
    throw error;
  }
}

/** Whether something of the attachment is in the tree, so that its bytes are needed. */
export function isAttached(state: OverlayState, id: string): boolean {
  return state.attachments.has(id);
}

/**
 * What the tree does not have yet: directories that are there are left out, those that are missing
 * above an entry are added. The journal then names exactly what becomes lower.
 */
function newEntries(state: OverlayState, entries: readonly LowerEntry[]): readonly LowerEntry[] {
  const added: LowerEntry[] = [];
  const directories = new Set<string>(['']);
  const ensure = (path: string, mtimeNs: bigint, mode: number): void => {
    if (directories.has(path)) return;
    directories.add(path);
    if (findInode(state, path as VirtualPath) !== undefined) return;
    ensure(parentPathOf(path), mtimeNs, implicitDirectoryMode);
    added.push({ kind: 'directory', path: path as VirtualPath, mtimeNs, mode });
  };
  for (const entry of entries) {
    if (entry.kind === 'directory') {
      ensure(entry.path, entry.mtimeNs, entry.mode | ownerWriteBit);
      continue;
    }
    ensure(parentPathOf(entry.path), entry.mtimeNs, implicitDirectoryMode);
    added.push(makeWritable(entry));
  }
  return added;
}

function parentPathOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

function makeWritable(entry: LowerEntry): LowerEntry {
  if (entry.kind === 'symlink' || (entry.mode & ownerWriteBit) !== 0) return entry;
  return { ...entry, mode: entry.mode | ownerWriteBit };
}

/**
 * What a manifest may say. A stored unit is unpacked into the view of a workspace, so a path that
 * leaves the unit would let one build write into another: every manifest passes here before it is
 * stored and again whenever it is read.
 */
import { nameBytesMax, storeKeyCharactersMax, symlinkBytesMax } from '../base/limits.js';
import { unitBytesMax, unitFilesMax } from '../base/limits.js';
import { parseDigest } from './digest.js';
import type { Manifest, ManifestEntry, ManifestFile, ManifestSymlink } from './manifest.js';

/** The first thing that is wrong with `manifest`, in words; undefined where nothing is. */
export function manifestProblem(manifest: Manifest): string | undefined {
  return (
    headerProblem(manifest) ??
    entriesProblem(manifest.entries) ??
    linkGroupProblem(manifest.entries) ??
    sizeProblem(manifest.entries)
  );
}

/** Why `path` may not stand in a manifest; undefined where it may. */
export function pathProblem(path: string): string | undefined {
  if (path.length > symlinkBytesMax) return 'path is too long';
  if (!isByteString(path)) return 'path is not a byte string';
  if (path.includes('\0')) return 'path holds a NUL';
  for (const component of path.split('/')) {
    if (component === '') return 'path is absolute or has an empty component';
    if (component === '.' || component === '..') return 'path has a . or .. component';
    if (component.length > nameBytesMax) return 'path component is too long';
  }
  return undefined;
}

/** Whether `text` can be an index key: bounded, and with one UTF-8 form only. */
export function isStoreKey(text: string): boolean {
  // A lone surrogate would be encoded as U+FFFD, and two keys would become one.
  return text !== '' && text.length <= storeKeyCharactersMax && !/[\uD800-\uDFFF]/u.test(text);
}

function headerProblem(manifest: Manifest): string | undefined {
  if (!isStoreKey(manifest.lookupKey)) return 'the lookup key is not a store key';
  if (!isCount(manifest.createdMs)) return 'the time of creation is not a time';
  if (manifest.facts === undefined) return 'the facts are missing';
  const markers = manifest.markers ?? [];
  if (markers.length > unitFilesMax) return 'there are too many markers';
  if (!markers.every(isStoreKey)) return 'a marker is not a store key';
  if (new Set(markers).size !== markers.length) return 'a marker is repeated';
  return undefined;
}

function entriesProblem(entries: readonly ManifestEntry[]): string | undefined {
  if (entries.length === 0) return 'there are no entries';
  if (entries.length > unitFilesMax) return 'there are too many entries';
  const kinds = new Map<string, ManifestEntry['kind']>();
  const parents = new Set<string>();
  for (const entry of entries) {
    const problem = pathProblem(entry.path) ?? placeProblem(entry, kinds, parents);
    if (problem !== undefined) return about(entry, problem);
    kinds.set(entry.path, entry.kind);
  }
  for (const entry of entries) {
    const problem =
      entry.kind === 'file'
        ? fileProblem(entry)
        : entry.kind === 'symlink'
          ? targetProblem(entry, kinds, parents)
          : undefined;
    if (problem !== undefined) return about(entry, problem);
  }
  return undefined;
}

/** Checks `entry` against those before it, and adds its ancestors to `parents`. */
function placeProblem(
  entry: ManifestEntry,
  kinds: ReadonlyMap<string, ManifestEntry['kind']>,
  parents: Set<string>,
): string | undefined {
  if (kinds.has(entry.path)) return 'path is repeated';
  if (parents.has(entry.path)) return 'path stands after an entry below it';
  for (let at = entry.path.lastIndexOf('/'); at > 0; at = entry.path.lastIndexOf('/', at - 1)) {
    const parent = entry.path.slice(0, at);
    const kind = kinds.get(parent);
    if (kind !== undefined && kind !== 'directory') return `path lies below a ${kind}`;
    if (parents.has(parent)) break;
    parents.add(parent);
  }
  return undefined;
}

function fileProblem(file: ManifestFile): string | undefined {
  if (parseDigest(file.blob) === undefined) return 'the blob is not a digest';
  if (file.mode !== 0o644 && file.mode !== 0o755) return 'the mode is neither 0644 nor 0755';
  if (!isCount(file.offset) || !isCount(file.sizeBytes)) return 'the extent is not a range';
  if (!Number.isSafeInteger(file.offset + file.sizeBytes)) return 'the extent is not a range';
  if (file.linkGroup !== undefined && !isCount(file.linkGroup)) return 'the link group is invalid';
  return undefined;
}

/**
 * A target may climb with leading `..` only and must end at something of this unit, not passing
 * through another symlink: then the lexical answer is also the kernel's.
 */
function targetProblem(
  link: ManifestSymlink,
  kinds: ReadonlyMap<string, ManifestEntry['kind']>,
  parents: ReadonlySet<string>,
): string | undefined {
  const { target } = link;
  if (target === '' || target.length > symlinkBytesMax) return 'the target is empty or too long';
  if (!isByteString(target) || target.includes('\0')) return 'the target is not a path';
  if (target.startsWith('/')) return 'the target is absolute';
  const reached = link.path.split('/').slice(0, -1);
  let descended = false;
  for (const component of target.split('/')) {
    if (component === '') return 'the target has an empty component';
    if (component === '.') continue;
    if (component === '..') {
      if (descended || reached.pop() === undefined) return 'the target leaves the unit';
      continue;
    }
    if (kinds.get(reached.join('/')) === 'symlink') return 'the target passes through a symlink';
    descended = true;
    reached.push(component);
  }
  const end = reached.join('/');
  return kinds.has(end) || parents.has(end) ? undefined : 'the target is not part of the unit';
}

/** Hard links share one inode, so they must share all that an inode holds. */
function linkGroupProblem(entries: readonly ManifestEntry[]): string | undefined {
  const first = new Map<number, ManifestFile>();
  for (const entry of entries) {
    if (entry.kind !== 'file' || entry.linkGroup === undefined) continue;
    const other = first.get(entry.linkGroup);
    if (other === undefined) first.set(entry.linkGroup, entry);
    else if (
      other.blob !== entry.blob ||
      other.offset !== entry.offset ||
      other.sizeBytes !== entry.sizeBytes ||
      other.mode !== entry.mode
    ) {
      return about(entry, 'hard links differ');
    }
  }
  return undefined;
}

function sizeProblem(entries: readonly ManifestEntry[]): string | undefined {
  let total = 0;
  for (const entry of entries) if (entry.kind === 'file') total += entry.sizeBytes;
  return total > unitBytesMax ? 'the unit is too large' : undefined;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isByteString(text: string): boolean {
  return !/[^\u0000-\u00ff]/.test(text);
}

function about(entry: ManifestEntry, problem: string): string {
  return `${problem}: ${JSON.stringify(entry.path.slice(0, 200))}`;
}

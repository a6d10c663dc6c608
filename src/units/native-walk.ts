/** What a unit's libraries, directories and `.pc` files outside of cargo's world are now. */
import { join } from 'node:path';
import { parseLibraryWord, libraryFileNames } from '../cargo/link-directives.js';
import type { Place } from '../host/host-files.js';
import type { InputWalk } from './input-walk.js';
import type { InputSet } from './unit-facts.js';

/** Bytes of one library that are read: libLLVM has 120 MB; libraries of CUDA have more. */
export const libraryBytesMax: number = 256 << 20;

/** Bytes that are read of what a path outside leads to: headers are small, what is beside them not. */
export const contentBytesMax: number = 64 << 20;

/** Whether a path leads to a directory, a file or nothing; not what is in it. */
export function walkPresence(walk: InputWalk, path: string): void {
  const look = walk.look(path);
  if (look.kind === 'unknown') return;
  walk.line(path, look.kind === 'missing' ? 'missing' : kindOf(look));
}

/** A directory that is too large to be read in full: names, sizes and times of its first level. */
export function walkTopLevel(walk: InputWalk, path: string): void {
  const directory = walk.look(path);
  if (directory.kind === 'unknown') return;
  if (directory.kind === 'missing' || !directory.stats.isDirectory()) {
    walk.fail(`${path} is no directory any more`);
    return;
  }
  walk.note(directory.stats.ctimeNs, path);
  const entries = walk.files.list(directory);
  if ('why' in entries) {
    walk.fail(entries.why);
    return;
  }
  walk.line(path, 'large');
  for (const entry of entries) {
    const place = walk.files.lookBelow(directory, entry);
    if (place.kind === 'unknown') {
      walk.fail(place.why);
      return;
    }
    walk.note(place.stats.ctimeNs, place.real);
    walk.line(entry.name, entry.kind, String(place.stats.size), String(place.stats.mtimeNs));
  }
}

/** Directories of one set: those of /usr/include are some hundreds. */
const directoriesMax = 5_000;

/**
 * The directory and all below it by name and time. Packages replace their files by new ones, which
 * changes the time of the directory; a file that is written in its place does not. Of a larger tree
 * the levels that are within the limit.
 */
export function walkDirectories(walk: InputWalk, path: string): void {
  const root = walk.look(path);
  if (root.kind === 'unknown') return;
  if (root.kind === 'missing' || !root.stats.isDirectory()) {
    walk.line(path, root.kind === 'missing' ? 'missing' : 'file');
    return;
  }
  addDirectory(walk, root, '');
  let count = 1;
  let level: readonly NamedDirectory[] = [{ place: root, label: '' }];
  while (level.length > 0) {
    const next = level.flatMap((each) => directoriesIn(walk, each));
    count += next.length;
    if (walk.hasFailed) return;
    if (count > directoriesMax) {
      walk.line('large', String(next.length));
      return;
    }
    for (const { place, label } of next) addDirectory(walk, place, label);
    level = next;
  }
}

interface NamedDirectory {
  readonly place: Place;
  /** Below the root. */
  readonly label: string;
}

function addDirectory(walk: InputWalk, { real, stats }: Place, label: string): void {
  walk.note(stats.ctimeNs, real);
  walk.line(label, 'directory', String(stats.mtimeNs));
}

function directoriesIn(walk: InputWalk, { place, label }: NamedDirectory): NamedDirectory[] {
  const entries = walk.files.list(place);
  if ('why' in entries) {
    walk.fail(entries.why);
    return [];
  }
  const found: NamedDirectory[] = [];
  for (const entry of entries) {
    if (entry.kind !== 'directory') continue;
    const below = walk.files.lookBelow(place, entry);
    if (below.kind === 'unknown') walk.fail(below.why);
    else found.push({ place: below, label: `${label}/${entry.name}` });
  }
  return found;
}

/**
 * The files that the linker would take for a library: of each directory to search the first, and if
 * none has it, of each of the linker's own directories: in which order it goes through these depends
 * on the program that starts it.
 */
export function walkLibrary(
  walk: InputWalk,
  { root, paths }: Pick<InputSet, 'root' | 'paths'>,
): void {
  const names = libraryFileNames(parseLibraryWord(root));
  walk.limitBytes(libraryBytesMax);
  let isFound = false;
  let isSearched = false;
  for (const path of paths) {
    const [role = ''] = path.split('=', 1);
    const directory = path.slice(role.length + 1);
    if (role === 'default' && isSearched) break;
    const file = firstFile(walk, directory, names);
    if (walk.hasFailed) return;
    if (file === undefined) continue;
    isFound = true;
    isSearched ||= role === 'search';
    walk.addFile(file.place, path, file.name, file.place.real);
  }
  if (!isFound) walk.line('not found');
}

/** Names and bytes of all `.pc` files in the directories, in their order. */
export function walkPkgConfig(walk: InputWalk, paths: readonly string[]): void {
  for (const path of paths) {
    const directory = walk.look(path);
    if (directory.kind === 'unknown') return;
    if (directory.kind === 'missing' || !directory.stats.isDirectory()) {
      walk.line(path, 'missing');
      continue;
    }
    walk.note(directory.stats.ctimeNs, path);
    const entries = walk.files.list(directory);
    if ('why' in entries) {
      walk.fail(entries.why);
      return;
    }
    walk.line(path, 'directory');
    for (const { name } of entries) {
      if (name.endsWith('.pc')) walk.addPath(join(path, name), name);
      if (walk.hasFailed) return;
    }
  }
}

function firstFile(
  walk: InputWalk,
  directory: string,
  names: readonly string[],
): { readonly name: string; readonly place: Place } | undefined {
  for (const name of names) {
    const place = walk.look(join(directory, name));
    if (place.kind === 'unknown') return undefined;
    if (place.kind === 'there' && place.stats.isFile()) return { name, place };
  }
  return undefined;
}

function kindOf({ stats }: Place): string {
  return stats.isDirectory() ? 'directory' : 'file';
}

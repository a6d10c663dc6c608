/**
 * Digests of a unit's inputs outside of the build-dir: the crate's sources, what a build script
 * declared, and the libraries of the system. A file whose size, times and inode are known is not
 * read again; that is all that is kept from one question to the next.
 */
import { dirname, isAbsolute, resolve } from 'node:path';
import type { HostFiles, Place } from '../host/host-files.js';
import {
  InputWalk,
  inputEntriesMax,
  type InputMemory,
  type WalkFailure,
  type WalkResult,
} from './input-walk.js';
import {
  contentBytesMax,
  walkDirectories,
  walkLibrary,
  walkPkgConfig,
  walkPresence,
  walkTopLevel,
} from './native-walk.js';
import { TreeMemory } from './tree-memory.js';
import type { InputSet } from './unit-facts.js';

/** A set before it is recorded. */
export type UnreadSet = Pick<InputSet, 'kind' | 'root' | 'paths'>;

/** Why a set is not recorded. */
export interface UnrecordedSet {
  readonly kind: 'unrecorded';
  readonly isTooLarge: boolean;
  /** For people; names the path. */
  readonly why: string;
}

/** Says whether inputs are what they were. */
export interface InputComparison {
  /**
   * Undefined if the set is as it was recorded, else what is not, or cannot be read; for people.
   * `isFixed`: cargo never looks at the times of these inputs.
   */
  difference(set: InputSet, isFixed: boolean): string | undefined;
}

export class InputVerifier implements InputComparison {
  readonly #files: HostFiles;
  readonly #memory: InputMemory;
  readonly #entriesMax: number;
  readonly #trees: TreeMemory;

  /** @param entriesMax files in one set; beyond it is too large */
  constructor(
    files: HostFiles,
    memory: InputMemory,
    entriesMax: number = inputEntriesMax,
    trees: TreeMemory = new TreeMemory(),
  ) {
    this.#files = files;
    this.#memory = memory;
    this.#entriesMax = entriesMax;
    this.#trees = trees;
  }

  difference(set: InputSet): string | undefined {
    const found = this.#walk(set);
    if (found.kind === 'failed') return found.why;
    return found.digest === set.digest ? undefined : describeSet(set);
  }

  /**
   * Records a set as it is now; not if an input cannot be read or is too large, or if one has
   * changed since `notAfterNs` (then it may differ from what the compiler read).
   */
  record(set: UnreadSet, notAfterNs: bigint): InputSet | UnrecordedSet {
    const found = this.#walk(set, true);
    if (found.kind === 'failed') {
      return { kind: 'unrecorded', isTooLarge: found.isTooLarge, why: found.why };
    }
    const { kind, root, paths } = set;
    if (found.newest.atNs > notAfterNs) {
      const why = `${found.newest.path} is newer than the unit`;
      return { kind: 'unrecorded', isTooLarge: false, why };
    }
    return { kind, root, paths: [...paths], digest: found.digest };
  }

  #walk(set: UnreadSet, isRecording = false): WalkResult | WalkFailure {
    const walk = new InputWalk(this.#files, this.#memory, this.#entriesMax);
    switch (set.kind) {
      case 'files':
        for (const path of set.paths) walk.addPath(resolve(set.root, path), path);
        if (isRecording) noteDirectories(walk, set);
        break;
      case 'tree':
        return this.#walkPackage(walk, set.root);
      case 'presence':
        walkPresence(walk, set.root);
        break;
      case 'content':
        return this.#walkContent(walk, set.root);
      case 'directories':
        walkDirectories(walk, set.root);
        break;
      case 'library':
        walkLibrary(walk, set);
        break;
      case 'pkg-config':
        walkPkgConfig(walk, set.paths);
        break;
    }
    return walk.finish();
  }

  #walkPackage(walk: InputWalk, root: string): WalkResult | WalkFailure {
    const place = walk.look(root);
    if (place.kind === 'unknown') return walk.finish();
    if (place.kind === 'missing' || !place.stats.isDirectory()) {
      walk.line('', 'absent');
      return walk.finish();
    }
    const known = this.#trees.find(place, this.#files);
    if (known !== undefined) return withWay(known, place, root);
    walk.addTree(place, '', true);
    const found = walk.finish();
    if (found.kind === 'walked' && walk.places !== undefined) {
      this.#trees.remember(place, walk.places, found);
    }
    return found;
  }

  #walkContent(walk: InputWalk, root: string): WalkResult | WalkFailure {
    walk.limitBytes(contentBytesMax);
    walk.addPath(root, '');
    const found = walk.finish();
    if (found.kind === 'walked' || !found.isTooLarge) return found;
    const shallow = new InputWalk(this.#files, this.#memory, this.#entriesMax);
    walkTopLevel(shallow, root);
    return shallow.finish();
  }
}

/** What a set is about, for people. */
export function describeSet({ kind, root }: UnreadSet): string {
  switch (kind) {
    case 'library':
      return `library ${root}`;
    case 'pkg-config':
      return 'files of pkg-config';
    default:
      return root;
  }
}

/** A directory of the package that was put in the place of another one leaves its trace in its ctime. */
function noteDirectories(walk: InputWalk, { root, paths }: UnreadSet): void {
  const directories = new Set<string>();
  for (const path of paths) {
    if (isAbsolute(path)) continue;
    for (let above = dirname(path); above !== '.' && above !== '..'; above = dirname(above)) {
      directories.add(above);
    }
  }
  for (const directory of directories) {
    const look = walk.look(resolve(root, directory));
    if (look.kind === 'there') walk.note(look.stats.ctimeNs, look.real);
  }
}

/** The links on the way to a tree are no part of what is remembered of it. */
function withWay(tree: WalkResult, { wayNs }: Place, path: string): WalkResult {
  return wayNs > tree.newest.atNs ? { ...tree, newest: { atNs: wayNs, path } } : tree;
}

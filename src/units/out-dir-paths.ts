/**
 * Which files of a script's run name the place where it ran, and whether that can be mended where
 * they are to be served: text that names directories of the run itself and of units that it depends
 * on can be written anew (rule 12). All else ties the run to its workspace. A path that was
 * compressed, or of which only a digest or the length is left, cannot be found.
 */
import { searchObjectCode } from '../cargo/object-code.js';
import { parseUnitPath } from '../cargo/layout.js';
import {
  findPathMentions,
  hasLengthBeside,
  hasNumber,
  pathNotations,
  unfolded,
  withoutMentions,
  type PathMention,
} from '../cargo/path-mentions.js';
import type { VirtualPath } from '../base/byte-string.js';
import type { SnapshotEntry } from '../fs/view-control.js';
import { latin1, namedPlace } from './own-places.js';
import { readEntry, type UnitFiles } from './unit-files.js';
import { unitPlaces } from './unit-paths.js';

/** Files of OUT_DIR up to this size are searched for paths; larger ones bind the unit. */
const searchedBytesMax = 64 << 20;
/** Texts that are written anew: while the kernel waits for the answer to a lookup. */
const rewrittenFileBytesMax = 1 << 20;
const rewrittenUnitBytesMax = 16 << 20;

export interface RunPlaces {
  /** As cargo saw it. */
  readonly buildDir: string;
  /** Directories of this workspace alone, see `ownPlaces`. */
  readonly own: readonly string[];
  /** What is the same for all workspaces, though it may lie below one of them. */
  readonly elsewhere: readonly string[];
  /** Keys of the run itself and of all units behind it, whose directories may be named. */
  readonly unitKeys: ReadonlySet<string>;
}

export type PathVerdict =
  | { readonly kind: 'movable'; readonly rewrites: readonly string[] }
  /** A sentence about the file and what it names. */
  | { readonly kind: 'bound'; readonly because: string };

/** Looks at `output` and at everything in OUT_DIR. */
export async function judgeRunPaths(
  files: UnitFiles,
  output: string,
  places: RunPlaces,
  blobPath: (digest: string) => string,
): Promise<PathVerdict> {
  const judge = new PathJudge(files, places);
  const bound = judge.lookAtOutput(output) ?? (await judge.lookAtOutDir(blobPath));
  if (bound !== undefined) return { kind: 'bound', because: bound };
  return { kind: 'movable', rewrites: judge.rewrites.sort() };
}

/**
 * A line that cargo reads. The others are for people: the progress that CMake prints, `[ 27%]`, has
 * any number up to a hundred.
 */
const directiveLine = /^[^\S\n]*cargo:.*$/gm;

class PathJudge {
  readonly rewrites: string[] = [];
  readonly #files: UnitFiles;
  readonly #places: RunPlaces;
  readonly #buildDir: string;
  /** Relative to the build-dir: whoever names OUT_DIR in whatever way names this. */
  readonly #outDir: string;
  readonly #notations: readonly string[];
  /** Bytes of which one is in everything that names a place. */
  readonly #needles: readonly Buffer[];
  #rewrittenBytes = 0;

  constructor(files: UnitFiles, places: RunPlaces) {
    this.#files = files;
    this.#places = places;
    this.#buildDir = latin1(places.buildDir);
    this.#outDir = latin1(unitPlaces(files.unit).outDir);
    this.#notations = pathNotations(this.#buildDir);
    const needles = [...places.own.map(latin1), this.#outDir, ...this.#notations];
    this.#needles = needles.map((needle) => Buffer.from(needle, 'latin1'));
  }

  lookAtOutput(output: string): string | undefined {
    // Cargo moves mentions of the own OUT_DIR, wherever they begin.
    const own = `${this.#buildDir}/${this.#outDir}`;
    const isMeant = (mention: PathMention): boolean =>
      (mention.isWhole || output.startsWith(own, mention.start)) && this.#mayName(mention);
    const place = this.#unmovable(withoutMentions(output, this.#buildDir, isMeant));
    if (place !== undefined) return `its output names ${place}`;
    const words = findPathMentions(output, this.#buildDir).map(({ word }) => word.length);
    const lengths = words.length === 0 ? [] : [this.#buildDir.length, own.length, ...words];
    const directives = output.match(directiveLine)?.join('\n') ?? '';
    if (hasNumber(directives, lengths)) return 'its output may tell how long its paths are';
    const { output: path } = unitPlaces(this.#files.unit);
    const foreign = output.split(own).join('');
    if (findPathMentions(foreign, this.#buildDir).some(({ isWhole }) => isWhole)) {
      this.rewrites.push(path);
    }
    return undefined;
  }

  async lookAtOutDir(blobPath: (digest: string) => string): Promise<string | undefined> {
    const { outDir } = unitPlaces(this.#files.unit);
    for (const entry of this.#files.entries) {
      if (!entry.path.startsWith(`${outDir}/`)) continue;
      // CMake has directories with the name of where a source is.
      const place = this.#unmovable(entry.path.slice(outDir.length));
      if (place !== undefined) return `${entry.path} has ${place} in its name`;
      const because = await this.#lookAtEntry(entry, blobPath);
      if (because !== undefined) return because;
    }
    return undefined;
  }

  async #lookAtEntry(
    entry: SnapshotEntry,
    blobPath: (digest: string) => string,
  ): Promise<string | undefined> {
    const { path } = entry;
    if (entry.kind === 'symlink') return this.#lookAtLink(path, entry.target ?? '');
    if (entry.kind !== 'file') return undefined;
    if (entry.sizeBytes > searchedBytesMax) return `${path} is too large to look into`;
    const bytes = await readEntry(entry, blobPath);
    const object = searchObjectCode(bytes, (part) => this.#isNamedIn(part));
    switch (object?.verdict) {
      case 'unnamed':
        return undefined;
      case 'named':
        return `${path} names ${this.#anyName(bytes)} in its code (${object.where})`;
      case 'unknown':
        return `${path} cannot be looked into (${object.where})`;
      case undefined:
        break;
    }
    if (!this.#hasNeedle(bytes)) return this.#lookAtFolds(path, bytes);
    const text = bytes.toString('latin1');
    const isText = !bytes.includes(0) && bytes.length <= rewrittenFileBytesMax;
    if (isText) return this.#lookAtText(path, text, 'names');
    const place = this.#unmovable(text);
    return place === undefined ? undefined : `${path} names ${place}`;
  }

  /** An absolute link within OUT_DIR is stored as a relative one; the store has no others. */
  #lookAtLink(path: string, target: string): string | undefined {
    if (!target.startsWith('/')) {
      const place = this.#unmovable(target);
      return place === undefined ? undefined : `${path} leads to ${place}`;
    }
    const { entries } = this.#files;
    const below = target.slice(this.#buildDir.length + 1);
    const isOwn = target.startsWith(`${this.#buildDir}/${this.#outDir}/`);
    const reached = isOwn && entries.some((entry) => entry.path === below);
    const isThroughLink = entries.some(
      (entry) => entry.kind === 'symlink' && below.startsWith(`${entry.path}/`),
    );
    if (!reached || isThroughLink) return `${path} leads to ${target}`;
    this.rewrites.push(path);
    return undefined;
  }

  #lookAtText(path: string, text: string, verb: string): string | undefined {
    const isMeant = (mention: PathMention): boolean =>
      mention.isWhole && this.#mayName(mention) && !hasLengthBeside(text, mention);
    const rest = withoutMentions(text, this.#buildDir, isMeant);
    const place = this.#unmovable(rest) ?? this.#unmovable(unfolded(rest));
    if (place !== undefined) return `${path} ${verb} ${place}`;
    if (rest === text) return undefined;
    this.#rewrittenBytes += text.length;
    if (this.#rewrittenBytes > rewrittenUnitBytesMax) return `too many files name ${this.#place()}`;
    this.rewrites.push(path);
    return undefined;
  }

  /** Nothing is named on one line, but a name may be broken over two. */
  #lookAtFolds(path: string, bytes: Buffer): string | undefined {
    if (bytes.includes(0) || bytes.length > rewrittenFileBytesMax) return undefined;
    const start = this.#buildDir.slice(0, 4);
    if (!bytes.includes(Buffer.from(start, 'latin1'))) return undefined;
    return this.#lookAtText(path, bytes.toString('latin1'), 'names');
  }

  /** Whether what a text names in the build-dir is there, too, where this unit is served. */
  #mayName({ word }: PathMention): boolean {
    const below = word.slice(this.#buildDir.length);
    const { own, elsewhere, unitKeys } = this.#places;
    if (namedPlace(below, own, elsewhere) !== undefined) return false;
    const names: string[] = [];
    for (const name of below.split('/')) {
      if (name === '' || name === '.') continue;
      if (name !== '..') names.push(name);
      else if (names.pop() === undefined) return false;
    }
    // A bracket may end the name, or belong to it.
    const path = names.join('/').replace(/[^A-Za-z0-9_./-].*$/s, '');
    const unit = parseUnitPath(path as VirtualPath);
    return unit !== undefined && unitKeys.has(unit.unitKey);
  }

  /** What a text without the mentions that can be moved names nevertheless. */
  #unmovable(text: string): string | undefined {
    if (text.includes(this.#outDir)) return `${this.#outDir} in an unusual way`;
    const { own, elsewhere } = this.#places;
    const named = namedPlace(text, own, elsewhere);
    if (named !== undefined) return named;
    const isEncoded = this.#notations.some((notation) => text.includes(notation));
    return isEncoded ? `${this.#place()} in another notation` : undefined;
  }

  #isNamedIn(part: Buffer): boolean {
    return this.#hasNeedle(part) && this.#unmovable(part.toString('latin1')) !== undefined;
  }

  #hasNeedle(bytes: Buffer): boolean {
    return this.#needles.some((needle) => bytes.includes(needle));
  }

  #anyName(bytes: Buffer): string {
    return this.#unmovable(bytes.toString('latin1')) ?? this.#place();
  }

  #place(): string {
    return this.#places.buildDir;
  }
}

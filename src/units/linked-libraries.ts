/**
 * Native libraries whose bytes rustc put into what it compiled: static ones into a crate's own
 * library, all of them into a program or procedural macro. Those in the build-dir are part of the
 * runs that made them.
 */
import { resolve } from 'node:path';
import type { VirtualPath } from '../base/byte-string.js';
import { dynamicNames } from '../cargo/elf-needed.js';
import {
  libraryFileNames,
  isToolchainLibrary,
  isToolchainSoname,
  linkAttributes,
  staticLinkAttributes,
  type LinkDirectives,
  type NativeLibrary,
} from '../cargo/link-directives.js';
import {
  isPrivate,
  type DraftBase,
  type DraftContext,
  type PrivateVerdict,
  type WantedInputs,
} from './draft-base.js';
import { librariesBehind } from './macro-mentions.js';
import {
  defaultLibraryDirectories,
  directivesOf,
  isOutsideOf,
  librarySet,
  plainPath,
} from './native-inputs.js';
import { libraryBytesMax } from './native-walk.js';
import { readEntry } from './unit-files.js';
import { isArtifact, unitPlaces } from './unit-paths.js';
import type { StoredUnit, UnitTable } from './unit-record.js';

/** Source files that are searched for `#[link]`. */
const sourceBytesMax = 32 << 20;

export interface LinkQuestion {
  readonly base: DraftBase;
  /** As cargo sees it. */
  readonly buildDir: string;
  /** Absolute paths of the sources outside of the build-dir. */
  readonly outside: readonly string[];
  /** The unit went through the linker. */
  readonly isLinked: boolean;
}

/** What a run printed; it is the same as long as the unit is. */
const knownDirectives = new WeakMap<StoredUnit, LinkDirectives>();

/** What the runs behind a unit tell the compiler. */
interface Linking {
  /** In the order of the search; outside of every build-dir. */
  readonly searched: readonly string[];
  /** Nothing of the build-dir is searched. */
  readonly isAllOutside: boolean;
  /** Named for this very unit. */
  readonly libraries: readonly NativeLibrary[];
  readonly linkerPaths: readonly string[];
}

/**
 * The sets to record; private if the output of a run or a source cannot be read, or if a library is
 * in none of the directories that are known to be searched.
 */
export async function linkedLibraries(
  question: LinkQuestion,
  context: DraftContext,
): Promise<readonly WantedInputs[] | PrivateVerdict> {
  const { base, isLinked } = question;
  const linking = await linkingOf(question, context);
  if ('kind' in linking) return linking;
  const { searched, linkerPaths } = linking;
  const usual = defaultLibraryDirectories({
    profilePath: base.files.unit.profilePath,
    libraryPath: context.environment.variables['LIBRARY_PATH'],
  });
  const missing = missingLibrary(linking, usual, context);
  if (missing !== undefined) return missing;
  const bundled = searched.length === 0 ? [] : staticAttributes(question, context);
  if ('kind' in bundled) return bundled;
  const attributes = isLinked ? attributesBehind(question, context) : [];
  if ('kind' in attributes) return attributes;
  const libraries = [...linking.libraries, ...bundled, ...attributes];
  if (isLinked) {
    const unknown = await unknownLibrary(base, { libraries, searched, usual }, context);
    if (unknown !== undefined) return unknown;
  }
  const sets = new Map<string, WantedInputs>();
  for (const library of libraries) {
    const fallback = library.isStatic ? [] : usual;
    if (searched.length + fallback.length === 0) continue;
    const set = librarySet(library, searched, { fallback, notAfterNs: base.startedNs });
    sets.set(`${set.kind} ${set.root}`, set);
  }
  for (const path of linkerPaths) {
    const isDirectory = context.host.stat(path)?.isDirectory() === true;
    const kind = isDirectory ? 'presence' : 'content';
    sets.set(`${kind} ${path}`, { kind, root: path, paths: [] });
  }
  return [...sets.values()];
}

/** Whoever linked it took it from a place that nothing tells of. */
function missingLibrary(
  { isAllOutside, libraries, searched }: Linking,
  usual: readonly string[],
  context: DraftContext,
): PrivateVerdict | undefined {
  if (!isAllOutside) return undefined;
  const missing = libraries.find((each) => {
    if (!each.isStatic && isToolchainLibrary(each)) return false;
    const directories = each.isStatic ? searched : [...searched, ...usual];
    return filesOf(each, directories, context).length === 0;
  });
  if (missing === undefined) return undefined;
  const library = missing.isStatic ? 'static library' : 'library';
  const message = `the ${library} ${missing.name} is in none of the directories that are searched`;
  return isPrivate('undeclared-input', message);
}

interface FoundLibraries {
  readonly libraries: readonly NativeLibrary[];
  readonly searched: readonly string[];
  readonly usual: readonly string[];
}

/** A shared library that was linked and is none of those that are recorded. */
async function unknownLibrary(
  { files }: LinkQuestion['base'],
  { libraries, searched, usual }: FoundLibraries,
  context: DraftContext,
): Promise<PrivateVerdict | undefined> {
  const needed = new Set<string>();
  for (const entry of files.entries) {
    if (entry.kind !== 'file' || !isArtifact(entry.path)) continue;
    const names = dynamicNames(await readEntry(entry, context.blobPath));
    for (const name of names?.needed ?? []) if (!isToolchainSoname(name)) needed.add(name);
  }
  if (needed.size === 0) return undefined;
  for (const library of libraries) {
    for (const path of filesOf(library, [...searched, ...usual], context)) {
      const bytes = context.host.read(path, libraryBytesMax);
      const soname = bytes && dynamicNames(bytes)?.soname;
      needed.delete(soname ?? path.slice(path.lastIndexOf('/') + 1));
    }
  }
  const [unknown] = needed;
  if (unknown === undefined) return undefined;
  const message = `it was linked to ${unknown}, and nothing tells where the linker found it`;
  return isPrivate('undeclared-input', message);
}

async function linkingOf(
  { base, buildDir, isLinked }: LinkQuestion,
  context: DraftContext,
): Promise<Linking | PrivateVerdict> {
  const runs = runsBehind(base.stored, context.units);
  const directories: string[] = [];
  const libraries: NativeLibrary[] = [];
  const linkerPaths: string[] = [];
  for (const run of runs) {
    const directives = await directivesBy(run, context);
    if (directives === undefined) {
      const message = `the output of the build script of ${run.facts.package} cannot be read`;
      return isPrivate('undeclared-input', message);
    }
    // Rustc is started in the directory of the package.
    directories.push(
      ...directives.searchDirectories.map((path) =>
        plainPath(path.startsWith('/') ? path : `${run.facts.packageRoot}/${path}`),
      ),
    );
    if (!isLinked && !base.stored.includes(run)) continue;
    libraries.push(...directives.libraries.filter(({ isStatic }) => isStatic || isLinked));
    if (isLinked) linkerPaths.push(...directives.linkerPaths.map(plainPath));
  }
  const buildDirs = [buildDir, ...runs.map(({ facts }) => facts.buildDir)];
  const isOutside = (path: string): boolean => isOutsideOf(buildDirs, path);
  return {
    searched: [...new Set(directories)].filter(isOutside),
    isAllOutside: directories.every(isOutside),
    libraries,
    linkerPaths: [...new Set(linkerPaths)].filter(isOutside),
  };
}

/** The own run, and those of all libraries that cargo hands on the directories of. */
function runsBehind(stored: readonly StoredUnit[], units: UnitTable): readonly StoredUnit[] {
  const runs = new Set(stored.filter(({ facts }) => facts.kind === 'run-build-script'));
  for (const library of librariesBehind(stored, units)) {
    for (const { unitKey } of library.facts.dependencies) {
      const unit = units.get(unitKey);
      if (unit?.state === 'stored' && unit.facts.kind === 'run-build-script') runs.add(unit);
    }
  }
  return [...runs];
}

async function directivesBy(
  run: StoredUnit,
  context: DraftContext,
): Promise<LinkDirectives | undefined> {
  const known = knownDirectives.get(run);
  if (known !== undefined) return known;
  const { package: packageName, layout, profilePath, unitHash } = run.facts;
  const places = unitPlaces({ packageName, layout, profilePath, unitHash });
  const output = await context.readViewFile(places.output as VirtualPath);
  if (output === undefined) return undefined;
  const directives = directivesOf(output.toString('latin1'));
  knownDirectives.set(run, directives);
  return directives;
}

/** The files of this name in all of the directories. */
function filesOf(
  library: NativeLibrary,
  directories: readonly string[],
  { host }: DraftContext,
): readonly string[] {
  const names = libraryFileNames(library);
  return directories
    .flatMap((path) => names.map((name) => `${path}/${name}`))
    .filter((path) => host.stat(path)?.isFile() === true);
}

/** Of `#[link]` in the crate and all libraries behind it; without what is the toolchain's. */
function attributesBehind(
  { base, outside }: LinkQuestion,
  context: DraftContext,
): readonly NativeLibrary[] | PrivateVerdict {
  const found = [...attributesOf(outside, context)];
  for (const unit of librariesBehind(base.stored, context.units)) {
    const known = knownAttributes.get(unit) ?? attributesOf(sourcesOf(unit), context);
    knownAttributes.set(unit, known);
    found.push(...known);
  }
  const unread = found.find((each) => typeof each === 'string');
  if (unread !== undefined) return isPrivate('input-changed', `${unread} cannot be read`);
  const libraries = found.filter((each) => typeof each !== 'string');
  return libraries.filter((each) => !isToolchainLibrary(each));
}

/** Libraries, and paths of sources that cannot be read; a unit's are the same as long as it is. */
const knownAttributes = new WeakMap<StoredUnit, readonly (NativeLibrary | string)[]>();

function attributesOf(
  paths: readonly string[],
  { host }: DraftContext,
): readonly (NativeLibrary | string)[] {
  return paths
    .filter((path) => path.endsWith('.rs'))
    .flatMap((path): readonly (NativeLibrary | string)[] => {
      const source = host.read(path, sourceBytesMax);
      return source === undefined ? [path] : linkAttributes(source.toString('utf8'));
    });
}

function sourcesOf({ facts }: StoredUnit): readonly string[] {
  return facts.inputs.flatMap(({ kind, root, paths }) =>
    kind === 'files' ? paths.map((path) => resolve(root, path)) : [],
  );
}

/** Libraries that `#[link]` in the sources may bundle. */
function staticAttributes(
  { outside }: LinkQuestion,
  { host }: DraftContext,
): readonly NativeLibrary[] | PrivateVerdict {
  const names = new Set<string>();
  for (const path of outside) {
    const source = host.read(path, sourceBytesMax);
    if (source === undefined) return isPrivate('input-changed', `${path} cannot be read`);
    for (const name of staticLinkAttributes(source.toString('utf8'))) names.add(name);
  }
  return [...names].map((name) => ({ name, isStatic: true, isVerbatim: false }));
}

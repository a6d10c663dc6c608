/**
 * Native libraries whose bytes rustc put into what it compiled: static ones into a crate's own
 * library, all of them into a program or procedural macro. Those in the build-dir are part of the
 * runs that made them.
 */
import type { VirtualPath } from '../../base/byte-string.js';
import {
  libraryFileNames,
  staticLinkAttributes,
  type LinkDirectives,
  type NativeLibrary,
} from '../../cargo/link-directives.js';
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
import { unitPlaces } from './unit-paths.js';
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

/** The sets to record; private if the output of a run cannot be read, or a static library is not found. */
export async function linkedLibraries(
  question: LinkQuestion,
  context: DraftContext,
): Promise<readonly WantedInputs[] | PrivateVerdict> {
  const { base } = question;
  const linking = await linkingOf(question, context);
  if ('kind' in linking) return linking;
  const { searched, isAllOutside, libraries, linkerPaths } = linking;
  const missing = isAllOutside
    ? libraries.find((each) => each.isStatic && !isFound(each, searched, context))
    : undefined;
  if (missing !== undefined) {
    const message = `the static library ${missing.name} is in none of the directories that are searched`;
    return isPrivate('undeclared-input', message);
  }
  const attributes = searched.length === 0 ? [] : staticAttributes(question, context);
  if ('kind' in attributes) return attributes;
  const usual = defaultLibraryDirectories(base.files.unit.profilePath);
  const sets = new Map<string, WantedInputs>();
  for (const library of [...libraries, ...attributes]) {
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

function isFound(
  library: NativeLibrary,
  searched: readonly string[],
  { host }: DraftContext,
): boolean {
  const names = libraryFileNames(library);
  return searched.some((path) => names.some((name) => host.stat(`${path}/${name}`)?.isFile()));
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

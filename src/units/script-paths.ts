/** Paths outside of its package that the own source of a build script has in its literals. */
import { dirname, join, resolve } from 'node:path';
import { isEverybodysPlace, isHomeOrAbove } from './common-places.js';
import { atAnyTime, type DraftContext, type WantedInputs } from './draft-base.js';
import { isOutsideOf, plainPath } from './native-inputs.js';
import { pathInputs, searchedDirectory, type UnitPlace } from './outside-paths.js';
import type { ScriptLiterals } from './script-literals.js';

const homeVariables: readonly string[] = [
  ...['HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_CACHE_HOME', 'USERPROFILE'],
];
const homeWords: readonly string[] = ['home_dir', 'BaseDirs', 'UserDirs'];

/** By which name the script finds the home directory of the user; undefined if by none. */
export function homeName({ literals, words }: ScriptLiterals): string | undefined {
  return (
    homeVariables.find((name) => literals.has(name)) ??
    homeWords.find((word) => words.has(word)) ??
    [...literals].find((text) => /^~\/[A-Za-z0-9_.]/.test(text))
  );
}

/** Absolute paths among the literals, with the parts of a list for itself. */
export function absoluteLiterals({ literals }: ScriptLiterals): readonly string[] {
  const found = new Set<string>();
  for (const literal of literals) {
    for (const part of literal.split(':')) {
      if (/^\/[A-Za-z0-9_.+@-][^\0\n{}*]*$/.test(part)) found.add(plainPath(part));
    }
  }
  return [...found];
}

/** Where everybody writes. */
const sharedPlace = /^\/(?:(?:var\/)?tmp|dev\/shm)\//;

/** `isTool`: programs among the paths are compared as tools. */
export function literalInputs(
  literals: ScriptLiterals,
  place: UnitPlace & { readonly isTool: boolean },
  context: Pick<DraftContext, 'environment' | 'host'>,
): readonly WantedInputs[] {
  return [
    ...absoluteLiterals(literals)
      // What is put behind another path: `dir + "/include"`.
      .filter((path) => path.indexOf('/', 1) > 0 || context.host.stat(path)?.isFile() === true)
      .flatMap((path) => pathInputs(path, place, context))
      .filter(({ kind }) => kind !== 'presence')
      .map((set) => {
        const isMissing = context.host.stat(set.root) === undefined;
        return isMissing && sharedPlace.test(set.root) ? { ...set, notAfterNs: atAnyTime } : set;
      }),
    ...besideInputs(literals, place, context),
    ...joinedInputs(literals, place, context),
    ...aboveInputs(literals, place, context),
  ];
}

/** Names and directories beyond which nobody puts a path together by hand. */
const pairsMax = 2_000;

/** What a name leads to in a directory that is named too: `Path::new("/opt").join("sdk")`. */
function joinedInputs(
  literals: ScriptLiterals,
  place: UnitPlace & { readonly isTool: boolean },
  context: Pick<DraftContext, 'environment' | 'host'>,
): readonly WantedInputs[] {
  if (!joins.some((word) => literals.words.has(word))) return [];
  const names = plainNames(literals);
  const directories = absoluteLiterals(literals).filter(
    (path) => isUsualPlace(path) && context.host.stat(path)?.isDirectory() === true,
  );
  if (names.length * directories.length > pairsMax) return [];
  return directories.flatMap((directory) =>
    nameInputs(directory, names, context.host, (path) => pathInputs(path, place, context)),
  );
}

const joins: readonly string[] = ['join', 'push', 'with_file_name', 'format'];

/**
 * What a name leads to in the directories above the package, for a script that may climb there from
 * CARGO_MANIFEST_DIR or its working directory.
 */
function aboveInputs(
  literals: ScriptLiterals,
  { packageRoot, buildDir }: UnitPlace,
  context: Pick<DraftContext, 'environment' | 'host'>,
): readonly WantedInputs[] {
  const { words } = literals;
  const starts = literals.literals.has('CARGO_MANIFEST_DIR') || words.has('current_dir');
  const climbs = literals.literals.has('..') || climbing.some((word) => words.has(word));
  if (!starts || !climbs) return [];
  const names = plainNames(literals);
  const sets: WantedInputs[] = [];
  let below = packageRoot;
  for (const directory of ancestorsOf(packageRoot)) {
    if (names.length * sets.length > pairsMax || !isUsualPlace(directory)) break;
    const others = names.filter(
      (name) => join(directory, name) !== below && mayLieIn(directory, name, context),
    );
    const found = nameInputs(directory, others, context.host, (path) => {
      if (!isOutsideOf([buildDir], path)) return [];
      // What is there may be as large as all packages together.
      const isFile = context.host.stat(path)?.isFile() === true;
      return [{ kind: isFile ? 'content' : 'presence', root: path, paths: [] }];
    });
    sets.push(...found);
    below = directory;
  }
  return sets;
}

/** In the directory of a registry lie packages alone, and cargo puts more there all the time. */
function mayLieIn(
  directory: string,
  name: string,
  { environment }: Pick<DraftContext, 'environment'>,
): boolean {
  const isOfRegistry = dirname(directory) === join(environment.cargoHome, 'registry/src');
  return !isOfRegistry || /-\d+\.\d+\.\d+/.test(name);
}

const climbing: readonly string[] = ['parent', 'ancestors', 'pop'];

/** Names that are there, each for itself, and all that are not in one set. */
function nameInputs(
  directory: string,
  names: readonly string[],
  host: DraftContext['host'],
  present: (path: string) => readonly WantedInputs[],
): readonly WantedInputs[] {
  if (host.isBelowOwnMount(directory)) return [];
  const isThere = (name: string): boolean => host.stat(join(directory, name)) !== undefined;
  const absent = names.filter((name) => !isThere(name)).sort();
  const sets = names.filter(isThere).flatMap((name) => present(join(directory, name)));
  return absent.length === 0 ? sets : [...sets, { kind: 'files', root: directory, paths: absent }];
}

function plainNames({ literals }: ScriptLiterals): readonly string[] {
  return [...literals].filter((text) => /^[A-Za-z0-9_.+-]{2,64}$/.test(text) && text !== '..');
}

/** Whether a name that is looked for in the directory means something there. */
function isUsualPlace(directory: string): boolean {
  return !isEverybodysPlace(directory) && !isHomeOrAbove(directory);
}

function* ancestorsOf(path: string): Generator<string> {
  for (let current = dirname(path); current !== dirname(current); current = dirname(current)) {
    yield current;
  }
}

/** What stands beside the package: `../sibling/data`, `.join("..").join("sibling")`. */
function besideInputs(
  { literals, words }: ScriptLiterals,
  { packageRoot, buildDir }: UnitPlace,
  context: Pick<DraftContext, 'environment' | 'host'>,
): readonly WantedInputs[] {
  const targets = new Set<string>();
  for (const literal of literals) {
    const [, path] = /(?:^|\/)(\.\.\/[^\0\n{}*:]*)/.exec(literal) ?? [];
    if (path !== undefined) targets.add(resolve(packageRoot, path));
  }
  if (literals.has('..') || words.has('parent')) {
    for (const name of literals) {
      if (/^[A-Za-z0-9_.+-]{1,64}$/.test(name)) targets.add(join(packageRoot, '..', name));
    }
  }
  return [...targets]
    .map(plainPath)
    .filter((path) => isOutsideOf([packageRoot, buildDir], path))
    .filter((path) => !packageRoot.startsWith(`${path === '/' ? '' : path}/`))
    .filter((path) => !context.host.isBelowOwnMount(path))
    .filter((path) => context.host.stat(path) !== undefined)
    .map((path) => searchedDirectory(path, context));
}

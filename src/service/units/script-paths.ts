/** Paths outside of its package that the own source of a build script has in its literals. */
import { join, resolve } from 'node:path';
import type { DraftContext, WantedInputs } from './draft-base.js';
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
      .filter(({ kind }) => kind !== 'presence'),
    ...besideInputs(literals, place, context),
  ];
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

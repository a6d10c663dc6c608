/** The files outside of the build-dir that the run of a build script depends on. */
import { countsAmongAll, everyVariable } from '../cargo/all-variables.js';
import { variablesOfStarters } from '../cargo/native-programs.js';
import { isKnownReader } from '../cargo/known-readers.js';
import { fittingNames } from '../cargo/variable-values.js';
import {
  isPrivate,
  type DraftBase,
  type DraftContext,
  type PrivateVerdict,
  type WantedInputs,
} from './draft-base.js';
import { gitInputs, mayAskGit } from './git-inputs.js';
import { headerInputs } from './header-inputs.js';
import { directivesOf, nativeInputs } from './native-inputs.js';
import { pathInputs, valueInputs } from './outside-paths.js';
import { packageTree } from './package-tree.js';
import { pkgConfigInputs } from './pkg-config-inputs.js';
import { scriptLiterals, type ScriptLiterals } from './script-literals.js';
import { absoluteLiterals, homeName, literalInputs } from './script-paths.js';
import { toolsMentioned, type ScriptTools } from './script-tools.js';
import { steeringOf } from './target-settings.js';
import { mentionedVariables, programMentions, type Mentions } from './unit-mentions.js';
import type { StoredUnit } from './unit-record.js';

/** A finished run and what it left. Paths and texts from cargo's files are latin1: bytes. */
export interface FinishedRun {
  readonly base: DraftBase;
  /** The program that ran. */
  readonly script: StoredUnit;
  /** Of the place where it ran; latin1. */
  readonly buildDir: string;
  /** Absolute; latin1. */
  readonly outDir: string;
  /** What it printed; latin1. */
  readonly output: string;
}

/** The sets to record; private if it cannot be known what the script read. */
export async function scriptInputs(
  run: FinishedRun,
  context: DraftContext,
): Promise<readonly WantedInputs[] | PrivateVerdict> {
  const { base, script, output } = run;
  const { packageRoot } = script.facts;
  const { profilePath } = base.files.unit;
  const buildDir = Buffer.from(run.buildDir, 'latin1').toString();
  const place = {
    packageRoot,
    buildDirs: [buildDir],
    profilePath,
    libraryPath: context.environment.variables['LIBRARY_PATH'],
    // What the script itself put there while it ran is as it left it.
    notAfterNs: base.finishedNs,
  };
  const named = nativeInputs(directivesOf(output), place, context.host);
  if ('kind' in named) return named;
  const mentions = await programMentions(script, context);
  if (mentions === undefined) {
    return isPrivate('no-script', 'the source of its build script cannot be read');
  }
  const literals = await scriptLiterals(script, context);
  if (literals === undefined) {
    return isPrivate('no-script', 'the source of its build script cannot be read');
  }
  const home = homeName(literals);
  if (home !== undefined && readsFilesItself(mentions)) {
    return isPrivate('script-reads-home', `it may read files of the user, found by ${home}`);
  }
  if (mentions.units.some(({ role, mentions: each }) => role === 'own' && each.readsTemporary)) {
    return isPrivate('script-reads-temp', 'it may read files in the directory for temporary files');
  }
  const tools = toolsMentioned(mentions);
  const asksPkgConfig = mentions.usesPkgConfig || tools.isOpen;
  const found = asksPkgConfig
    ? await pkgConfigInputs(script, context, ownPkgConfigPath(literals, context))
    : [];
  const standing = { packageRoot, buildDir };
  const isTool = mentions.startsPrograms;
  return withoutDoubles([
    packageTree(script.facts),
    ...declaredInputs(base, packageRoot, buildDir),
    ...named,
    ...found,
    ...(tools.isSteered
      ? headerInputs(
          steeringOf(context.environment, { profilePath, kind: base.files.name.kind }),
          context,
        )
      : []),
    ...valueInputs(countedVariables(run, { mentions, tools }, context), standing, context),
    ...literalInputs(literals, { ...standing, isTool }, context).map((set) =>
      isBelowAny(named, set.root) ? { ...set, notAfterNs: place.notAfterNs } : set,
    ),
    ...pathsOfLibraries(mentions).flatMap((path) =>
      pathInputs(path, { ...standing, isTool: true }, context),
    ),
    ...(mayAskGit(mentions) ? gitInputs(packageRoot, context) : []),
  ]);
}

/** What the script tells the linker of may be its own work. */
function isBelowAny(named: readonly WantedInputs[], path: string): boolean {
  return named.some(({ root }) => root === path || path.startsWith(`${root}/`));
}

/** What libraries of the script may read by a path that they have in their source. */
function pathsOfLibraries({ units }: Mentions): readonly string[] {
  return units.flatMap(({ package: name, role, mentions }) => {
    const isReader = role === 'library' && mentions.readsFiles && !isKnownReader(name);
    return isReader ? [...mentions.names].filter((each) => /^\/[^/]+\/./.test(each)) : [];
  });
}

function readsFilesItself({ units }: Mentions): boolean {
  return units.some(({ role, mentions }) => role === 'own' && mentions.readsFiles);
}

/** Directories that the script puts on pkg-config's path by itself. */
function ownPkgConfigPath(literals: ScriptLiterals, { host }: DraftContext): readonly string[] {
  const setsPath = [...literals.literals].some((text) => /PKG_CONFIG_(?:PATH|LIBDIR)/.test(text));
  if (!setsPath) return [];
  return absoluteLiterals(literals).filter(
    (path) => !host.isBelowOwnMount(path) && host.stat(path)?.isFile() !== true,
  );
}

/** Variables with which a run is compared, and their values. */
function countedVariables(
  { base }: FinishedRun,
  {
    mentions,
    tools: { isSteered, isOpen },
  }: { readonly mentions: Mentions; readonly tools: Pick<ScriptTools, 'isSteered' | 'isOpen'> },
  { environment, host }: DraftContext,
): ReadonlyMap<string, string | undefined> {
  const { variables } = environment;
  const { fingerprint, name, unit } = base.files;
  const counted = new Map<string, string | undefined>(
    isSteered ? Object.entries(steeringOf(environment, { ...unit, kind: name.kind })) : [],
  );
  for (const name of mentionedVariables(mentions, (each) => variables[each] !== undefined)) {
    if (name === everyVariable) addFiles(counted, variables, host);
    else for (const each of fittingNames(name, variables)) counted.set(each, variables[each]);
  }
  const ofGit = mayAskGit(mentions) ? fittingNames('GIT_*', variables) : [];
  for (const each of ofGit) counted.set(each, variables[each]);
  if (isOpen) for (const each of variablesOfStarters) counted.set(each, variables[each]);
  for (const local of fingerprint.local) {
    if (local.kind === 'rerun-if-env-changed')
      counted.set(local.variable, local.value ?? undefined);
  }
  return counted;
}

/** Of variables that may all be read, those that name one file: a directory would be any. */
function addFiles(
  counted: Map<string, string | undefined>,
  variables: Readonly<Record<string, string | undefined>>,
  host: DraftContext['host'],
): void {
  for (const [name, value = ''] of Object.entries(variables)) {
    const isFile = value.startsWith('/') && host.stat(value)?.isFile() === true;
    if (isFile && countsAmongAll(name)) counted.set(name, value);
  }
}

function withoutDoubles(sets: readonly WantedInputs[]): readonly WantedInputs[] {
  const byKey = new Map<string, WantedInputs>();
  for (const set of sets) {
    const key = JSON.stringify([set.kind, set.root, set.paths, String(set.notAfterNs)]);
    byKey.set(key, set);
  }
  return [...byKey.values()];
}

/**
 * What the script declared, as far as it is not in the package. If it declared nothing, cargo takes
 * the whole package (`Precalculated`).
 */
function declaredInputs(
  { files }: DraftBase,
  packageRoot: string,
  buildDir: string,
): readonly WantedInputs[] {
  const { local } = files.fingerprint;
  if (local.some(({ kind }) => kind === 'precalculated')) return [];
  const declared = local.flatMap((each) => (each.kind === 'rerun-if-changed' ? each.paths : []));
  const outside = declared.filter((path) => !path.startsWith(`${buildDir}/`));
  return [{ kind: 'files', root: packageRoot, paths: [...new Set(outside)].sort() }];
}

/** What a compilation used of the environment of its session: variables, tools, settings. */
import { countedValue } from '../cargo/all-variables.js';
import { isSetForCompilers, primaryPackage, variablesOfRustc } from '../cargo/cargo-variables.js';
import { isKnownReader } from '../cargo/known-readers.js';
import { parseDepInfo } from '../cargo/dep-info.js';
import { isProgramUse, linkersOfFlags } from '../cargo/native-programs.js';
import { parseRustcDepFile, type RustcDepFile } from '../cargo/rustc-dep-file.js';
import { sourceMentions } from '../cargo/source-mentions.js';
import { comparedValue } from '../cargo/variable-values.js';
import { isPrivate, type DraftBase, type DraftContext, type PrivateVerdict } from './draft-base.js';
import {
  configuredLinker,
  processorCount,
  settingsOf,
  steeringOf,
  toolIdentity,
  tripleOf,
} from './target-settings.js';
import { changedTool } from './tool-changes.js';
import type { UnitFacts } from './unit-facts.js';
import { readEntry } from './unit-files.js';
import {
  isIdentifier,
  listerOfVariables,
  literalsOfMacroRules,
  macroMentions,
  mentionedVariables,
  variableNames,
  type Mentions,
} from './unit-mentions.js';
import { entryAt } from './unit-paths.js';

/** What of the session's environment counts for a unit. */
export type UsedEnvironment = Pick<UnitFacts, 'variables' | 'steering' | 'tools' | 'settings'>;

/**
 * Private if cargo's list of variables or the sources of a macro cannot be read, or if a macro may
 * read files that are not its package's.
 */
export async function compilationEnvironment(
  base: DraftBase,
  depFile: RustcDepFile,
  context: DraftContext,
): Promise<UsedEnvironment | PrivateVerdict> {
  if (depFile.env.some(([name, value]) => name === primaryPackage && value !== undefined)) {
    return isPrivate('asked-for', `it reads ${primaryPackage}, and cargo was asked to build it`);
  }
  const tracked = await foreignVariables(base, context);
  if (tracked === undefined) return isPrivate('layout', 'cargo’s dep-info is of an unknown form');
  const mentions = await macroMentions(base.stored, context);
  if (mentions === undefined) {
    return isPrivate('no-macro', 'the source of a macro that it uses cannot be read');
  }
  const outside = readsOutside(mentions);
  if (outside !== undefined) return isPrivate('macro-reads-files', outside);
  const told = askedOfCargo(mentions);
  if (told !== undefined) return isPrivate('macro-asks-cargo', told);
  const lister = listerOfVariables(mentions);
  if (lister !== undefined) return listsVariables(lister);
  const read = await macroVariables(base, mentions, context);
  if (read === undefined) return isPrivate('input-changed', 'a source cannot be read');
  const names = new Set(tracked.map(([name]) => name));
  const isLinked = isLinkedUnit(base);
  const tools = isLinked ? linkerTools(base, context) : null;
  const changed = changedTool(tools, base, context.environment.tools);
  if (changed !== undefined) return changed;
  const { environment } = context;
  const ofLinkers = isLinked ? linkerVariables(base, tools ?? {}, context) : [];
  const ofRustc = variablesOfRustc.map((name): [string, string | null] => [
    name,
    comparedValue(name, environment.variables[name]),
  ]);
  const others = new Map([...read, ...ofRustc, ...ofLinkers].filter(([name]) => !names.has(name)));
  const { profilePath } = base.files.unit;
  const place = { profilePath, kind: base.files.name.kind };
  const settings = { [processorCount]: null };
  const countsProcessors = mentions.units.some(
    ({ role, mentions: each }) => role === 'macro' && each.countsProcessors,
  );
  return {
    variables: [...tracked, ...others],
    steering: isLinked ? steeringOf(environment, place) : null,
    tools,
    settings: countsProcessors ? settingsOf(environment, { settings, profilePath }) : {},
  };
}

/** The verdict on what is made by a script or macro that takes all variables, whatever they are. */
export function listsVariables(packageName: string): PrivateVerdict {
  return isPrivate('lists-variables', `${packageName} reads all variables of its environment`);
}

/**
 * Variables of the user that the compiler read. Cargo's own dep-info has them without those that
 * cargo or the package's build script set, which rustc's list still holds.
 */
async function foreignVariables(
  { files }: DraftBase,
  context: DraftContext,
): Promise<[string, string | null][] | undefined> {
  const path = files.json.path.slice(0, -'.json'.length);
  const slash = path.lastIndexOf('/');
  const depInfoPath = `${path.slice(0, slash)}/dep-${path.slice(slash + 1)}`;
  const entry = entryAt(files.entries, depInfoPath);
  const depInfo = entry && parseDepInfo(await readEntry(entry, context.blobPath));
  return depInfo?.env
    .filter(([name]) => !isSetForCompilers(name) || name === primaryPackage)
    .map(([name, value]) => [name, value ?? null]);
}

/**
 * What a macro may ask that is told by how cargo was called, or what it has programs find out;
 * undefined where nothing is.
 */
function askedOfCargo({ units }: Mentions): string | undefined {
  for (const { package: name, role, mentions } of units) {
    if (mentions.names.has(primaryPackage) || mentions.variables.has(primaryPackage)) {
      return `the macro ${name} may read ${primaryPackage}`;
    }
    if (role === 'macro' && mentions.readsTemporary) {
      return `the macro ${name} may read in the directory for temporary files`;
    }
    if (role === 'macro' && mentions.readsArguments) {
      return `the macro ${name} may read the command line of the compiler`;
    }
    if (!mentions.namesProcess) continue;
    const started = [...mentions.programs].find((program) => isProgramUse(program, true));
    if (started !== undefined) return `the macro ${name} may start \`${started}\``;
    if (mentions.hasComputedCommand) return `the macro ${name} may start any program`;
  }
  return undefined;
}

/** How a macro may come to files outside of any package; undefined where none can. */
function readsOutside({ units, readsFiles }: Mentions): string | undefined {
  if (!readsFiles) return undefined;
  for (const { package: name, role, mentions } of units) {
    const { outsideName } = mentions;
    const climbs = mentions.looksBeside || mentions.looksAbove !== 'no';
    if (role === 'macro' && climbs) {
      return `the macro ${name} may read files that lie beside its package, which nothing lists`;
    }
    if (outsideName === undefined) continue;
    const isPath = outsideName.startsWith('/') || outsideName.startsWith('~');
    // A path in a library that reads no files is a link in its documentation, or an example.
    const isTold = role === 'library' && (!mentions.readsFiles || isKnownReader(name));
    if (isPath && isTold) continue;
    return `the macro ${name} may read files by \`${outsideName}\`, which nothing lists`;
  }
  return undefined;
}

/**
 * Variables that macros may read while they run, which no list has: those that their own sources
 * name, and where a macro is told the name, those that the sources of its users name.
 */
async function macroVariables(
  base: DraftBase,
  mentions: Mentions,
  context: DraftContext,
): Promise<[string, string | null][] | undefined> {
  const { variables } = context.environment;
  const isSet = (name: string): boolean => variables[name] !== undefined;
  const names = new Set(mentionedVariables(mentions, isSet));
  if (mentions.readsComputedVariable) {
    const own = await ownLiterals(base, context);
    const passedOn = await literalsOfMacroRules(base.stored, context);
    if (own === undefined || passedOn === undefined) return undefined;
    const told = { variables: own.words, names: new Set([...own.literals, ...passedOn]) };
    // Macros are told names in either case.
    const mayBeName = (name: string): boolean => isSet(name) || isIdentifier(name);
    for (const name of variableNames(told, mayBeName)) names.add(name);
  }
  return [...names].sort().map((name) => [name, countedValue(name, variables)]);
}

interface Literals {
  readonly literals: ReadonlySet<string>;
  /** In capitals, without quotes: `env_of!(GREETING)`. */
  readonly words: ReadonlySet<string>;
}

/** Literals in the sources of the compiled crate itself. */
async function ownLiterals(
  { files }: DraftBase,
  context: DraftContext,
): Promise<Literals | undefined> {
  const entry = files.entries.find(({ path }) => path.endsWith('.d'));
  const bytes = entry && (await readEntry(entry, context.blobPath));
  const depFile = bytes && parseRustcDepFile(bytes.toString('utf8'));
  if (depFile === undefined) return undefined;
  const literals = new Set<string>();
  const words = new Set<string>();
  for (const path of depFile.sources) {
    // Code in OUT_DIR was made by the package's script, whose output is compared as a whole.
    if (context.host.isBelowOwnMount(path)) continue;
    const text = context.host.readText(path, sourceBytesMax);
    if (text === undefined) return undefined;
    for (const name of sourceMentions(text).names) literals.add(name);
    for (const [, name = ''] of text.matchAll(/[([,]\s*([A-Z][A-Z0-9_]{2,63})\s*[)\],]/g)) {
      words.add(name);
    }
  }
  return { literals, words };
}

const sourceBytesMax = 32 << 20;

/** Procedural macros and programs went through the linker and its libraries. */
export function isLinkedUnit({ files }: DraftBase): boolean {
  return (
    files.name.kind === 'build-script' || files.entries.some(({ path }) => path.endsWith('.so'))
  );
}

function linkerTools(
  { files }: DraftBase,
  { environment }: DraftContext,
): Record<string, string | null> {
  const names = [...environment.hostLinkers, ...linkersOfFlags(files.fingerprint.rustflags)];
  const place = files.unit;
  // The name of the configured linker is in the fingerprint, which file it leads to is not.
  if (environment.linkerOf(tripleOf(place)) !== undefined) names.push(configuredLinker);
  return Object.fromEntries(
    [...new Set(names)].sort().map((name) => [name, toolIdentity(environment, name, place)]),
  );
}

/** A linker that is a script may read any variable that its text names. */
function linkerVariables(
  { files }: DraftBase,
  tools: Readonly<Record<string, string | null>>,
  { environment }: DraftContext,
): [string, string | null][] {
  const names = new Set(
    Object.keys(tools).flatMap((name) =>
      name === configuredLinker
        ? environment.linkerVariables(tripleOf(files.unit))
        : environment.tools.variablesOf(name),
    ),
  );
  return [...names]
    .filter((name) => !isSetForCompilers(name))
    .sort()
    .map((name) => [name, comparedValue(name, environment.variables[name])]);
}

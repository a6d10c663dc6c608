/**
 * What the sources of stored units mention: of a build script and the libraries that it runs
 * (rule 12), and of the procedural macros behind a compilation (rule 11).
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { everyVariable } from '../cargo/all-variables.js';
import { isSetByCargo } from '../cargo/cargo-variables.js';
import { looksAbove } from '../cargo/climbing-paths.js';
import { computesNames } from '../cargo/computed-names.js';
import { isKnownReader, staysInOutDir } from '../cargo/known-readers.js';
import { isReadForShow } from '../cargo/variable-values.js';
import { emptyMentions, mergeMentions, type SourceMentions } from '../cargo/mention-sets.js';
import { tokenizeRust } from '../cargo/rust-lexer.js';
import { mayMention, sourceMentions } from '../cargo/source-mentions.js';
import { dataMentions, isVariableName, textMentions } from '../cargo/text-mentions.js';
import { withoutTests } from '../cargo/test-items.js';
import type { DraftBase, DraftContext } from './draft-base.js';
import { inputMisfit } from './input-fit.js';
import { isProcMacro } from './macro-mentions.js';
import type { StoredUnit, UnitTable } from './unit-record.js';

/** What one unit of a program mentions. */
export interface UnitMentions {
  readonly package: string;
  /** `own`: the program itself, whose literals all count. */
  readonly role: 'own' | 'macro' | 'library';
  readonly mentions: SourceMentions;
}

/** What all units together mention, and each of them. */
export interface Mentions extends SourceMentions {
  readonly units: readonly UnitMentions[];
}

type ReadContext = Pick<DraftContext, 'host' | 'inputs' | 'units'>;

/**
 * Of a build script's program with all libraries and macros that it was built with. Undefined where
 * a source cannot be read any more, or has changed: it may have mentioned anything.
 */
export async function programMentions(
  script: StoredUnit,
  context: ReadContext,
): Promise<Mentions | undefined> {
  const dependencies = dependenciesOf(script, context.units);
  const libraries = dependencies && unitsBehind(dependencies, context.units);
  if (libraries === undefined) return undefined;
  return await mentionsOfAll(script, libraries, context);
}

/** Of all procedural macros behind the units that a compilation uses, with the libraries they run. */
export async function macroMentions(
  stored: readonly StoredUnit[],
  context: ReadContext,
): Promise<Mentions | undefined> {
  const used = unitsBehind(stored, context.units, isProcMacro);
  const units = used && unitsBehind(used.filter(isProcMacro), context.units);
  return units && (await mentionsOfAll(undefined, units, context));
}

/**
 * Whether macros behind a compilation may read files while they run: then all files of the package
 * that is compiled are inputs. Undefined where that cannot be known.
 */
export async function macrosMayReadFiles(
  base: Pick<DraftBase, 'stored'>,
  context: ReadContext,
): Promise<boolean | undefined> {
  return (await macroMentions(base.stored, context))?.readsFiles;
}

/**
 * Literals in the libraries behind a compilation that define macros by example: what they pass on to
 * a procedural macro. Undefined as above.
 */
export async function literalsOfMacroRules(
  stored: readonly StoredUnit[],
  context: ReadContext,
): Promise<ReadonlySet<string> | undefined> {
  const names = new Set<string>();
  for (const unit of unitsBehind(stored, context.units, isProcMacro) ?? []) {
    if (isProcMacro(unit)) continue;
    const mentions = await mentionsOf(unit, 'whole', context);
    if (mentions === undefined) return undefined;
    if (mentions.definesMacros) for (const name of mentions.names) names.add(name);
  }
  return names;
}

/**
 * Names of the variables that may be read: those that are read for sure, other literals in capitals,
 * and of further literals those that are set; of libraries only where they read variables at all.
 * All, where a name is computed: what it comes to cannot be told from the source.
 */
export function mentionedVariables(
  { units, readsComputedVariable }: Mentions,
  isSet: (name: string) => boolean,
): ReadonlySet<string> {
  const found = new Set<string>(units.some(readsAnyVariable) ? [everyVariable] : []);
  const isNamed = (name: string): boolean => isSet(name) || isIdentifier(name);
  for (const { role, mentions } of units) {
    if (role !== 'own' && !mentions.touchesEnvironment) continue;
    // Whoever reads a name that it is told is told by the script, in capitals or not.
    const isTelling = role === 'own' && readsComputedVariable;
    const told = isTelling ? withWords(mentions) : mentions;
    for (const name of variableNames(told, isTelling ? isNamed : isSet)) {
      if (role === 'own' || !isReadForShow(name)) found.add(name);
    }
    for (const pattern of mentions.variablePatterns) found.add(pattern);
  }
  return found;
}

/** Whether a unit names a variable by what it computes, or lists them for who uses it. */
function readsAnyVariable({ package: name, role, mentions }: UnitMentions): boolean {
  if (isKnownReader(name)) return false;
  return mentions.computesNames || (role === 'library' && mentions.listsVariables);
}

/**
 * Which script or macro looks through all variables, by nothing that tells which of them count;
 * undefined where none does. A library that does has been told what to look for.
 */
export function listerOfVariables({ units }: Mentions): string | undefined {
  return units.find(
    ({ role, mentions }) =>
      role !== 'library' && mentions.listsVariables && mentions.variablePatterns.size === 0,
  )?.package;
}

/**
 * Which script or macro may climb out of the build-dir. Libraries do it for other systems (vcpkg),
 * and a script that has a loop and a parent somewhere is meant; a macro has more of both.
 */
export function lookerAbove({ units }: Mentions): string | undefined {
  return units.find(
    ({ role, mentions: { looksAbove } }) =>
      role !== 'library' && (looksAbove === 'plainly' || (role === 'own' && looksAbove !== 'no')),
  )?.package;
}

function withWords({ variables, names, words }: SourceMentions): SourceMentions {
  return { ...emptyMentions, variables, names: new Set([...names, ...words]) };
}

export function isIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{1,127}$/.test(name);
}

/** The same of one source, without those that cargo sets. */
export function variableNames(
  { variables, names }: Pick<SourceMentions, 'variables' | 'names'>,
  isSet: (name: string) => boolean,
): readonly string[] {
  const others = [...names].filter((name) => isVariableName(name) || isSet(name));
  return [...variables, ...others].filter((name) => !isSetByCargo(name) && !notCompared.has(name));
}

/**
 * `PATH`: its programs are compared one by one, as far as they steer a build. `_`: a shell keeps the
 * path of its latest command in it, and in sources the string is a separator.
 */
const notCompared: ReadonlySet<string> = new Set(['PATH', '_', 'XCACHE_DISABLE', 'XCACHE_VERIFY']);

async function mentionsOfAll(
  own: StoredUnit | undefined,
  libraries: readonly StoredUnit[],
  context: ReadContext,
): Promise<Mentions | undefined> {
  const units: UnitMentions[] = [];
  for (const unit of own === undefined ? libraries : [own, ...libraries]) {
    const mentions = await mentionsOf(unit, unit === own ? 'whole' : 'gated', context);
    if (mentions === undefined) return undefined;
    const role = unit === own ? 'own' : isProcMacro(unit) ? 'macro' : 'library';
    units.push({ package: unit.facts.package, role, mentions });
  }
  return { ...mergeMentions(units.map(({ mentions }) => mentions)), units };
}

/** All that was stored of what a unit was built with; undefined where one of it is not known here. */
function dependenciesOf(unit: StoredUnit, units: UnitTable): readonly StoredUnit[] | undefined {
  const found: StoredUnit[] = [];
  for (const { unitKey } of unit.facts.dependencies) {
    const dependency = units.get(unitKey);
    if (dependency?.state !== 'stored') return undefined;
    found.push(dependency);
  }
  return found;
}

/** All libraries and macros, however far away; `isEnd` units without what is behind them. */
function unitsBehind(
  stored: readonly StoredUnit[],
  units: UnitTable,
  isEnd: (unit: StoredUnit) => boolean = () => false,
): readonly StoredUnit[] | undefined {
  const found = new Map<string, StoredUnit>();
  const pending = [...stored];
  for (let unit = pending.pop(); unit !== undefined; unit = pending.pop()) {
    if (unit.facts.kind !== 'lib' || found.has(unit.unitKey)) continue;
    found.set(unit.unitKey, unit);
    if (isEnd(unit)) continue;
    const dependencies = dependenciesOf(unit, units);
    if (dependencies === undefined) return undefined;
    pending.push(...dependencies);
  }
  return [...found.values()];
}

/** Units remembered for the life of the service; a large workspace has a few thousand. */
const knownMax = 10_000;

/** By manifest, which never changes its meaning: its inputs have their digests in it. */
const known = new Map<string, SourceMentions>();

/** `gated`: names only of units that use their surroundings at all. */
async function mentionsOf(
  unit: StoredUnit,
  extent: 'whole' | 'gated',
  context: ReadContext,
): Promise<SourceMentions | undefined> {
  const key = `${extent} ${unit.id}`;
  const remembered = known.get(key);
  if (remembered !== undefined) return remembered;
  const sources = await readSources(unit, extent, context);
  if (sources === undefined) return undefined;
  const found = extent === 'whole' ? wholeMentions(sources) : gatedMentions(sources);
  const mentions = {
    ...found,
    computesNames: mayComputeNames(unit, found, sources),
    looksAbove: extent === 'whole' ? climbOf(unit, sources) : found.looksAbove,
  };
  if (known.size >= knownMax) known.clear();
  known.set(key, mentions);
  return mentions;
}

/** A text that is no Rust may read what it likes; its names count word by word. */
function mayComputeNames(
  { facts }: StoredUnit,
  { readsComputedVariable }: SourceMentions,
  sources: readonly UnitSource[],
): boolean {
  if (!readsComputedVariable || isKnownReader(facts.package)) return false;
  const rust = sources.filter(({ path }) => path.endsWith('.rs'));
  return computesNames(rust.map(({ text }) => text));
}

/** Of all sources together: one may have the place, and another one go up from there. */
function climbOf(
  { facts }: StoredUnit,
  sources: readonly UnitSource[],
): SourceMentions['looksAbove'] {
  if (staysInOutDir(facts.package)) return 'no';
  const rust = sources.filter(({ path }) => path.endsWith('.rs'));
  return looksAbove(rust.flatMap(({ text }) => [...withoutTests(tokenizeRust(text).tokens)]));
}

interface UnitSource {
  readonly path: string;
  readonly text: string;
}

function wholeMentions(sources: readonly UnitSource[]): SourceMentions {
  return mergeMentions(
    sources.map(({ path, text }) => {
      if (path.endsWith('.rs')) return sourceMentions(text);
      return isPlainText(path) ? dataMentions(text) : textMentions(text);
    }),
  );
}

/** Most libraries use nothing but what they are given; syn alone has 50,000 lines. */
function gatedMentions(sources: readonly UnitSource[]): SourceMentions {
  const rust = sources.filter(({ path }) => path.endsWith('.rs'));
  const interesting = wholeMentions(rust.filter(({ text }) => mayMention(text)));
  const isUser =
    interesting.touchesEnvironment ||
    interesting.startsPrograms ||
    interesting.readsFiles ||
    interesting.readsArguments ||
    interesting.countsProcessors ||
    interesting.probesPath !== 'no';
  if (isUser) return { ...wholeMentions(rust), words: new Set() };
  return { ...emptyMentions, usesPkgConfig: interesting.usesPkgConfig };
}

/** Undefined where one cannot be read, or is not what was compiled. */
async function readSources(
  { facts }: StoredUnit,
  extent: 'whole' | 'gated',
  context: ReadContext,
): Promise<readonly UnitSource[] | undefined> {
  const sources: UnitSource[] = [];
  for (const { kind, root, paths } of facts.inputs) {
    for (const path of kind === 'files' ? paths : []) {
      // Libraries include texts as their documentation; a script, to take names from them.
      if (extent === 'gated' && isPlainText(path)) continue;
      const text = await readSource(resolve(root, path), context);
      if (text === undefined) return undefined;
      sources.push({ path, text });
    }
  }
  return inputMisfit(facts, context.inputs) === undefined ? sources : undefined;
}

function isPlainText(path: string): boolean {
  return /\.(?:md|txt)$/.test(path);
}

async function readSource(path: string, { host }: ReadContext): Promise<string | undefined> {
  if (host.isBelowOwnMount(path)) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch {
    // Gone since it was compiled.
    return undefined;
  }
}

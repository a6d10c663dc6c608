/** Which programs the run of a build script could start (rule 12), by what its sources mention. */
import {
  compilerTools,
  isCompilerName,
  isProgramUse,
  nativeTools,
  startsAnything,
} from '../cargo/native-programs.js';
import { type SourceMentions } from '../cargo/mention-sets.js';
import { isProgramName, isVariableName } from '../cargo/text-mentions.js';
import { environmentOfTool, programWords, type ToolIdentities } from '../host/tools.js';
import type { UnitFacts } from './unit-facts.js';
import type { Mentions, UnitMentions } from './unit-mentions.js';

export interface ScriptTools {
  /** Names that count whether there is such a program or not. */
  readonly names: ReadonlySet<string>;
  /** Names that count where there is such a program: strings that may mean something else. */
  readonly candidates: ReadonlySet<string>;
  /** Words that may be names of programs, and count whether there is one or not. */
  readonly probed: ReadonlySet<string>;
  /** It may start a compiler, or anything: then variables that steer those count. */
  readonly isSteered: boolean;
  /** It may start anything: a shell, an interpreter, a build system. */
  readonly isOpen: boolean;
  /** It, or a library of it, may hand files of the package to a shell or build system. */
  readonly runsTexts: boolean;
}

/**
 * A script that starts only the compiler of Rust needs no tool. One that names a compiler for C, or
 * has a library that starts what it is told to, may start all that belongs to one; one that names a
 * shell, an interpreter or a build system may start anything.
 */
export function toolsMentioned({ units, startsPrograms, probesPath }: Mentions): ScriptTools {
  const isUser = startsPrograms || probesPath !== 'no';
  const used = units.map((unit) => toolsOfUnit(unit, isUser));
  const names = new Set(used.flatMap((each) => each.names));
  const candidates = new Set(used.flatMap((each) => each.candidates));
  const isOpen = used.some((each) => each.isOpen);
  const isSteered = isOpen || used.some((each) => each.isCompiling);
  if (isSteered) for (const name of compilerTools) names.add(name);
  for (const name of [...candidates, ...used.flatMap(({ sure }) => sure)]) {
    if (/^python[0-9.]*$/.test(name)) names.add(environmentOfTool(name));
  }
  if (isOpen) for (const name of nativeTools) names.add(name);
  const probed = new Set(used.flatMap((each) => each.probed));
  const runsTexts = isOpen || units.some(({ mentions }) => runsBuildSystem(mentions));
  return { names, candidates, probed, isSteered, isOpen, runsTexts };
}

/** The cmake and autotools crates are told nothing but where the package is. */
function runsBuildSystem({ startsPrograms, names }: SourceMentions): boolean {
  return startsPrograms && buildSystems.some((name) => names.has(name));
}

const buildSystems = ['cmake', 'make', 'gmake', 'configure', 'meson', 'ninja', 'autoreconf'];

interface UnitTools {
  readonly sure: readonly string[];
  readonly names: readonly string[];
  readonly candidates: readonly string[];
  readonly probed: readonly string[];
  /** It may start anything. */
  readonly isOpen: boolean;
  readonly isCompiling: boolean;
}

/**
 * Literals of the script itself count if any library of it starts programs or looks for them. Those
 * of libraries that run compilers are lists of all compilers that there are: what is not on PATH
 * does not count.
 */
function toolsOfUnit({ role, mentions }: UnitMentions, isUser: boolean): UnitTools {
  const sure = [...mentions.programs].filter((name) => isProgramUse(name, true));
  const isUserItself = mentions.startsPrograms || mentions.probesPath !== 'no';
  const others = isUserItself || (role === 'own' && isUser) ? possibleNames(mentions) : [];
  const names = [...sure, ...others.filter(isKnownTool)];
  if (role !== 'own') {
    // What it is told to start is a literal of the script, or one of its own.
    const isCompiling = mentions.hasComputedCommand || hasCompiler(mentions);
    const isProbing =
      mentions.probesPath === 'by-crate' || (mentions.probesPath === 'by-hand' && !isCompiling);
    const probed = isProbing ? others.filter(mayBeProbed) : [];
    const isOpen = sure.some(startsAnything);
    return { sure, names, candidates: others, probed, isOpen, isCompiling };
  }
  const isOpen = mentions.hasComputedCommand || [...sure, ...others].some(startsAnything);
  if (mentions.hasComputedCommand) {
    names.push(...others.filter((name) => /^[a-z][a-z0-9+_.-]*$/.test(name)));
  }
  const isCompiling = hasCompiler({ ...mentions, startsPrograms: isUser });
  const probed = others.filter(mayBeProbed);
  return { sure, names, candidates: others, probed, isOpen, isCompiling };
}

function hasCompiler({ names, programs, startsPrograms }: SourceMentions): boolean {
  return [...programs].some(isCompilerName) || (startsPrograms && [...names].some(isCompilerName));
}

/** With the programs that values of variables name, where there are such; null where none counts. */
export function identifyScriptTools(
  { names, candidates, probed }: Pick<ScriptTools, 'names' | 'candidates' | 'probed'>,
  values: readonly string[],
  packageRoot: string,
  tools: ToolIdentities,
): UnitFacts['tools'] {
  const found = new Map<string, string | null>();
  const fromValues = values.flatMap((value) => programWords(value, packageRoot));
  for (const name of [...candidates, ...fromValues]) {
    const identity = tools.identify(name);
    if (identity !== null) found.set(name, identity);
  }
  for (const name of [...names, ...probed]) found.set(name, tools.identify(name));
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.length === 0 ? null : Object.fromEntries(sorted);
}

function possibleNames({ names }: SourceMentions): readonly string[] {
  return [...names].filter((name) => isProgramName(name) && isProgramUse(name, false));
}

/** Not options and versions, nor what looks like a variable. */
function mayBeProbed(name: string): boolean {
  return /^(?:[A-Za-z]|\/[^/]+\/)/.test(name) && name.length > 1 && !isVariableName(name);
}

function isKnownTool(name: string): boolean {
  return nativeTools.includes(name) || startsAnything(name);
}

/** Which programs the run of a build script could start (rule 12), by what its sources mention. */
import {
  compilerTools,
  isCompilerName,
  isProgramUse,
  nativeTools,
  startsAnything,
} from '../../cargo/environment.js';
import { isProgramName, type SourceMentions } from '../../cargo/source-mentions.js';
import { environmentOfTool, programWords, type ToolIdentities } from '../host/tools.js';
import type { UnitFacts } from './unit-facts.js';
import type { Mentions, UnitMentions } from './unit-mentions.js';

export interface ScriptTools {
  /** Names that count whether there is such a program or not. */
  readonly names: ReadonlySet<string>;
  /** Names that count where there is such a program: strings that may mean something else. */
  readonly candidates: ReadonlySet<string>;
  /** It may start a compiler, or anything: then variables that steer those count. */
  readonly isSteered: boolean;
  /** It may start anything: a shell, an interpreter, a build system. */
  readonly isOpen: boolean;
}

/**
 * A script that starts only the compiler of Rust needs no tool. One that names a compiler for C, or
 * has a library that starts what it is told to, may start all that belongs to one; one that names a
 * shell, an interpreter or a build system may start anything.
 */
export function toolsMentioned({ units, startsPrograms }: Mentions): ScriptTools {
  const used = units.map((unit) => toolsOfUnit(unit, startsPrograms));
  const names = new Set(used.flatMap((each) => each.names));
  const candidates = new Set(used.flatMap((each) => each.candidates));
  const isOpen = used.some((each) => each.isOpen);
  const isSteered = isOpen || used.some((each) => each.isCompiling);
  if (isSteered) for (const name of compilerTools) names.add(name);
  for (const name of [...candidates, ...used.flatMap(({ sure }) => sure)]) {
    if (/^python[0-9.]*$/.test(name)) names.add(environmentOfTool(name));
  }
  if (isOpen) for (const name of nativeTools) names.add(name);
  return { names, candidates, isSteered, isOpen };
}

interface UnitTools {
  readonly sure: readonly string[];
  readonly names: readonly string[];
  readonly candidates: readonly string[];
  /** It may start anything. */
  readonly isOpen: boolean;
  readonly isCompiling: boolean;
}

/** Literals of the script itself count if any library of it starts programs. */
function toolsOfUnit({ role, mentions }: UnitMentions, startsPrograms: boolean): UnitTools {
  const sure = [...mentions.programs].filter((name) => isProgramUse(name, true));
  const others =
    mentions.startsPrograms || (role === 'own' && startsPrograms) ? possibleNames(mentions) : [];
  const names = [...sure, ...others.filter(isKnownTool)];
  if (role !== 'own') {
    // What it is told to start is a literal of the script, or one of its own.
    const isCompiling = mentions.hasComputedCommand || hasCompiler(mentions);
    return { sure, names, candidates: others, isOpen: sure.some(startsAnything), isCompiling };
  }
  const isOpen = mentions.hasComputedCommand || [...sure, ...others].some(startsAnything);
  if (mentions.hasComputedCommand) {
    names.push(...others.filter((name) => /^[a-z][a-z0-9+_.-]*$/.test(name)));
  }
  const isCompiling = hasCompiler({ ...mentions, startsPrograms });
  return { sure, names, candidates: others, isOpen, isCompiling };
}

function hasCompiler({ names, programs, startsPrograms }: SourceMentions): boolean {
  return [...programs].some(isCompilerName) || (startsPrograms && [...names].some(isCompilerName));
}

/** With the programs that the values of variables name; null where none counts at all. */
export function identifyScriptTools(
  { names, candidates }: ScriptTools,
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
  for (const name of names) found.set(name, tools.identify(name));
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.length === 0 ? null : Object.fromEntries(sorted);
}

function possibleNames({ names }: SourceMentions): readonly string[] {
  return [...names].filter((name) => isProgramName(name) && isProgramUse(name, false));
}

function isKnownTool(name: string): boolean {
  return nativeTools.includes(name) || startsAnything(name);
}

/**
 * Whether a compiled unit depends on where its build-dir lies (rules 10 and 11). rustc's `.d` file
 * lists every variable that `env!` read; a path in one of them may be in the unit's code, be it only
 * as its length, so the unit's bytes prove nothing. What can be proved is the common harmless case:
 * the variable does nothing but name a file to include, whose content is what matters.
 */
import { findEnvironmentUses } from './environment-uses.js';
import type { EnvironmentUse } from './environment-uses.js';
import { namesPath, withoutDirectories } from './path-text.js';
import type { EnvDependency } from './rustc-dep-file.js';

export interface PathBearingQuestion {
  /** As the `.d` file lists them. */
  readonly environment: readonly EnvDependency[];
  /** Texts of all sources that the `.d` file lists, generated ones included; read only if needed. */
  readonly sources: Iterable<string>;
  /** Absolute paths at the unit's origin, as cargo saw them. */
  readonly buildDir: string;
  readonly workspaceRoot: string;
  /** Packages below it stand at the same place for every workspace. */
  readonly cargoHome?: string;
}

/** Stable words. */
export type BindingReason =
  'no-visible-use' | 'used-as-value' | 'computed-name' | 'unreadable-source';

export type PathBearing =
  | { readonly verdict: 'portable' }
  | { readonly verdict: 'bound'; readonly variable: string; readonly reason: BindingReason };

/** `bound` means: to be served only where build-dir and workspace have the very same paths. */
export function judgePathBearing(question: PathBearingQuestion): PathBearing {
  const bearing = new Set<string>();
  for (const [name, value] of question.environment) {
    if (value !== undefined && isPathBearing(name, value, question)) bearing.add(name);
  }
  const [first] = bearing;
  if (first === undefined) return { verdict: 'portable' };
  const included = new Set<string>();
  for (const source of question.sources) {
    const { uses, isReadable } = findEnvironmentUses(source, bearing);
    const use = uses.find((candidate) => isHarmful(candidate, bearing));
    if (use !== undefined) return bound(use.variable ?? first, reasonOf(use));
    if (!isReadable) return bound(first, 'unreadable-source');
    for (const { variable } of uses) if (variable !== undefined) included.add(variable);
  }
  for (const variable of bearing) {
    if (!included.has(variable)) return bound(variable, 'no-visible-use');
  }
  return { verdict: 'portable' };
}

/** One sentence for people, about the variable. */
export function describeBinding(reason: BindingReason): string {
  return sentences[reason];
}

const sentences: Readonly<Record<BindingReason, string>> = {
  'no-visible-use': 'it holds a path and is read by code that a macro generates',
  'used-as-value': 'it holds a path and is used for more than naming a file to include',
  'computed-name': 'it holds a path and a macro computes which variable it reads',
  'unreadable-source': 'it holds a path and a source that may use it cannot be read as Rust',
};

function bound(variable: string, reason: BindingReason): PathBearing {
  return { verdict: 'bound', variable, reason };
}

function isHarmful(use: EnvironmentUse, bearing: ReadonlySet<string>): boolean {
  if (use.form === 'computed') return true;
  return use.form === 'value' && use.variable !== undefined && bearing.has(use.variable);
}

function reasonOf(use: EnvironmentUse): BindingReason {
  return use.form === 'computed' ? 'computed-name' : 'used-as-value';
}

/** Paths into the build-dir that cargo sets for rustc (`core/compiler/mod.rs`, `artifact.rs`). */
const buildDirVariable =
  /^(?:OUT_DIR|CARGO_TARGET_TMPDIR|CARGO_BIN_EXE_.*|CARGO_(?:BIN|CDYLIB|STATICLIB)_(?:DIR|FILE)_.*)$/s;
/** Paths of the package: the same everywhere for packages below CARGO_HOME. */
const packageVariable = /^CARGO_MANIFEST_(?:DIR|PATH)$/;

function isPathBearing(name: string, value: string, question: PathBearingQuestion): boolean {
  if (buildDirVariable.test(name)) return true;
  if (packageVariable.test(name) && isBelowCargoHome(value, question.cargoHome)) return false;
  const rest = question.cargoHome
    ? withoutDirectories(value, sourceDirectories(question.cargoHome))
    : value;
  return [question.buildDir, question.workspaceRoot].some(
    (root) => root !== '' && root !== '/' && namesPath(rest, root),
  );
}

/**
 * Where CARGO_HOME has sources, which are the same for every workspace; not so the rest of it, below
 * which a workspace may lie.
 */
export function sourceDirectories(cargoHome: string): readonly string[] {
  return [`${cargoHome}/registry/src`, `${cargoHome}/git/checkouts`];
}

function isBelowCargoHome(value: string, cargoHome: string | undefined): boolean {
  if (cargoHome === undefined || value.split('/').includes('..')) return false;
  return sourceDirectories(cargoHome).some((sources) => value.startsWith(`${sources}/`));
}

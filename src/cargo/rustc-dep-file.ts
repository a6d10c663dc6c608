/**
 * The makefile-like `.d` file that rustc writes beside its outputs. Cargo translates it into its own
 * dep-info and leaves out the variables it sets itself; here they all stand (rule 10). Read as
 * cargo reads it (1.95.0, f2d3ce0bd, `core/compiler/fingerprint/dep_info.rs`,
 * `parse_rustc_dep_info`); written by rustc's `rustc_interface/src/passes.rs`, `write_out_deps`.
 */
import { cargoFileBytesMax } from '../base/limits.js';

/** A variable that `env!` or `option_env!` read; undefined for "was not set". */
export type EnvDependency = readonly [name: string, value: string | undefined];

export interface RustcDepFile {
  /** Outputs of the compilation, in the file's order; the `.d` file itself is one of them. */
  readonly targets: readonly string[];
  /** Files that rustc read, the crate root first; relative paths are relative to its directory. */
  readonly sources: readonly string[];
  readonly env: readonly EnvDependency[];
}

/** Undefined where no rule names a source or an escape is unknown. */
export function parseRustcDepFile(text: string): RustcDepFile | undefined {
  if (text.length > cargoFileBytesMax) return undefined;
  const targets: string[] = [];
  const sources = new Set<string>();
  const env: EnvDependency[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith(envPrefix)) {
      const variable = parseVariable(line.slice(envPrefix.length));
      if (variable === undefined) return undefined;
      env.push(variable);
      continue;
    }
    const colon = line.startsWith('#') ? -1 : line.indexOf(': ');
    if (colon < 0) continue;
    const names = splitNames(line.slice(colon + 2));
    if (names === undefined) return undefined;
    targets.push(line.slice(0, colon).replaceAll('\\ ', ' '));
    for (const name of names) sources.add(name);
  }
  return sources.size === 0 ? undefined : { targets, sources: [...sources], env };
}

const envPrefix = '# env-dep:';

/** Names are separated by spaces; a space in a name has a backslash before it, a backslash has none. */
function splitNames(text: string): readonly string[] | undefined {
  const names: string[] = [];
  let name = '';
  for (let at = 0; at < text.length;) {
    const space = text.indexOf(' ', at);
    const end = space < 0 ? text.length : space;
    const piece = text.slice(at, end);
    at = end + 1;
    if (piece.endsWith('\\')) {
      if (space < 0) return undefined;
      name += `${piece.slice(0, -1)} `;
      continue;
    }
    if (name + piece !== '') names.push(name + piece);
    name = '';
  }
  return name === '' ? names : [...names, name];
}

function parseVariable(text: string): EnvDependency | undefined {
  const equals = text.indexOf('=');
  const name = unescapeVariable(equals < 0 ? text : text.slice(0, equals));
  if (name === undefined) return undefined;
  if (equals < 0) return [name, undefined];
  const value = unescapeVariable(text.slice(equals + 1));
  return value === undefined ? undefined : [name, value];
}

/** rustc puts a variable on one line: `\n`, `\r` and `\\` stand for the characters. */
function unescapeVariable(text: string): string | undefined {
  if (!text.includes('\\')) return text;
  if (text.replace(knownEscape, '').includes('\\')) return undefined;
  return text.replace(knownEscape, (escape) => escapes[escape] ?? '');
}

const knownEscape = /\\[nr\\]/g;
const escapes: Readonly<Record<string, string>> = { '\\n': '\n', '\\r': '\r', '\\\\': '\\' };

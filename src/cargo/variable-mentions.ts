/**
 * Mentions of variables where nothing declares them. A macro may pick one up: rustc's `.d` file tells
 * that a variable was read, not whether the crate's own source or a macro of another crate wrote
 * that use (rule 11). A build script may read one at run time and tell cargo nothing of it (rule 12).
 */
import { isSetByCargo } from './environment.js';
import { findEnvironmentUses, isRuntimeArgument } from './environment-uses.js';
import { tokenizeRust, type RustToken } from './rust-lexer.js';

/**
 * Whether a Rust source has the name in a string literal other than those that only name a file to
 * include. Code that a procedural macro writes, and the names it looks up while it runs, stand in
 * string literals or in quoted `env!("NAME")`. Where no macro runs the code (`isRunByMacros` is
 * false), `env::var("NAME")` is none either, unless the source defines macros, which may take it apart.
 */
export function mentionsBeyondIncludes(
  source: string,
  variable: string,
  isRunByMacros: boolean,
): boolean {
  if (!source.includes(variable)) return false;
  const { tokens, isTruncated } = tokenizeRust(source);
  if (isTruncated) return true;
  const isRead = isRunByMacros || tokens.some(definesMacro);
  const mentions = tokens.filter(
    ({ kind, text }, at) =>
      kind === 'string' &&
      text.includes(variable) &&
      (isRead || text !== variable || !isRuntimeArgument(tokens, at)),
  );
  const { uses } = findEnvironmentUses(source, new Set([variable]));
  const includes = uses.filter((use) => use.form === 'include' && use.variable === variable);
  return mentions.length > includes.length;
}

function definesMacro({ kind, text }: RustToken): boolean {
  return kind === 'word' && (text === 'macro_rules' || text === 'macro');
}

/**
 * `PATH`: its programs are compared one by one, as far as they steer a build. `_`: a shell keeps the
 * path of its latest command in it, and in sources the string is a separator. The others are ours.
 */
const notCompared: ReadonlySet<string> = new Set(['PATH', '_', 'XCACHE_DISABLE', 'XCACHE_VERIFY']);

/**
 * Names that stand as a string in the source of a build script and may be those of variables that it
 * reads: all in capitals, and of the others those that are set (`isSet`). A name that is put together
 * at run time, or that a library of the script reads, is not found.
 */
export function scriptVariables(
  source: string,
  isSet: (name: string) => boolean,
): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [, name = ''] of source.matchAll(/"([A-Za-z_][A-Za-z0-9_]*)"/g)) {
    if (isSetByCargo(name) || notCompared.has(name)) continue;
    if (/^[A-Z][A-Z0-9_]+$/.test(name) || isSet(name)) found.add(name);
  }
  return found;
}

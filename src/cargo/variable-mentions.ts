/**
 * Mentions of variables where nothing declares them. A macro may pick one up: rustc's `.d` file tells
 * that a variable was read, not whether the crate's own source or a macro of another crate wrote
 * that use (rule 11).
 */
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

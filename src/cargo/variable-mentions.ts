/**
 * Mentions of a variable where a macro may pick them up: rustc's `.d` file tells that a variable was
 * read, not whether the crate's own source or a macro of another crate wrote that use (rule 11).
 */
import { findEnvironmentUses } from './environment-uses.js';
import { tokenizeRust } from './rust-lexer.js';

/**
 * Whether a Rust source has the name in a string literal other than those that only name a file to
 * include. Code that a procedural macro writes, and the names it looks up while it runs, stand in
 * string literals or in quoted `env!("NAME")`.
 */
export function mentionsBeyondIncludes(source: string, variable: string): boolean {
  if (!source.includes(variable)) return false;
  const { tokens, isTruncated } = tokenizeRust(source);
  if (isTruncated) return true;
  const mentions = tokens.filter(({ kind, text }) => kind === 'string' && text.includes(variable));
  const { uses } = findEnvironmentUses(source, new Set([variable]));
  const includes = uses.filter((use) => use.form === 'include' && use.variable === variable);
  return mentions.length > includes.length;
}

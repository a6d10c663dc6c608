/**
 * Files that assembler text within Rust source reads: `.incbin` and `.include`. The assembler opens
 * them, so they stand in no list of sources that rustc writes.
 */
import { tokenizeRust } from './rust-lexer.js';

/** Whether a source can have such a text; much faster than looking closely. */
export function mayIncludeInAsm(source: Buffer): boolean {
  return source.includes('.incbin') || source.includes('.include');
}

/** Whether a source passes text to the assembler, or defines a macro that does. */
export function hasAsm(source: string): boolean {
  return /\b(?:global_|naked_)?asm\s*!/.test(source);
}

/**
 * The paths in the string literals of a source, `''` for one that is not written out there. Comments
 * do not count.
 */
export function asmIncludes(source: string): readonly string[] {
  const { tokens, isTruncated } = tokenizeRust(source);
  const texts = isTruncated
    ? [source]
    : tokens.filter(({ kind }) => kind === 'string').map(({ text }) => text);
  const found: string[] = [];
  for (const text of texts) {
    for (const [, path] of text.matchAll(directive)) {
      // A brace is the place of an operand.
      found.push(path === undefined || path.includes('{') ? '' : path);
    }
  }
  return [...new Set(found)];
}

const directive = /\.(?:incbin|include)\b(?:\s*\\?"([^"\\\n]+)\\?")?/g;

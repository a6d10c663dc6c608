/** What of a Rust source only its tests have: they do not run when a script or macro does. */
import { itemModifiers, items } from './mention-words.js';
import type { RustToken } from './rust-lexer.js';

const testAttribute: readonly string[] = ['#', '[', 'cfg', '(', 'test', ')', ']'];
const nothing: RustToken = { kind: 'other', text: '' };

/** The tokens without items, fields and arms under `#[cfg(test)]`. */
export function withoutTests(tokens: readonly RustToken[]): readonly RustToken[] {
  const kept: RustToken[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] ?? nothing;
    const last = token.text === '#' ? behindTest(tokens, at) : at;
    if (last === at) kept.push(token);
    at = last;
  }
  return kept;
}

/**
 * The last token of what only tests have: an item (`#[cfg(test)] mod tests { … }`), a field, an
 * arm of a match. Of what has no end that is plain, too little is left out.
 */
function behindTest(tokens: readonly RustToken[], at: number): number {
  const isTest = testAttribute.every((text, index) => tokens[at + index]?.text === text);
  if (!isTest) return at;
  let isItem: boolean | undefined;
  let depth = 0;
  for (let end = at + testAttribute.length; end < tokens.length; end += 1) {
    const { kind, text } = tokens[end] ?? nothing;
    if (kind === 'word' && depth === 0 && !itemModifiers.has(text)) isItem ??= items.has(text);
    if (kind !== 'mark') continue;
    if ('{(['.includes(text)) depth += 1;
    if ('})]'.includes(text)) depth -= 1;
    if (depth < 0) return end - 1;
    const isEnd = text === '}' || text === ';' || (text === ',' && isItem !== true);
    if (depth === 0 && isEnd) return end;
  }
  return tokens.length;
}

/**
 * Splits Rust source into tokens, as far as it takes to see which macros are called with which
 * string literals: comments are gone, strings have their value, everything else is a word or a mark
 * (Rust reference, "Lexical structure"). No source makes it fail; one that rustc would not accept
 * gives tokens of no meaning.
 */

export interface RustToken {
  /**
   * `bytes` is a byte string or C string. `other` is a literal without interest: character, number,
   * lifetime.
   */
  readonly kind: 'word' | 'string' | 'bytes' | 'mark' | 'other';
  /** The word, the number, the string's value, the mark's character; `''` for others. */
  readonly text: string;
}

/** The tokens of a source, and whether it ended within a comment or string. */
export interface RustTokens {
  readonly tokens: readonly RustToken[];
  readonly isTruncated: boolean;
}

export function tokenizeRust(source: string): RustTokens {
  const lexer = new Lexer(source);
  const tokens: RustToken[] = [];
  for (let token = lexer.next(); token !== undefined; token = lexer.next()) tokens.push(token);
  return { tokens, isTruncated: lexer.isTruncated };
}

const space = /[\s\u200e\u200f\ufeff]+/y;
const word = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*/y;
const number = /[0-9][A-Za-z0-9_]*/y;
/** `r"`, `br#"`, `cr##"`, `b"`, `c"`: what may stand before a string's opening quote. */
const prefixedString = /(?:(b|c)?r(#*)|(b|c))"/y;
const character = /b?'(?:\\(?:u\{[^}']*\}|x[0-9A-Fa-f]{2}|.)|[^\\'\n])'/suy;
const other: RustToken = { kind: 'other', text: '' };

class Lexer {
  readonly #source: string;
  #at = 0;
  isTruncated = false;

  constructor(source: string) {
    this.#source = source;
  }

  next(): RustToken | undefined {
    this.#skipSpaceAndComments();
    const first = this.#source[this.#at];
    if (first === undefined) return undefined;
    if (first === '"') return this.#string(this.#at + 1);
    const prefix = this.#take(prefixedString);
    if (prefix) return this.#prefixed(prefix);
    if (this.#take(character)) return other;
    if (first === "'") {
      this.#at += 1;
      this.#take(word);
      return other;
    }
    const found = this.#take(word);
    if (found) return { kind: 'word', text: found[0] };
    const digits = this.#take(number);
    if (digits) return { kind: 'other', text: digits[0] };
    this.#at += 1;
    return { kind: 'mark', text: first };
  }

  #skipSpaceAndComments(): void {
    for (;;) {
      if (this.#take(space)) continue;
      if (this.#source.startsWith('//', this.#at)) this.#skipTo('\n');
      else if (this.#source.startsWith('/*', this.#at)) this.#skipBlockComment();
      else return;
    }
  }

  #skipTo(end: string): void {
    const found = this.#source.indexOf(end, this.#at);
    this.#at = found < 0 ? this.#source.length : found;
  }

  /** Block comments nest. */
  #skipBlockComment(): void {
    const edge = /\/\*|\*\//g;
    edge.lastIndex = this.#at;
    let depth = 0;
    for (let found = edge.exec(this.#source); found !== null; found = edge.exec(this.#source)) {
      depth += found[0] === '/*' ? 1 : -1;
      if (depth > 0) continue;
      this.#at = edge.lastIndex;
      return;
    }
    this.#truncate();
  }

  #prefixed([, rawSort, hashes, sort]: RegExpExecArray): RustToken {
    const token = hashes === undefined ? this.#string(this.#at) : this.#rawString(hashes);
    const isBytes = (rawSort ?? sort) !== undefined && token.kind === 'string';
    return isBytes ? { kind: 'bytes', text: token.text } : token;
  }

  /** The rest of a string whose content starts at `start`. */
  #string(start: number): RustToken {
    let end = start;
    for (; this.#source[end] !== '"'; end += 1) {
      if (end >= this.#source.length) return this.#truncate();
      if (this.#source[end] === '\\') end += 1;
    }
    this.#at = end + 1;
    return { kind: 'string', text: unescapeString(this.#source.slice(start, end)) };
  }

  #rawString(hashes: string): RustToken {
    const start = this.#at;
    const end = this.#source.indexOf(`"${hashes}`, start);
    if (end < 0) return this.#truncate();
    this.#at = end + 1 + hashes.length;
    return { kind: 'string', text: this.#source.slice(start, end) };
  }

  #truncate(): RustToken {
    this.isTruncated = true;
    this.#at = this.#source.length;
    return other;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }
}

const escape = /\\(?:x([0-7][0-9A-Fa-f])|u\{([0-9A-Fa-f_]{1,12})\}|\r?\n\s*|(.))/gs;
const simpleEscapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', 0: '\0' };

function unescapeString(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(escape, (_, hex?: string, unicode?: string, simple?: string) => {
    if (simple !== undefined) return simpleEscapes[simple] ?? simple;
    const digits = hex ?? unicode?.replaceAll('_', '');
    if (digits === undefined) return '';
    const code = Number.parseInt(digits, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : '';
  });
}

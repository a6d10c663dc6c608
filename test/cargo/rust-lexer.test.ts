import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenizeRust } from '../../src/cargo/rust-lexer.js';

const textsOf = (source: string): string[] =>
  tokenizeRust(source).tokens.map(({ kind, text }) => (kind === 'other' ? '_' : text));
const stringsOf = (source: string): string[] =>
  tokenizeRust(source).tokens.flatMap(({ kind, text }) => (kind === 'string' ? text : []));

describe('the Rust lexer', () => {
  it('leaves out comments, nested ones and documentation too', () => {
    const source = '//! "a"\na /* /* "b" */ \' */ b // "c"\n/** "d" */ c /**/ d //';
    expect(textsOf(source)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('gives strings their value', () => {
    expect(stringsOf(String.raw`"a\"b" "\x41\u{42}\n" "OUT\x5fDIR"`)).toEqual([
      'a"b',
      'AB\n',
      'OUT_DIR',
    ]);
    expect(stringsOf('"a\\\n   b"')).toEqual(['ab']);
  });

  it('gives raw strings their text', () => {
    expect(stringsOf('r"a\\" r#"b"c"# r##"d"#"##')).toEqual(['a\\', 'b"c', 'd"#']);
  });

  it('tells byte and C strings from others', () => {
    expect(textsOf('b"x" br#"y"# c"z" cr"w" b\'"\' end')).toEqual(['x', 'y', 'z', 'w', '_', 'end']);
  });

  it('tells characters from lifetimes', () => {
    expect(textsOf(`'"' x '\\'' y 'a z '\\u{1F600}' '😀' &'static str`)).toEqual([
      '_',
      'x',
      '_',
      'y',
      '_',
      'z',
      '_',
      '_',
      '&',
      '_',
      'str',
    ]);
  });

  it('is not led astray by a raw identifier', () => {
    expect(textsOf('r#env "a"')).toEqual(['r', '#', 'env', 'a']);
  });

  it.each(['"a', 'r#"a"', '/* /* */', 'b"'])('says that %j ends too early', (source) => {
    expect(tokenizeRust(source).isTruncated).toBe(true);
  });

  it('says that a comment may end with the source', () => {
    expect(tokenizeRust('a // b').isTruncated).toBe(false);
  });

  it('reads any source to its end', () => {
    const unit = fc.constantFrom(
      '"',
      "'",
      'r',
      'b',
      '#',
      '\\',
      '/',
      '*',
      '\n',
      'a',
      '😀',
      '\u2028',
      '1',
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 60 }), (source) => void tokenizeRust(source)),
    );
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (source) => void tokenizeRust(source)));
  });

  it('takes a time proportional to the source for unusual sources', () => {
    for (const piece of ['/*', '"', "'", 'r#', '\\', '*/', 'b"']) {
      tokenizeRust(piece.repeat(200_000));
    }
  });
});

/**
 * Whether a program reads a variable whose name is not to be found in its source. A name that stands
 * there as a literal counts as it is, whatever hands it on: a function that is called with literals
 * only, a constant, a loop over a list of them. So does one with a part in capitals (`{}_DIR`), of
 * which the variables that fit count. Names are followed by name alone: equal names are one.
 */
import { partOfName } from './name-parts.js';
import { environmentFile, readFunctions } from './mention-words.js';
import { tokenizeRust, type RustToken } from './rust-lexer.js';
import { withoutTests } from './test-items.js';

/** Of all sources of one program together, since its files call each other. */
export function computesNames(sources: readonly string[]): boolean {
  const tokens = sources.flatMap((source) => [...withoutTests(tokenizeRust(source).tokens)]);
  return new NameFlow(tokens).readsUnknown();
}

/** Positions of tokens, the end not included. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** A value that a name may have; undefined where it cannot be told. */
type Value = Range | undefined;

/** Of one value or list of arguments; a longer one is no name, and is not known. */
const tokensMax = 400;

/** The name stays what it is. */
const plainMethods: ReadonlySet<string> = new Set([
  ...['as_ref', 'as_str', 'as_os_str', 'clone', 'into', 'to_owned', 'to_string', 'iter', 'copied'],
  ...['into_iter', 'cloned', 'borrow', 'deref'],
]);

class NameFlow {
  readonly #tokens: readonly RustToken[];
  readonly #values = new Map<string, Value[]>();
  /** By function: its parameters in their order. */
  readonly #functions = new Map<string, string[]>();
  readonly #called = new Set<string>();

  constructor(tokens: readonly RustToken[]) {
    this.#tokens = tokens;
    for (let at = 0; at < tokens.length; at += 1) this.#readBinding(at);
    // Parameters have what any call gives them.
    for (let at = 0; at < tokens.length; at += 1) this.#readCall(at);
    for (const [name, parameters] of this.#functions) {
      if (this.#called.has(name)) continue;
      for (const parameter of parameters) add(this.#values, parameter, undefined);
    }
  }

  readsUnknown(): boolean {
    return this.#tokens.some(({ kind, text }, at) => {
      if (kind === 'string' && environmentFile.test(text)) return true;
      if (kind === 'word' && text === 'environ') return true;
      const isRead = kind === 'word' && readFunctions.has(text) && !this.#is(at - 1, 'fn', '.');
      if (!isRead) return false;
      if (!this.#is(at + 1, '(')) return this.#isHandedOn(at);
      return !this.#isKnown({ start: at + 2, end: this.#endOfArgument(at + 2) }, new Set());
    });
  }

  /** `use env::var as get`, `map(env::var)`. */
  #isHandedOn(at: number): boolean {
    if (this.#is(at + 1, 'as')) return true;
    const isPath = this.#is(at - 1, ':') || this.#tokens[at]?.text !== 'var';
    return isPath && !this.#is(at + 1, ';', ',', '}', ':') ? true : isPath && this.#isArgument(at);
  }

  /** Within brackets of a call, not of a `use`. */
  #isArgument(at: number): boolean {
    for (let before = at - 1; before >= 0; before -= 1) {
      const text = this.#tokens[before]?.text ?? ';';
      if (text === 'use' || text === ';') return false;
      if (text === '(') return true;
    }
    return false;
  }

  #isKnown({ start, end }: Range, seen: Set<string>): boolean {
    let first = start;
    while (first < end && this.#is(first, '&', '*', '(')) first += 1;
    const range = this.#tokens.slice(first, end);
    if (range.some(({ kind, text }) => kind === 'string' && partOfName(text) !== undefined)) {
      return true;
    }
    const [head] = range;
    if (head === undefined) return false;
    const isPlain = range.every(({ kind, text }, at) => {
      if (kind === 'string' || kind === 'bytes' || kind === 'mark' || at === 0) return true;
      return kind === 'word' && (plainMethods.has(text) || this.#isKnownName(text, seen));
    });
    if (!isPlain) return false;
    if (head.kind === 'mark') return range.some(({ kind }) => kind === 'string');
    return head.kind === 'word' ? this.#isKnownName(head.text, seen) : true;
  }

  #isKnownName(name: string, seen: Set<string>): boolean {
    // What leads back to itself adds no value of its own.
    if (seen.has(name)) return true;
    seen.add(name);
    const values = this.#values.get(name) ?? [];
    return (
      values.length > 0 &&
      values.every((value) => value !== undefined && this.#isKnown(value, seen))
    );
  }

  #readBinding(at: number): void {
    const { kind, text } = this.#tokens[at] ?? { kind: 'other', text: '' };
    if (kind === 'mark' && text === '|') this.#readClosure(at);
    if (kind !== 'word') return;
    if (text === 'const' || text === 'static') this.#readValue(at + 1, '=', ';');
    if (text === 'let') this.#readValue(at + (this.#is(at + 1, 'mut') ? 2 : 1), '=', ';');
    if (text === 'for') this.#readValue(at + (this.#is(at + 1, '&') ? 2 : 1), 'in', '{');
    if (text === 'fn') this.#readFunction(at);
  }

  #readValue(at: number, before: string, behind: string): void {
    const name = this.#tokens[at];
    if (name?.kind !== 'word') return;
    const start = this.#find(at, before) + 1;
    add(this.#values, name.text, { start, end: this.#find(start, behind) });
  }

  /** Who calls a closure, and with what, is not followed. */
  #readClosure(at: number): void {
    for (let each = at + 1; each < at + 12 && !this.#is(each, '|', ';', '{'); each += 1) {
      const token = this.#tokens[each];
      if (token?.kind === 'word') add(this.#values, token.text, undefined);
    }
  }

  #readFunction(at: number): void {
    const name = this.#tokens[at + 1];
    const open = this.#find(at, '(');
    const close = this.#endOfBrackets(open);
    if (name?.kind !== 'word') return;
    const parameters: string[] = [];
    for (let each = open + 1; each < close; each = this.#endOfArgument(each) + 1) {
      let start = each;
      while (this.#is(start, '&', 'mut', 'ref')) start += 1;
      const word = this.#tokens[start];
      if (word?.kind === 'word' && word.text !== 'self') parameters.push(word.text);
    }
    this.#functions.set(name.text, parameters);
  }

  #readCall(at: number): void {
    const { kind, text } = this.#tokens[at] ?? { kind: 'other', text: '' };
    const parameters = kind === 'word' ? this.#functions.get(text) : undefined;
    if (parameters === undefined || this.#is(at - 1, 'fn')) return;
    this.#called.add(text);
    // As a value, it is called with anything.
    let start = this.#is(at + 1, '(') ? at + 2 : undefined;
    for (const parameter of parameters) {
      const end = start === undefined ? undefined : this.#endOfArgument(start);
      const isThere = start !== undefined && end !== undefined && end > start;
      add(this.#values, parameter, isThere ? { start: start ?? 0, end } : undefined);
      start = end === undefined ? undefined : end + 1;
    }
  }

  #endOfBrackets(open: number): number {
    const last = Math.min(open + tokensMax, this.#tokens.length);
    let at = open + 1;
    while (at < last && !this.#is(at, ')')) at = this.#endOfArgument(at) + 1;
    return Math.min(at, last);
  }

  /** At the comma or closing bracket behind. */
  #endOfArgument(start: number): number {
    let depth = 0;
    const last = Math.min(start + tokensMax, this.#tokens.length);
    for (let at = start; at < last; at += 1) {
      if (this.#is(at, '(', '[', '{')) depth += 1;
      else if (depth === 0 && this.#is(at, ',', ')', ']', '}')) return at;
      else if (this.#is(at, ')', ']', '}')) depth -= 1;
    }
    return last;
  }

  #find(from: number, text: string): number {
    const end = Math.min(from + tokensMax, this.#tokens.length);
    for (let at = from; at < end; at += 1) if (this.#is(at, text)) return at;
    return end;
  }

  /** A mark or word, not a literal. */
  #is(at: number, ...texts: readonly string[]): boolean {
    const token = this.#tokens[at];
    return (
      token !== undefined &&
      (token.kind === 'mark' || token.kind === 'word') &&
      texts.includes(token.text)
    );
  }
}

function add(values: Map<string, Value[]>, name: string, value: Value): void {
  const known = values.get(name);
  if (known === undefined) values.set(name, [value]);
  else known.push(value);
}

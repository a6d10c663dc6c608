/**
 * A strict JSON reader for cargo's fingerprint files. Their numbers are full unsigned 64-bit values,
 * which `JSON.parse` would round; here every number is a bigint and a fraction or exponent is an
 * error. Also stricter than `JSON.parse`: a repeated key is an error.
 */

export type JsonValue = null | boolean | bigint | string | readonly JsonValue[] | JsonObject;
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** Fingerprint files nest four levels deep. */
const depthMax = 16;

class JsonSyntaxError extends Error {}

/** The value that `text` holds, or undefined where it is not exactly one JSON value of integers. */
export function readJson(text: string): JsonValue | undefined {
  try {
    const reader = new Reader(text);
    const value = reader.value(0);
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

const space = /[\t\n\r ]*/y;
const integer = /-?(?:0|[1-9][0-9]{0,19})(?![0-9.eE])/y;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonValue {
    if (depth > depthMax) throw new JsonSyntaxError();
    this.#match(space);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return BigInt(this.#match(integer));
    }
  }

  end(): void {
    this.#match(space);
    if (this.#at !== this.#text.length) throw new JsonSyntaxError();
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#at += 1;
    if (this.#accept('}')) return members;
    do {
      this.#match(space);
      const key = this.#string();
      if (members.has(key) || !this.#accept(':')) throw new JsonSyntaxError();
      members.set(key, this.value(depth + 1));
    } while (this.#accept(','));
    if (!this.#accept('}')) throw new JsonSyntaxError();
    return members;
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#at += 1;
    if (this.#accept(']')) return items;
    do items.push(this.value(depth + 1));
    while (this.#accept(','));
    if (!this.#accept(']')) throw new JsonSyntaxError();
    return items;
  }

  #string(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') throw new JsonSyntaxError();
    let end = start + 1;
    let isPlain = true;
    for (; this.#text[end] !== '"'; end += 1) {
      if (!(this.#text.charCodeAt(end) >= 0x20)) throw new JsonSyntaxError();
      if (this.#text[end] !== '\\') continue;
      isPlain = false;
      end += 1;
    }
    this.#at = end + 1;
    return isPlain ? this.#text.slice(start + 1, end) : unescaped(this.#text.slice(start, end + 1));
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw new JsonSyntaxError();
    this.#at += word.length;
    return value;
  }

  /** Skips white space and takes `character` if it comes next. */
  #accept(character: string): boolean {
    this.#match(space);
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw new JsonSyntaxError();
    this.#at += found.length;
    return found;
  }
}

function unescaped(literal: string): string {
  try {
    return JSON.parse(literal) as string;
  } catch (cause) {
    throw new JsonSyntaxError('escape', { cause });
  }
}

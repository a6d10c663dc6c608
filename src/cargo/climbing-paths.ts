/**
 * Whether a source may climb from OUT_DIR, or from where its program lies, to the workspace above the
 * build-dir. A path that plainly comes from elsewhere may be climbed: aws-lc-sys looks for Visual
 * Studio above a compiler.
 */
import type { RustToken } from './rust-lexer.js';

export type Climb = 'no' | 'plainly' | 'perhaps';

/**
 * `plainly`: by `ancestors`, `../../..`, more parents than lead to the build-dir, or at the word
 * `target`; `perhaps`: by `parent` or `pop`, where something repeats.
 */
export function looksAbove(tokens: readonly RustToken[]): Climb {
  if (!tokens.some((_token, at) => isOwnPlace(tokens, at))) return 'no';
  if (tokens.some(({ kind, text }) => kind === 'string' && /(?:\.\.\/){3}/.test(text))) {
    return 'plainly';
  }
  if (cutsAtTarget(tokens)) return 'plainly';
  const flow = new PathFlow(tokens);
  const climbs = tokens.flatMap(({ kind, text }, at) => {
    const isStep = kind === 'word' && steps.has(text) && tokens[at - 1]?.text === '.';
    const leads = isStep && !staysInside(tokens, at) && flow.mayComeFromOwnPlace(at - 2);
    return leads ? [{ text, at }] : [];
  });
  if (climbs.some(({ text }) => text === 'ancestors') || climbs.length > buildDirSteps)
    return 'plainly';
  const repeats = tokens.some(({ kind, text }) => kind === 'word' && loops.has(text));
  const climbsOn = climbs.some(({ at }) => repeats || isRepeated(tokens, at));
  return climbsOn ? 'perhaps' : 'no';
}

const steps: ReadonlySet<string> = new Set(['parent', 'ancestors', 'pop']);
const loops: ReadonlySet<string> = new Set(['while', 'loop']);

/** A `for` is in many scripts, and so are these: only what stands within is repeated. */
const repeaters: ReadonlySet<string> = new Set([
  ...['for', 'successors', 'fold', 'try_fold', 'repeat_with', 'from_fn'],
]);

function isRepeated(tokens: readonly RustToken[], at: number): boolean {
  return tokens.some(({ kind, text }, word) => {
    if (word > at || kind !== 'word' || !repeaters.has(text)) return false;
    return at < endOfBrackets(tokens, word, text === 'for' ? '{' : '(');
  });
}

/** Behind the next brackets of this kind. */
function endOfBrackets(tokens: readonly RustToken[], from: number, open: '{' | '('): number {
  const close = open === '{' ? '}' : ')';
  let depth = 0;
  for (let at = from; at < tokens.length; at += 1) {
    const { kind, text } = tokens[at] ?? { kind: 'other', text: '' };
    if (kind !== 'mark') continue;
    if (text === open) depth += 1;
    if (text === close && depth > 0) depth -= 1;
    else continue;
    if (depth === 0) return at;
  }
  return tokens.length;
}

/** `out.split("/target/")`, `components().take_while(|c| c != "target")`: the way up by text. */
function cutsAtTarget(tokens: readonly RustToken[]): boolean {
  const isNamed = tokens.some(({ kind, text }) => kind === 'string' && /^\/?target\/?$/.test(text));
  return isNamed && tokens.some(({ kind, text }) => kind === 'word' && cuts.has(text));
}

const cuts: ReadonlySet<string> = new Set([
  ...['split', 'rsplit', 'splitn', 'rsplitn', 'split_once', 'rsplit_once', 'split_at', 'find'],
  ...['rfind', 'components', 'position', 'rposition', 'take_while', 'skip_while', 'strip_suffix'],
  ...['match_indices', 'rmatch_indices', 'Regex'],
]);

/**
 * The build-dir is four directories above OUT_DIR, and above the program of a script. Scripts go
 * there to put libraries beside the programs, which the mount sees (`side-effects.ts`).
 */
const buildDirSteps = 4;

/** `ancestors().nth(3)`. */
function staysInside(tokens: readonly RustToken[], at: number): boolean {
  const texts = tokens.slice(at + 1, at + 6).map(({ text }) => text);
  const steps = Number(tokens[at + 6]?.text);
  return texts.join('') === '().nth(' && steps <= buildDirSteps;
}

function isOwnPlace(tokens: readonly RustToken[], at: number): boolean {
  const { kind, text } = tokens[at] ?? { kind: 'other', text: '' };
  if (kind === 'word') {
    const isOfEnv = tokens[at - 1]?.text === ':' && tokens[at - 3]?.text === 'env';
    return text === 'current_exe' || ((text === 'args' || text === 'args_os') && isOfEnv);
  }
  // What another script tells of itself lies in its OUT_DIR as a rule.
  return kind === 'string' && /^(?:OUT_DIR$|DEP_|\/proc\/self\/)/.test(text);
}

/** Positions of tokens, the end not included. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** Where the values of local names come from, by name alone: equal names are one. */
class PathFlow {
  readonly #tokens: readonly RustToken[];
  /** What stands behind `let NAME =`. */
  readonly #values = new Map<string, Range[]>();
  readonly #bodies = new Map<string, Range[]>();
  /** Parameters, and what may be given another value later. */
  readonly #unknown = new Set<string>();

  constructor(tokens: readonly RustToken[]) {
    this.#tokens = tokens;
    for (let at = 0; at < tokens.length; at += 1) {
      if (this.#isWord(at, 'let')) this.#readLet(at);
      if (this.#isWord(at, 'fn')) this.#readFunction(at);
    }
  }

  /** Of the receiver of a method whose last token is at `at`. */
  mayComeFromOwnPlace(at: number): boolean {
    const name = this.#tokens[at];
    if (name?.kind !== 'word' || !this.#values.has(name.text)) return true;
    if (this.#unknown.has(name.text)) return true;
    return this.#isTainted(name.text, false, new Set());
  }

  /** A parameter of what is called has what the call gives it, which is looked at where it stands. */
  #isTainted(name: string, isCall: boolean, seen: Set<string>): boolean {
    const key = `${name}${isCall ? '()' : ''}`;
    if (seen.has(key)) return false;
    seen.add(key);
    const ranges = (isCall ? this.#bodies : this.#values).get(name) ?? [];
    return ranges.some((range) => this.#isTaintedRange(range, isCall, seen));
  }

  #isTaintedRange({ start, end }: Range, isBody: boolean, seen: Set<string>): boolean {
    for (let at = start; at < end; at += 1) {
      const token = this.#tokens[at];
      if (token === undefined) break;
      if (isOwnPlace(this.#tokens, at)) return true;
      // A field or method of that name is another thing.
      const isName =
        token.kind === 'word' && this.#tokens[at - 1]?.text !== '.' && !this.#isInPath(at);
      if (!isName) continue;
      const isCall = this.#isFollowedBy(at, '(');
      // What a body uses by name has its value in the same body.
      if (isBody && !isCall) continue;
      if (!isCall && this.#unknown.has(token.text)) return true;
      if (this.#isTainted(token.text, isCall, seen)) return true;
    }
    return false;
  }

  /** `cc` of `cc::Build`. */
  #isInPath(at: number): boolean {
    return this.#isFollowedBy(at, ':') && this.#isFollowedBy(at + 1, ':');
  }

  #isFollowedBy(at: number, mark: string): boolean {
    return this.#tokens[at + 1]?.text === mark;
  }

  #readLet(at: number): void {
    const isMutable = this.#isWord(at + 1, 'mut');
    const name = isMutable ? at + 2 : at + 1;
    const token = this.#tokens[name];
    if (token?.kind !== 'word') return;
    if (isMutable) this.#unknown.add(token.text);
    const start = this.#find(name, '=');
    add(this.#values, token.text, { start: start + 1, end: this.#find(start, ';') });
  }

  #readFunction(at: number): void {
    const name = this.#tokens[at + 1];
    const open = this.#find(at, '(');
    const body = this.#find(open, '{');
    if (name?.kind !== 'word') return;
    for (let each = open; each < body; each += 1) {
      const token = this.#tokens[each];
      if (token?.kind === 'word' && this.#isFollowedBy(each, ':') && !this.#isInPath(each)) {
        this.#unknown.add(token.text);
      }
    }
    add(this.#bodies, name.text, { start: body, end: this.#endOfBlock(body) });
  }

  #endOfBlock(open: number): number {
    let depth = 0;
    for (let at = open; at < this.#tokens.length; at += 1) {
      const { kind, text } = this.#tokens[at] ?? { kind: 'other', text: '' };
      if (kind !== 'mark') continue;
      if (text === '{') depth += 1;
      if (text === '}') depth -= 1;
      if (depth === 0) return at;
    }
    return this.#tokens.length;
  }

  #find(from: number, mark: string): number {
    for (let at = from; at < this.#tokens.length; at += 1) {
      const token = this.#tokens[at];
      if (token?.kind === 'mark' && token.text === mark) return at;
    }
    return this.#tokens.length;
  }

  #isWord(at: number, text: string): boolean {
    const token = this.#tokens[at];
    return token?.kind === 'word' && token.text === text;
  }
}

function add(ranges: Map<string, Range[]>, name: string, range: Range): void {
  const known = ranges.get(name);
  if (known === undefined) ranges.set(name, [range]);
  else known.push(range);
}

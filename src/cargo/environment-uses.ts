/**
 * Finds the places where Rust source reads environment variables at compile time, and tells those
 * that only name a file to include from all others (rule 11).
 */
import { tokenizeRust } from './rust-lexer.js';
import type { RustToken } from './rust-lexer.js';

export interface EnvironmentUse {
  /**
   * `include`: within `include!(concat!(env!(K), "…"))` and the like, where the value selects a file
   * and goes nowhere else. `value`: any other `env!(K)` or `option_env!(K)`, or a string K that a
   * macro may pass to one. `computed`: the name of the variable is not to be seen here.
   */
  readonly form: 'include' | 'value' | 'computed';
  readonly variable: string | undefined;
}

export interface EnvironmentUses {
  readonly uses: readonly EnvironmentUse[];
  /** False where the source ends within a comment or string: it may not be Rust at all. */
  readonly isReadable: boolean;
}

/** Looks for uses of any variable, and for string literals that are one of `variables`. */
export function findEnvironmentUses(
  source: string,
  variables: ReadonlySet<string>,
): EnvironmentUses {
  if (!source.includes('env') && !mentionsAny(source, variables)) {
    return { uses: [], isReadable: true };
  }
  const { tokens, isTruncated } = tokenizeRust(source);
  return { uses: usesIn(tokens, variables), isReadable: !isTruncated };
}

function mentionsAny(source: string, variables: ReadonlySet<string>): boolean {
  for (const variable of variables) if (source.includes(variable)) return true;
  return false;
}

const includeMacros: ReadonlySet<string> = new Set(['include', 'include_str', 'include_bytes']);
const envMacros: ReadonlySet<string> = new Set(['env', 'option_env']);
const builtinMacros: ReadonlySet<string> = new Set([...includeMacros, ...envMacros, 'concat']);
const standardCrates: ReadonlySet<string> = new Set(['core', 'std', 'alloc']);
/** Functions of `std::env` and `Command` that work on the environment when the program runs. */
const runtimeFunctions: ReadonlySet<string> = new Set(['var', 'var_os', 'env', 'env_remove']);
const closingOf: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const nestingMax = 32;

function usesIn(
  tokens: readonly RustToken[],
  variables: ReadonlySet<string>,
): readonly EnvironmentUse[] {
  const uses: EnvironmentUse[] = [];
  let at = 0;
  while (at < tokens.length) {
    const included: string[] = [];
    const end = isBuiltin(tokens, at) ? matchInclude(tokens, at, included) : undefined;
    if (end !== undefined) {
      for (const variable of included) uses.push({ form: 'include', variable });
      at = end;
      continue;
    }
    const use = useAt(tokens, at, variables);
    if (use !== undefined) uses.push(use);
    at += 1;
  }
  return uses;
}

/** Whether a token is the first argument of `env::var` and the like, which run with the program. */
export function isRuntimeArgument(tokens: readonly RustToken[], at: number): boolean {
  return isMark(tokens, at - 1, '(') && isWord(tokens, at - 2, runtimeFunctions);
}

/** The use that the token at `at` starts or is, an accepted include apart. */
function useAt(
  tokens: readonly RustToken[],
  at: number,
  variables: ReadonlySet<string>,
): EnvironmentUse | undefined {
  const token = tokens[at];
  if (token?.kind === 'string' && variables.has(token.text)) {
    return isRuntimeArgument(tokens, at) ? undefined : { form: 'value', variable: token.text };
  }
  if (token?.kind !== 'word') return undefined;
  if (token.text === 'macro_rules' && isMark(tokens, at + 1, '!')) {
    return isWord(tokens, at + 2, builtinMacros) ? computed : undefined;
  }
  if (!envMacros.has(token.text) || !isMark(tokens, at + 1, '!')) return undefined;
  if (!isOpening(tokens, at + 2)) return isMark(tokens, at + 2, '$') ? computed : undefined;
  const name = tokens[at + 3];
  if (name?.kind !== 'string') return computed;
  const isWhole = isMark(tokens, at + 4, ',') || isClosing(tokens, at + 4, at + 2);
  return isWhole ? { form: 'value', variable: name.text } : computed;
}

const computed: EnvironmentUse = { form: 'computed', variable: undefined };

/** Whether the word at `at` is a path of the standard library or no path at all. */
function isBuiltin(tokens: readonly RustToken[], at: number): boolean {
  if (!isWord(tokens, at, includeMacros)) return false;
  if (!isMark(tokens, at - 1, ':')) return !isMark(tokens, at - 1, '#');
  return isWord(tokens, at - 3, standardCrates) && !isWordBeforeColons(tokens, at - 4);
}

function isWordBeforeColons(tokens: readonly RustToken[], at: number): boolean {
  return isMark(tokens, at, ':') && tokens[at - 2]?.kind === 'word';
}

/**
 * Each matcher returns the index behind what it matched, or undefined, and adds the variables that
 * `env!` names on the way.
 */
type Matcher = (
  tokens: readonly RustToken[],
  at: number,
  variables: string[],
  depth?: number,
) => number | undefined;

/** `include!(PATH)`, with any brackets and an optional comma. */
const matchInclude: Matcher = (tokens, at, variables) => {
  if (!isMark(tokens, at + 1, '!')) return undefined;
  const end = matchPathOf(tokens, at + 3, variables);
  return end === undefined ? undefined : closeCall(tokens, end, at + 2);
};

/** `env!("K")` or `concat!(…)`, with `core::`, `std::` or `alloc::` before it. */
const matchPathOf: Matcher = (tokens, at, variables, depth = 0) => {
  if (depth > nestingMax) return undefined;
  const start = skipStandardPath(tokens, at);
  if (!isMark(tokens, start + 1, '!')) return undefined;
  if (tokens[start]?.text === 'env') return matchEnv(tokens, start, variables);
  return tokens[start]?.text === 'concat'
    ? matchConcat(tokens, start, variables, depth + 1)
    : undefined;
};

/** `env!("K")` and `env!("K", "message")`. */
const matchEnv: Matcher = (tokens, at, variables) => {
  const name = tokens[at + 3];
  if (name?.kind !== 'string') return undefined;
  const hasMessage = isMark(tokens, at + 4, ',') && tokens[at + 5]?.kind === 'string';
  const end = closeCall(tokens, at + (hasMessage ? 6 : 4), at + 2);
  if (end !== undefined) variables.push(name.text);
  return end;
};

/** `concat!(a, b, …)` of literals, `stringify!(…)`, macro parameters and further such calls. */
const matchConcat: Matcher = (tokens, at, variables, depth = 0) => {
  let next = at + 3;
  for (;;) {
    const end = matchPiece(tokens, next, variables, depth);
    if (end === undefined) return undefined;
    const closed = closeCall(tokens, end, at + 2);
    if (closed !== undefined) return closed;
    if (!isMark(tokens, end, ',')) return undefined;
    next = end + 1;
  }
};

const matchPiece: Matcher = (tokens, at, variables, depth = 0) => {
  const token = tokens[at];
  if (token?.kind === 'string' || token?.kind === 'other') return at + 1;
  if (isMark(tokens, at, '$')) return tokens[at + 1]?.kind === 'word' ? at + 2 : undefined;
  const start = skipStandardPath(tokens, at);
  if (tokens[start]?.text !== 'stringify') return matchPathOf(tokens, at, variables, depth);
  const name = isMark(tokens, start + 3, '$') ? start + 4 : start + 3;
  if (!isMark(tokens, start + 1, '!') || tokens[name]?.kind !== 'word') return undefined;
  return closeCall(tokens, name + 1, start + 2);
};

function skipStandardPath(tokens: readonly RustToken[], at: number): number {
  const isColons = (from: number): boolean =>
    isMark(tokens, from, ':') && isMark(tokens, from + 1, ':');
  const start = isColons(at) ? at + 2 : at;
  if (isWord(tokens, start, standardCrates) && isColons(start + 1)) return start + 3;
  return at;
}

/** Behind the bracket that closes the call opened at `open`, after an optional comma. */
function closeCall(tokens: readonly RustToken[], at: number, open: number): number | undefined {
  const end = isMark(tokens, at, ',') ? at + 1 : at;
  return isClosing(tokens, end, open) ? end + 1 : undefined;
}

function isOpening(tokens: readonly RustToken[], at: number): boolean {
  return tokens[at]?.kind === 'mark' && closingOf[tokens[at].text] !== undefined;
}

function isClosing(tokens: readonly RustToken[], at: number, open: number): boolean {
  return isOpening(tokens, open) && isMark(tokens, at, closingOf[tokens[open]?.text ?? ''] ?? '');
}

function isMark(tokens: readonly RustToken[], at: number, text: string): boolean {
  const token = tokens[at];
  return token?.kind === 'mark' && token.text === text;
}

function isWord(tokens: readonly RustToken[], at: number, words: ReadonlySet<string>): boolean {
  const token = tokens[at];
  return token?.kind === 'word' && words.has(token.text);
}

/**
 * `cfg(…)` as it stands in keys of `[target]` tables, evaluated against what `rustc --print cfg`
 * prints for the target (`cargo-platform` at f2d3ce0bd).
 */

/** Lines of `rustc --print cfg`: `unix`, `target_os="linux"`. */
export type TargetCfgs = ReadonlySet<string>;

/** More tokens than any key has: the parser below calls itself. */
const tokensMax = 1_000;

/** Settings of the target itself. What flags set as well (`--cfg`, target features) is not among them. */
const targetNames: ReadonlySet<string> = new Set(
  (
    'unix windows target_os target_arch target_family target_env target_vendor target_abi ' +
    'target_endian target_pointer_width target_has_atomic'
  ).split(' '),
);

/** Undefined where the text is no `cfg(…)` that the target alone decides. */
export function evaluateCfg(text: string, cfgs: TargetCfgs): boolean | undefined {
  const tokens = tokenize(text);
  if (tokens === undefined || tokens.length > tokensMax) return undefined;
  if (tokens[0] !== 'cfg' || tokens[1] !== '(') return undefined;
  const parsed = parseExpression(tokens, 2, cfgs);
  if (parsed === undefined) return undefined;
  const isWhole = tokens[parsed.end] === ')' && parsed.end === tokens.length - 1;
  return isWhole ? parsed.value : undefined;
}

function tokenize(text: string): readonly string[] | undefined {
  const tokens: string[] = [];
  const pattern = /\s*(?:([A-Za-z_][A-Za-z0-9_]*)|("[^"\\]*")|([(),=]))/gy;
  let end = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    tokens.push(match[1] ?? match[2] ?? match[3] ?? '');
    end = pattern.lastIndex;
  }
  return text.slice(end).trim() === '' ? tokens : undefined;
}

interface Parsed {
  readonly value: boolean;
  /** Index behind the expression. */
  readonly end: number;
}

function parseExpression(
  tokens: readonly string[],
  at: number,
  cfgs: TargetCfgs,
): Parsed | undefined {
  const word = tokens[at];
  if (word === undefined || !/^[A-Za-z_]/.test(word)) return undefined;
  if (tokens[at + 1] === '(') return parseCall(tokens, at, cfgs);
  if (word === 'true' || word === 'false') return { value: word === 'true', end: at + 1 };
  if (!targetNames.has(word)) return undefined;
  if (tokens[at + 1] === '=') {
    const value = tokens[at + 2];
    if (value?.startsWith('"') !== true) return undefined;
    return { value: cfgs.has(`${word}=${value}`), end: at + 3 };
  }
  return { value: cfgs.has(word), end: at + 1 };
}

/** `all(…)`, `any(…)` and `not(…)`. */
function parseCall(tokens: readonly string[], at: number, cfgs: TargetCfgs): Parsed | undefined {
  const values: boolean[] = [];
  let next = at + 2;
  while (tokens[next] !== ')') {
    const argument = parseExpression(tokens, next, cfgs);
    if (argument === undefined) return undefined;
    values.push(argument.value);
    next = argument.end;
    if (tokens[next] === ',') next += 1;
    else if (tokens[next] !== ')') return undefined;
  }
  const value = combine(tokens[at] ?? '', values);
  return value === undefined ? undefined : { value, end: next + 1 };
}

function combine(name: string, values: readonly boolean[]): boolean | undefined {
  if (name === 'all') return values.every(Boolean);
  if (name === 'any') return values.some(Boolean);
  return name === 'not' && values.length === 1 ? values[0] !== true : undefined;
}

/**
 * Puts `build.build-dir` into the text of cargo's user configuration and takes it out again. Pure.
 * Everything else keeps its bytes: lines are inserted, never printed anew. Where to insert is a
 * guess over lines; whether the guess was right is decided by parsing the result, which must differ
 * from the original in `build.build-dir` alone.
 */
import { isDeepStrictEqual } from 'node:util';
import { parse, TomlError } from 'smol-toml';
import { XcacheError } from '../../base/errors.js';

const beginMarker = '# >>> xcache >>>';
const endMarker = '# <<< xcache <<<';

/** Keeps a line of the user's own in the block; the original follows as it was. */
const keptPrefix = '# was: ';

/** Remembered in the block: without xcache there is no such file. */
const createdLine = '# xcache setup made this file';

/** What `insertBuildDir` comes to. */
export type InsertOutcome =
  | { readonly kind: 'unchanged' }
  /** The user has set another value, and did not agree to its replacement. */
  | { readonly kind: 'own-value'; readonly value: string }
  | { readonly kind: 'changed'; readonly text: string };

/** What `removeBuildDir` comes to. */
export type RemoveOutcome =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'changed'; readonly text: string }
  /** The file was made by xcache and holds nothing else. */
  | { readonly kind: 'delete' };

export interface InsertOptions {
  /** The template for `build.build-dir`. */
  readonly value: string;
  /** Tells a value of an earlier setup, with another directory, from one of the user's own. */
  readonly isOurs: (value: string) => boolean;
  /** Replace a value of the user's own; it is kept in a comment, for `removeBuildDir`. */
  readonly mayReplace: boolean;
}

/**
 * Sets `build.build-dir` in `original`, which is undefined where there is no file. Throws
 * `XC_CARGO_CONFIG` where the text is no TOML or has a form that cannot be edited safely.
 */
export function insertBuildDir(
  original: string | undefined,
  { value, isOurs, mayReplace }: InsertOptions,
): InsertOutcome {
  const text = original ?? '';
  const current = buildDirOf(parseToml(text));
  if (current === value) return { kind: 'unchanged' };
  if (current !== undefined && !isOurs(current)) {
    if (!mayReplace) return { kind: 'own-value', value: current };
    // Also inside of our block it is the user's: only the markers around it are ours.
    return changed(text, replacements(dropMarkers(text), value), value);
  }
  // What an earlier setup left goes first, and what it had replaced comes back.
  const clean = withoutBlocks(text);
  const own = buildDirOf(parseToml(clean));
  const candidates =
    own === undefined
      ? insertions(clean, value, original === undefined || text.includes(createdLine))
      : replacements(clean, value);
  return changed(text, candidates, value);
}

/**
 * Takes back what `insertBuildDir` did; a value of the user's own that it replaced is restored.
 * `isOurs` tells our values where somebody removed the marks around them. Throws `XC_CARGO_CONFIG`.
 */
export function removeBuildDir(text: string, isOurs: (value: string) => boolean): RemoveOutcome {
  const isOwn = (value: string | undefined): boolean => value !== undefined && !isOurs(value);
  // A value that the user wrote between our marks stays.
  const clean = isOwn(buildDirOf(parseToml(text))) ? dropMarkers(text) : withoutBlocks(text);
  if (text.includes(createdLine) && clean.trim() === '') return { kind: 'delete' };
  const current = buildDirOf(parseToml(clean));
  if (current !== undefined && isOurs(current)) {
    const lines = splitLines(clean);
    const candidates = lines.map((_, at) => lines.toSpliced(at, 1).join(''));
    const found = candidates.find((each) => isSameElse(clean, each, isNothing));
    if (found === undefined) throw cannotEdit('remove build.build-dir by hand');
    return { kind: 'changed', text: found };
  }
  return clean === text ? { kind: 'unchanged' } : { kind: 'changed', text: clean };
}

/** `build.build-dir` of a configuration. Throws `XC_CARGO_CONFIG`. */
export function parseBuildDir(text: string): string | undefined {
  return buildDirOf(parseToml(text));
}

type Table = Readonly<Record<string, unknown>>;

function parseToml(text: string): Table {
  try {
    return parse(text.replace(/^\uFEFF/, ''), { integersAsBigInt: 'asNeeded' });
  } catch (error) {
    const where = error instanceof TomlError ? `line ${error.line}: ` : '';
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new XcacheError('XC_CARGO_CONFIG', `cargo's configuration: ${where}${reason}`, {
      hint: 'cargo cannot read it either; mend it and try again',
      cause: error,
    });
  }
}

function buildDirOf(table: Table): string | undefined {
  const value = buildOf(table)['build-dir'];
  if (value === undefined || typeof value === 'string') return value;
  throw new XcacheError('XC_CARGO_CONFIG', "cargo's configuration: build.build-dir is no string");
}

function buildOf(table: Table): Table {
  const build = table['build'];
  return typeof build === 'object' && build !== null ? (build as Table) : {};
}

type Wanted = (buildDir: unknown) => boolean;

const isNothing: Wanted = (buildDir) => buildDir === undefined;

/** Whether `after` has a wanted build-dir and otherwise says what `before` says. */
function isSameElse(before: string, after: string, isWanted: Wanted): boolean {
  let table: Table;
  try {
    table = parseToml(after);
  } catch {
    // A guess that does not even parse.
    return false;
  }
  if (!isWanted(buildOf(table)['build-dir'])) return false;
  try {
    return isDeepStrictEqual(withoutBuildDir(table), withoutBuildDir(parseToml(before)));
  } catch (error) {
    // Thousands of tables in each other: nobody knows whether they are the same.
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function withoutBuildDir(table: Table): Table {
  const { build: _build, ...others } = table;
  const { 'build-dir': _value, ...settings } = buildOf(table);
  // An empty table says as much as none.
  return Object.keys(settings).length === 0 ? others : { ...others, build: settings };
}

function changed(
  original: string,
  candidates: Iterable<string>,
  value: string,
): { kind: 'changed'; text: string } {
  for (const text of candidates) {
    if (isSameElse(original, text, (each) => each === value)) return { kind: 'changed', text };
  }
  throw cannotEdit(`add it by hand: build-dir = ${quote(value)} in the table [build]`);
}

function cannotEdit(hint: string): XcacheError {
  return new XcacheError(
    'XC_CARGO_CONFIG',
    "cargo's configuration writes its `build` table in a way that xcache does not edit",
    { hint },
  );
}

/** Lines with their line ends. */
function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function lineEnd(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? '\n';
}

function quote(value: string): string {
  // The escapes of JSON are escapes of TOML's basic strings.
  return JSON.stringify(value);
}

function renderBlock(lines: readonly string[], end: string): string {
  // A line of the user's own that is kept has an end already, which may be another.
  const ended = (line: string): string => (line.endsWith('\n') ? line : line + end);
  return [beginMarker, ...lines, endMarker].map(ended).join('');
}

/** `block` in place of the lines from `at`. A last line without an end keeps having none. */
function splice(lines: readonly string[], at: number, count: number, added: string): string {
  const end = lineEnd(added);
  const before = lines.slice(0, at).join('');
  const after = lines.slice(at + count).join('');
  const last = count > 0 ? (lines[at + count - 1] ?? '') : before;
  if (after !== '' || last === '' || last.endsWith('\n')) return before + added + after;
  const separator = before === '' || before.endsWith('\n') ? '' : end;
  return before + separator + added.slice(0, -end.length);
}

const headerLine = /^\s*\[\s*(?:build|"build"|'build')\s*\]\s*(?:#.*)?$/;
const dottedLine = /^\s*(?:build|"build"|'build')\s*\./;
const inlineLine = /^(\s*(?:build|"build"|'build')\s*=\s*\{)(\s*)(\}?)/;
const ownLine =
  /^\s*(?:(?:build|"build"|'build')\s*\.\s*)?(?:build-dir|"build-dir"|'build-dir')\s*=/;
const ownInline = /((?:build-dir|"build-dir"|'build-dir')\s*=\s*)(?:"(?:[^"\\]|\\.)*"|'[^']*')/;

/** Ways to add a value where there is none. */
function* insertions(text: string, value: string, isCreated: boolean): Generator<string> {
  const end = lineEnd(text);
  const lines = splitLines(text);
  const created = isCreated ? [createdLine] : [];
  const entry = `build-dir = ${quote(value)}`;
  for (const [at, line] of lines.entries()) {
    const bare = line.trimEnd();
    if (headerLine.test(bare))
      yield splice(lines, at + 1, 0, renderBlock([...created, entry], end));
    if (dottedLine.test(bare)) {
      yield splice(lines, at, 0, renderBlock([...created, `build.${entry}`], end));
    }
    const inline = inlineLine.exec(bare);
    if (inline) {
      const [start, head = '', space = '', close] = inline;
      const added = `${head} ${entry}${close === '}' ? ' }' : `,${space === '' ? ' ' : space}`}`;
      const replaced = added + bare.slice(start.length);
      const kept = keptPrefix + line;
      yield splice(lines, at, 1, renderBlock([...created, kept, replaced], end));
    }
  }
  yield splice(lines, lines.length, 0, renderBlock([...created, '[build]', entry], end));
}

/** Ways to change a value that is there; the line that had it is kept. */
function* replacements(text: string, value: string): Generator<string> {
  const end = lineEnd(text);
  const lines = splitLines(text);
  for (const [at, line] of lines.entries()) {
    const bare = line.trimEnd();
    const kept = keptPrefix + line;
    const own = ownLine.exec(bare);
    if (own)
      yield splice(lines, at, 1, renderBlock([kept, `${own[0].trim()} ${quote(value)}`], end));
    if (ownInline.test(bare)) {
      const replaced = bare.replace(ownInline, (_, key: string) => key + quote(value));
      yield splice(lines, at, 1, renderBlock([kept, replaced], end));
    }
  }
}

interface Block {
  readonly at: number;
  readonly count: number;
}

function findBlock(lines: readonly string[]): Block | undefined {
  const end = lines.findIndex((line) => line.trim() === endMarker);
  // The last one before it: a text of several lines may hold what looks like a mark.
  const at = lines.slice(0, Math.max(end, 0)).findLastIndex((line) => line.trim() === beginMarker);
  return at < 0 ? undefined : { at, count: end - at + 1 };
}

/** The text as it was before our blocks came; settings that somebody added later stay in force. */
function withoutBlocks(text: string): string {
  const lines = splitLines(text);
  const block = findBlock(lines);
  if (block === undefined) return text;
  const { at, count } = block;
  const inside = lines.slice(at + 1, at + count - 1);
  const kept = inside
    .filter((line) => line.startsWith(keptPrefix))
    .map((line) => line.slice(keptPrefix.length));
  const candidates = [
    put(lines, block, kept),
    // Something after the block counts on its [build] line, or somebody wrote into the block.
    put(lines, block, [...inside.filter((line) => !isEntry(line)), ...kept]),
  ];
  const found = candidates.find((each) =>
    isSameElse(text, each, kept.length === 0 ? isNothing : () => true),
  );
  if (found !== undefined) return withoutBlocks(found);
  throw cannotEdit(`remove the lines from "${beginMarker}" to "${endMarker}" by hand`);
}

function isEntry(line: string): boolean {
  return ownLine.test(line) || line.startsWith(keptPrefix) || line.trim() === createdLine;
}

/** `kept` in place of a block. One that ends the file without a line end began with one of ours. */
function put(lines: readonly string[], { at, count }: Block, kept: readonly string[]): string {
  const text = [...lines.slice(0, at), ...kept, ...lines.slice(at + count)].join('');
  const isLast = at + count === lines.length;
  return isLast && !(lines.at(-1) ?? '').endsWith('\n') ? text.replace(/\r?\n$/, '') : text;
}

/** Without our marks, so that a value which the user wrote between them is a line of the file. */
function dropMarkers(text: string): string {
  const lines = splitLines(text);
  const found = findBlock(lines);
  if (found === undefined) return text;
  const { at, count } = found;
  const inside = lines
    .slice(at + 1, at + count - 1)
    .filter((line) => !line.startsWith(keptPrefix) && line.trim() !== createdLine);
  return [...lines.slice(0, at), ...inside, ...lines.slice(at + count)].join('');
}

/**
 * The configuration: the defaults, over them `config.toml`, over that the environment. Read once by
 * each process that needs it; a mistake in it is an error that names the place, never a default.
 */
import { readFile } from 'node:fs/promises';
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { isErrno, XcacheError } from '../base/errors.js';
import { configFileBytesMax } from '../base/limits.js';
import { logLevels, type LogLevel } from '../base/log.js';
import { durationMsOf, sizeBytesOf } from '../base/quantities.js';
import type { DriverName } from '../fuse/driver-name.js';

/** The values in force. */
export interface Config {
  readonly gc: {
    /** Whether the service cleans up by itself. */
    readonly isAutomatic: boolean;
    /** Missing: a share of the disk. */
    readonly maxSizeBytes?: number;
    /** Missing: the default of the clean-up. */
    readonly maxAgeMs?: number;
  };
  readonly service: { readonly logLevel: LogLevel };
  /** Undefined: the fastest driver that works. */
  readonly mount: { readonly driver: DriverName | undefined };
  /** The part of the units that are compiled to be compared with stored ones: 0 to 1. */
  readonly verify: { readonly sample: number };
}

/** One key with its value as it is written, for `xcache config`. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: string | boolean;
  readonly source: 'default' | 'file' | 'environment';
  /** Line of the file, else null. */
  readonly line: number | null;
  /** The variable that decides, or that would. */
  readonly variable: string;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly entries: readonly ConfigEntry[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const size = v.pipe(
  v.string('a size such as "20GiB" is wanted'),
  v.check(
    (text) => text === 'auto' || (sizeBytesOf(text) ?? 0) > 0,
    'a size such as "20GiB", or "auto", is wanted',
  ),
);
const age = v.pipe(
  v.string('a duration such as "90d" is wanted'),
  v.check(
    (text) => text === 'auto' || (durationMsOf(text) ?? 0) > 0,
    'a duration such as "90d", or "auto", is wanted',
  ),
);
const sample = v.pipe(
  v.string('a part such as "1/100" is wanted'),
  v.check((text) => sampleOf(text) !== undefined, 'a part such as "1/100", or "off", is wanted'),
);
const choice = (words: readonly string[]): v.GenericSchema<string> =>
  v.picklist(words, `one of ${words.map((word) => `"${word}"`).join(', ')} is wanted`);

/** Each key: what it may be, where nothing is said, and the variables that win, the first one most. */
const keys = {
  'gc.automatic': {
    schema: v.boolean('true or false is wanted'),
    fallback: true,
    variables: ['XCACHE_GC_AUTOMATIC'],
  },
  'gc.max-size': { schema: size, fallback: 'auto', variables: ['XCACHE_GC_MAX_SIZE'] },
  'gc.max-age': { schema: age, fallback: 'auto', variables: ['XCACHE_GC_MAX_AGE'] },
  'service.log-level': {
    schema: choice(logLevels),
    fallback: 'info',
    variables: ['XCACHE_SERVICE_LOG_LEVEL', 'XCACHE_LOG'],
  },
  'mount.driver': {
    schema: choice(['auto', 'direct', 'fuse-native']),
    fallback: 'auto',
    variables: ['XCACHE_MOUNT_DRIVER'],
  },
  'verify.sample': { schema: sample, fallback: 'off', variables: ['XCACHE_VERIFY_SAMPLE'] },
} as const satisfies Readonly<Record<string, KeyRule>>;

interface KeyRule {
  readonly schema: v.GenericSchema<string | boolean>;
  readonly fallback: string | boolean;
  readonly variables: readonly string[];
}

type Key = keyof typeof keys;

const keyNames = Object.keys(keys) as readonly Key[];

/**
 * Reads `file`, which need not exist, and the environment. Throws `XC_CONFIG` for what is wrong in
 * either: the message names file, line and key, or the variable.
 */
export async function loadConfig(
  file: string,
  env: Environment = process.env,
): Promise<LoadedConfig> {
  const text = await loadText(file);
  const found = parseFile(file, text);
  const entries = keyNames.map((key) => {
    const rule: KeyRule = keys[key];
    const variable = rule.variables.find((name) => (env[name] ?? '') !== '');
    if (variable !== undefined) {
      const value = valueOfVariable(variable, env[variable] ?? '', rule);
      return { key, value, source: 'environment', line: null, variable } as const;
    }
    const own = rule.variables[0] ?? '';
    const value = found.get(key);
    return value === undefined
      ? ({ key, value: rule.fallback, source: 'default', line: null, variable: own } as const)
      : ({
          key,
          value,
          source: 'file',
          line: lineOf(text, key.split('.')),
          variable: own,
        } as const);
  });
  return { config: configOf(new Map(entries.map(({ key, value }) => [key, value]))), entries };
}

function configOf(values: ReadonlyMap<Key, string | boolean>): Config {
  const text = (key: Key): string => String(values.get(key));
  const driver = text('mount.driver');
  const maxSizeBytes = sizeBytesOf(text('gc.max-size'));
  const maxAgeMs = durationMsOf(text('gc.max-age'));
  return {
    gc: {
      isAutomatic: values.get('gc.automatic') === true,
      ...(maxSizeBytes === undefined ? {} : { maxSizeBytes }),
      ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    },
    service: { logLevel: text('service.log-level') as LogLevel },
    mount: { driver: driver === 'auto' ? undefined : (driver as DriverName) },
    verify: { sample: sampleOf(text('verify.sample')) ?? 0 },
  };
}

/** `1/100` as a number from 0 to 1; undefined for anything else. */
function sampleOf(text: string): number | undefined {
  if (text === 'off') return 0;
  const [, part, whole] = /^(\d{1,9})\/([1-9]\d{0,8})$/.exec(text) ?? [];
  if (part === undefined || whole === undefined || Number(part) > Number(whole)) return undefined;
  return Number(part) / Number(whole);
}

/** The text of the file; empty where there is none. */
async function loadText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return '';
    const why = error instanceof Error ? error.message : String(error);
    throw new XcacheError('XC_CONFIG', `${file} cannot be read: ${why}`, {
      cause: error,
      hint: 'make it readable, or remove it',
    });
  }
  if (bytes.length > configFileBytesMax) {
    throw new XcacheError('XC_CONFIG', `${file} is too large for a configuration file`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new XcacheError('XC_CONFIG', `${file} is not UTF-8`, { cause: error });
  }
}

/** The keys that the file sets, each of them known and with a value that will do. */
function parseFile(file: string, text: string): ReadonlyMap<Key, string | boolean> {
  const found = new Map<Key, string | boolean>();
  for (const [path, value] of leavesOf(parseTable(file, text))) {
    const key = path.map(quoteName).join('.');
    const place = `${file}:${lineOf(text, path)}`;
    if (!isKey(key)) {
      const nearest = nearestKey(key);
      throw new XcacheError('XC_CONFIG', `${place}: unknown key ${key}`, {
        hint:
          nearest === undefined
            ? `known are ${keyNames.join(', ')}`
            : `${nearest} is the nearest known one`,
      });
    }
    const outcome = v.safeParse(keys[key].schema, value);
    if (!outcome.success) {
      const [{ message }] = outcome.issues;
      const shown = JSON.stringify(value);
      throw new XcacheError('XC_CONFIG', `${place}: ${key} is ${shown}: ${message}`);
    }
    found.set(key, outcome.output);
  }
  return found;
}

type Table = Readonly<Record<string, unknown>>;

function parseTable(file: string, text: string): Table {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const why = (error.message.split('\n')[0] ?? '').replace('Invalid TOML document: ', '');
    throw new XcacheError('XC_CONFIG', `${file}:${error.line}: not TOML: ${why}`, {
      cause: error,
      hint: 'a line looks like: max-size = "20GiB"',
    });
  }
}

type Leaf = readonly [path: readonly string[], value: unknown];

/** Every value with its path. A table stands for itself where a value or nothing belongs. */
function leavesOf(table: Table, prefix: readonly string[] = []): readonly Leaf[] {
  return Object.entries(table).flatMap(([name, value]): readonly Leaf[] => {
    const path = [...prefix, name];
    const isGroup = keyNames.some((known) => known.startsWith(`${path.join('.')}.`));
    return isGroup && isTable(value) ? leavesOf(value, path) : [[path, value]];
  });
}

/** As it must be written, so that a quoted `"gc.automatic"` is not taken for two names. */
function quoteName(name: string): string {
  return /^[\w-]+$/.test(name) ? name : JSON.stringify(name);
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKey(key: string): key is Key {
  return Object.hasOwn(keys, key);
}

function valueOfVariable(variable: string, text: string, rule: KeyRule): string | boolean {
  const word = text.toLowerCase();
  const readings = typeof rule.fallback === 'boolean' ? [booleanWords.get(word)] : [text, word];
  for (const value of readings) {
    if (v.is(rule.schema, value)) return value;
  }
  const { issues } = v.safeParse(rule.schema, text);
  throw new XcacheError('XC_CONFIG', `${variable} is '${text}': ${issues?.[0].message ?? ''}`);
}

const booleanWords: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** Prefixes of a file that are parsed to find a line; each costs a millisecond at most. */
const lineTriesMax = 100;

/**
 * The line on which the statement begins that sets `path`: the first one up to which the file has
 * it. The parser tells no places, and looking for the text would find comments and strings. In a
 * file with more lines than anybody needs for our keys it is the line up to which was looked.
 */
function lineOf(text: string, path: readonly string[]): number {
  const lines = text.split(/\r?\n/);
  let complete = 0;
  let tries = 0;
  for (let count = 1; count <= lines.length && tries < lineTriesMax; count += 1) {
    // No statement ends on such a line.
    if (isEmptyOrComment(lines[count - 1] ?? '')) continue;
    tries += 1;
    try {
      const table = parse(lines.slice(0, count).join('\n'));
      if (hasPath(table, path)) break;
      complete = count;
    } catch (error) {
      // A statement of several lines goes on.
      if (!(error instanceof TomlError)) throw error;
    }
  }
  return firstStatement(lines, complete) + 1;
}

function hasPath(table: Table, path: readonly string[]): boolean {
  let value: unknown = table;
  for (const name of path) {
    if (!isTable(value) || !Object.hasOwn(value, name)) return false;
    value = value[name];
  }
  return true;
}

/** Index of the first line from `start` on that is neither empty nor a comment. */
function firstStatement(lines: readonly string[], start: number): number {
  const index = lines.findIndex((line, at) => at >= start && !isEmptyOrComment(line));
  return Math.max(index, start);
}

function isEmptyOrComment(line: string): boolean {
  return /^\s*(?:#.*)?$/.test(line);
}

/** The known key with the fewest edits, where it is near enough to be meant. */
function nearestKey(key: string): Key | undefined {
  const ranked = keyNames
    .map((known) => ({ known, edits: editsBetween(key.toLowerCase().replaceAll('_', '-'), known) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best !== undefined && best.edits <= Math.max(3, key.length / 2) ? best.known : undefined;
}

/** Levenshtein distance. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

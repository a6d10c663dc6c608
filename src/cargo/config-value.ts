/**
 * Values of cargo's configuration and how cargo merges them (`util/context/config_value.rs` at
 * f2d3ce0bd): tables key by key, lists one behind the other, and of two single values the stronger.
 * Each value remembers where it was set, because relative paths in it count from there.
 */

/** Where a value was set. A `cli` value is stronger than the environment, which is stronger than a `file`. */
export interface ConfigOrigin {
  readonly kind: 'file' | 'environment' | 'cli';
  /** What relative paths count from. */
  readonly root: string;
  /** For messages: the path of the file, or the argument. */
  readonly name: string;
}

export type ConfigTable = ReadonlyMap<string, ConfigValue>;

export type ConfigValue =
  | { readonly kind: 'table'; readonly entries: ConfigTable; readonly origin: ConfigOrigin }
  | { readonly kind: 'list'; readonly items: readonly ConfigValue[]; readonly origin: ConfigOrigin }
  | { readonly kind: 'single'; readonly value: ConfigScalar; readonly origin: ConfigOrigin };

export type ConfigScalar = string | number | bigint | boolean;

/** A configuration that cannot be judged; the text is a sentence that names the file or the key. */
export class ConfigProblem {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** Nothing that people write is deeper, and cargo itself gives up on what is much deeper. */
const depthMax = 64;

/** What a TOML parser returned as a configuration value. Dates are not accepted, as in cargo. */
export function configValueOf(
  value: unknown,
  origin: ConfigOrigin,
  depth = 0,
): ConfigValue | ConfigProblem {
  if (depth > depthMax) return new ConfigProblem(`${origin.name} is nested too deeply`);
  if (isScalar(value)) return { kind: 'single', value, origin };
  if (Array.isArray(value)) {
    const items: ConfigValue[] = [];
    for (const each of value as readonly unknown[]) {
      const item = configValueOf(each, origin, depth + 1);
      if (item instanceof ConfigProblem) return item;
      items.push(item);
    }
    return { kind: 'list', items, origin };
  }
  if (typeof value !== 'object' || value === null || value instanceof Date) {
    return new ConfigProblem(`${origin.name} has a value of an unknown type`);
  }
  const entries = new Map<string, ConfigValue>();
  for (const [key, each] of Object.entries(value)) {
    const entry = configValueOf(each, origin, depth + 1);
    if (entry instanceof ConfigProblem) return entry;
    entries.set(key, entry);
  }
  return { kind: 'table', entries, origin };
}

function isScalar(value: unknown): value is ConfigScalar {
  return (
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'boolean'
  );
}

/**
 * `stronger` laid over `weaker`; lists of the stronger one come last. Cargo refuses mixed types.
 *
 * @param first which of the two cargo read first: a table that both have goes on to count as set there
 */
export function mergeConfig(
  weaker: ConfigValue,
  stronger: ConfigValue,
  first: 'weaker' | 'stronger',
  key = '',
): ConfigValue | ConfigProblem {
  if (weaker.kind !== stronger.kind) {
    return new ConfigProblem(
      `${key} is a ${weaker.kind} in ${weaker.origin.name} and a ${stronger.kind} in ${stronger.origin.name}`,
    );
  }
  if (weaker.kind === 'list' && stronger.kind === 'list') {
    return { ...stronger, items: [...weaker.items, ...stronger.items] };
  }
  if (weaker.kind !== 'table' || stronger.kind !== 'table') return stronger;
  const entries = new Map(weaker.entries);
  for (const [name, value] of stronger.entries) {
    const below = entries.get(name);
    const path = key === '' ? name : `${key}.${name}`;
    const merged = below === undefined ? value : mergeConfig(below, value, first, path);
    if (merged instanceof ConfigProblem) return merged;
    entries.set(name, merged);
  }
  return { kind: 'table', entries, origin: (first === 'weaker' ? weaker : stronger).origin };
}

/** The value at a path of keys; undefined if it or one of the tables above it is missing. */
export function configAt(config: ConfigValue, path: readonly string[]): ConfigValue | undefined {
  let current: ConfigValue | undefined = config;
  for (const key of path) {
    if (current?.kind !== 'table') return undefined;
    current = current.entries.get(key);
  }
  return current;
}

/** Entries of the table at a path; empty if there is none. */
export function configTable(config: ConfigValue, path: readonly string[]): ConfigTable {
  const found = configAt(config, path);
  return found?.kind === 'table' ? found.entries : new Map();
}

/** The variable that overrides a key: `CARGO_BUILD_RUSTC_WRAPPER` for `build.rustc-wrapper`. */
export function configVariable(path: readonly string[]): string {
  return `CARGO_${path.join('_').toUpperCase().replaceAll(/[-.]/g, '_')}`;
}

/** A path as cargo puts it together: `.` and `..` stay, for scripts see the text. */
export function pathFrom(root: string, path: string): string {
  if (path.startsWith('/')) return path;
  return root.endsWith('/') ? `${root}${path}` : `${root}/${path}`;
}

/** A text with the place that set it. */
export interface ConfigText {
  readonly text: string;
  readonly origin: ConfigOrigin;
}

/** The text at a path, the environment's where that is stronger; a problem where it is no text. */
export function configText(
  config: ConfigValue,
  path: readonly string[],
  environment: { readonly variables: Readonly<Record<string, string>>; readonly cwd: string },
): ConfigText | ConfigProblem | undefined {
  const found = configAt(config, path);
  const name = configVariable(path);
  const variable = environment.variables[name];
  if (variable !== undefined && found?.origin.kind !== 'cli') {
    return { text: variable, origin: { kind: 'environment', root: environment.cwd, name } };
  }
  if (found === undefined) return undefined;
  if (found.kind !== 'single' || typeof found.value !== 'string') {
    return new ConfigProblem(`${path.join('.')} in ${found.origin.name} is not a text`);
  }
  return { text: found.value, origin: found.origin };
}

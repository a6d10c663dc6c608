/**
 * Finds, reads and merges cargo's configuration: the files from the working directory upwards and in
 * CARGO_HOME, what they include, and `--config` arguments. As `util/context/mod.rs` at f2d3ce0bd.
 */
import { dirname, join } from 'node:path';
import { parse } from 'smol-toml';
import {
  ConfigProblem,
  configAt,
  configValueOf,
  mergeConfig,
  pathFrom,
  type ConfigOrigin,
  type ConfigValue,
} from '../cargo/config-value.js';
import type { HostFiles } from './host-files.js';

const configBytesMax = 1 << 20;

/** Files that one configuration may consist of. */
const includesMax = 256;

/** What a configuration was read from. */
export interface LoadedConfig {
  readonly config: ConfigValue;
  /** Cargo before 1.94 leaves `include` alone. */
  readonly hasIncludes: boolean;
}

/** Reads the files from `cwd` upwards and in `cargoHome`; deeper directories win. */
export function loadConfigFiles(
  cwd: string,
  cargoHome: string,
  files: HostFiles,
): LoadedConfig | ConfigProblem {
  let merged: LoadedConfig = { config: emptyTable, hasIncludes: false };
  for (const directory of configDirectories(cwd, cargoHome, files)) {
    const path = configFileIn(directory, files);
    if (path === undefined) continue;
    const loaded = new ConfigReader(files, 'file', cwd).file(path);
    if (loaded instanceof ConfigProblem) return loaded;
    const config = mergeConfig(loaded.config, merged.config, 'stronger');
    if (config instanceof ConfigProblem) return config;
    merged = { config, hasIncludes: merged.hasIncludes || loaded.hasIncludes };
  }
  return merged;
}

/** Lays `--config` arguments over it, the last of them being the strongest. */
export function withConfigArguments(
  below: LoadedConfig,
  values: readonly string[],
  cwd: string,
  files: HostFiles,
): LoadedConfig | ConfigProblem {
  let merged = below;
  const reader = new ConfigReader(files, 'cli', cwd);
  for (const value of values) {
    const path = pathFrom(cwd, value);
    const isFile = value !== '' && files.stat(path) !== undefined;
    const loaded = isFile ? reader.file(path) : reader.argument(value);
    if (loaded instanceof ConfigProblem) return loaded;
    const config = mergeConfig(merged.config, loaded.config, 'weaker');
    if (config instanceof ConfigProblem) return config;
    merged = { config, hasIncludes: merged.hasIncludes || loaded.hasIncludes };
  }
  return merged;
}

const emptyTable: ConfigValue = {
  kind: 'table',
  entries: new Map(),
  origin: { kind: 'file', root: '/', name: 'no file' },
};

/** `.cargo` directories, the deepest first; `cargoHome` last, unless it is one of them. */
function configDirectories(cwd: string, cargoHome: string, files: HostFiles): string[] {
  const directories: string[] = [];
  const seen = new Set<string>();
  for (let current = cwd; ; current = dirname(current)) {
    const directory = join(current, '.cargo');
    directories.push(directory);
    seen.add(directory);
    seen.add(files.realPath(directory) ?? directory);
    if (dirname(current) === current) break;
  }
  const realHome = files.realPath(cargoHome) ?? cargoHome;
  if (!seen.has(cargoHome) && !seen.has(realHome)) directories.push(cargoHome);
  return directories;
}

/** `config` without an ending is the old name; cargo prefers it where both exist. */
function configFileIn(directory: string, files: HostFiles): string | undefined {
  return ['config', 'config.toml']
    .map((name) => join(directory, name))
    .find((path) => files.stat(path) !== undefined);
}

/** Reads one file or argument with all it includes; a file may be named once. */
class ConfigReader {
  readonly #files: HostFiles;
  readonly #kind: 'file' | 'cli';
  readonly #cwd: string;
  #seen = new Set<string>();

  constructor(files: HostFiles, kind: 'file' | 'cli', cwd: string) {
    this.#files = files;
    this.#kind = kind;
    this.#cwd = cwd;
  }

  file(path: string): LoadedConfig | ConfigProblem {
    if (this.#seen.has(path)) return new ConfigProblem(`${path} is included more than once`);
    if (this.#seen.size >= includesMax) return new ConfigProblem(`${path}: too many files`);
    this.#seen.add(path);
    const text = this.#files.readText(path, configBytesMax);
    if (text === undefined) return new ConfigProblem(`${path} cannot be read`);
    const origin = { kind: this.#kind, root: dirname(dirname(path)), name: path };
    return this.#parse(text, origin, dirname(path));
  }

  argument(text: string): LoadedConfig | ConfigProblem {
    // Each argument is looked at for itself.
    this.#seen = new Set(this.#seen);
    const origin = { kind: this.#kind, root: this.#cwd, name: `--config ${text.slice(0, 200)}` };
    return this.#parse(text, origin, this.#cwd);
  }

  #parse(text: string, origin: ConfigOrigin, directory: string): LoadedConfig | ConfigProblem {
    let parsed: unknown;
    try {
      parsed = parse(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return new ConfigProblem(`${origin.name}: ${reason.split('\n')[0] ?? ''}`);
    }
    const config = configValueOf(parsed, origin);
    return config instanceof ConfigProblem ? config : this.#withIncludes(config, directory);
  }

  /** The included files are weaker than what includes them, and the later ones are the stronger. */
  #withIncludes(config: ConfigValue, directory: string): LoadedConfig | ConfigProblem {
    const include = configAt(config, ['include']);
    if (include === undefined || config.kind !== 'table') return { config, hasIncludes: false };
    const entries = new Map(config.entries);
    entries.delete('include');
    let merged: ConfigValue = emptyTable;
    for (const item of include.kind === 'list' ? include.items : [include]) {
      const wanted = includeOf(item);
      if (wanted instanceof ConfigProblem) return wanted;
      const path = pathFrom(directory, wanted.path);
      if (wanted.isOptional && this.#files.stat(path) === undefined) continue;
      const loaded = this.file(path);
      if (loaded instanceof ConfigProblem) return loaded;
      const next = mergeConfig(merged, loaded.config, 'weaker');
      if (next instanceof ConfigProblem) return next;
      merged = next;
    }
    const whole = mergeConfig(merged, { ...config, entries }, 'weaker');
    return whole instanceof ConfigProblem ? whole : { config: whole, hasIncludes: true };
  }
}

/** `"x.toml"` or `{ path = "x.toml", optional = true }`. */
function includeOf(item: ConfigValue): { path: string; isOptional: boolean } | ConfigProblem {
  if (item.kind === 'single' && typeof item.value === 'string') {
    return { path: item.value, isOptional: false };
  }
  const path = configAt(item, ['path']);
  const optional = configAt(item, ['optional']);
  if (path?.kind !== 'single' || typeof path.value !== 'string') {
    return new ConfigProblem(`${item.origin.name} has an unknown form of include`);
  }
  return {
    path: path.value,
    isOptional: optional?.kind === 'single' && optional.value === true,
  };
}

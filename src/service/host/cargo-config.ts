/**
 * The few settings of cargo's configuration files that change what a build makes without showing in
 * a fingerprint: the compiler, its wrapper and the `[env]` table. Source for the search order:
 * The Cargo Book, "Configuration", hierarchical structure.
 */
import { dirname, join, resolve } from 'node:path';
import { parse } from 'smol-toml';
import type { HostFiles } from './host-files.js';

export interface CargoConfig {
  readonly rustc: string | undefined;
  readonly rustcWrapper: string | undefined;
  /** `[env]`: names with their values and whether they replace an existing variable. */
  readonly env: ReadonlyMap<string, { readonly value: string; readonly force: boolean }>;
}

/** A configuration that we cannot judge: nothing is shared under it. */
export interface UnreadableConfig {
  readonly unreadable: string;
}

const configBytesMax = 1 << 20;

/** Reads the files from `cwd` upwards and in `cargoHome`; deeper directories win. */
export function loadCargoConfig(
  cwd: string,
  cargoHome: string,
  files: HostFiles,
): CargoConfig | UnreadableConfig {
  const env = new Map<string, { value: string; force: boolean }>();
  let rustc: string | undefined;
  let rustcWrapper: string | undefined;
  for (const directory of configDirectories(cwd, cargoHome)) {
    const loaded = loadTable(directory, files);
    if (loaded === undefined) continue;
    if ('unreadable' in loaded) return loaded;
    const { path, table } = loaded;
    if ('include' in table) return { unreadable: `${path} includes other files` };
    const build = asTable(table['build']);
    rustc ??= asPath(build['rustc'], directory);
    rustcWrapper ??= asPath(build['rustc-wrapper'], directory);
    for (const [name, value] of Object.entries(asTable(table['env']))) {
      const entry = parseEnvEntry(value, directory);
      if (entry === undefined) return { unreadable: `${path} has an unknown form of env.${name}` };
      if (!env.has(name)) env.set(name, entry);
    }
  }
  return { rustc, rustcWrapper, env };
}

/** `.cargo` directories, the deepest first; `cargoHome` last. */
function configDirectories(cwd: string, cargoHome: string): string[] {
  const directories: string[] = [];
  for (let current = cwd; ; current = dirname(current)) {
    directories.push(join(current, '.cargo'));
    if (dirname(current) === current) break;
  }
  if (!directories.includes(cargoHome)) directories.push(cargoHome);
  return directories;
}

type Table = Readonly<Record<string, unknown>>;

function loadTable(
  directory: string,
  files: HostFiles,
): { path: string; table: Table } | UnreadableConfig | undefined {
  // `config` without an ending is the old name; cargo prefers it where both exist.
  for (const name of ['config', 'config.toml']) {
    const path = join(directory, name);
    if (files.stat(path) === undefined) continue;
    const text = files.readText(path, configBytesMax);
    if (text === undefined) return { unreadable: `${path} cannot be read` };
    try {
      return { path, table: parse(text) };
    } catch (error) {
      return { unreadable: `${path}: ${error instanceof Error ? error.message : String(error)}` };
    }
  }
  return undefined;
}

function asTable(value: unknown): Table {
  return typeof value === 'object' && value !== null ? (value as Table) : {};
}

/** A program in the configuration: with a slash it is relative to the directory above `.cargo`. */
function asPath(value: unknown, directory: string): string | undefined {
  if (typeof value !== 'string') return undefined;
  return value.includes('/') ? resolve(dirname(directory), value) : value;
}

function parseEnvEntry(
  value: unknown,
  directory: string,
): { value: string; force: boolean } | undefined {
  if (typeof value === 'string') return { value, force: false };
  const table = asTable(value);
  if (typeof table['value'] !== 'string') return undefined;
  const isRelative = table['relative'] === true;
  return {
    value: isRelative ? resolve(dirname(directory), table['value']) : table['value'],
    force: table['force'] === true,
  };
}

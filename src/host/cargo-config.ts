/**
 * The settings of cargo's configuration that change what a build makes without showing in a
 * fingerprint: the compiler, its wrapper, the `[env]` table, linkers, flags of profiles. Which files,
 * arguments and aliases make up the configuration: `config-files.ts` and `cargo/command-line.ts`.
 */
import {
  ConfigProblem,
  configAt,
  configTable,
  configText,
  configVariable,
  pathFrom,
  type ConfigText,
  type ConfigValue,
} from '../cargo/config-value.js';
import { parseCargoCommand, type AliasLookup, type CargoCommand } from '../cargo/command-line.js';
import { loadConfigFiles, withConfigArguments } from './config-files.js';
import type { HostFiles } from './host-files.js';

export interface CargoConfig {
  readonly rustc: string | undefined;
  readonly rustcWrapper: string | undefined;
  /** `[env]`: names with their values and whether they replace an existing variable. */
  readonly env: ReadonlyMap<string, { readonly value: string; readonly force: boolean }>;
  /** Everything, merged. */
  readonly config: ConfigValue;
  /** Cargo before 1.94 leaves `include` alone. */
  readonly hasIncludes: boolean;
  /** How many jobs are asked for; undefined where cargo takes as many as there are processors. */
  readonly jobs: string | undefined;
  /** The command line, with aliases expanded. */
  readonly command: CargoCommand;
}

/** A configuration that we cannot judge: nothing is shared under it. */
export interface UnreadableConfig {
  /** One sentence that names the file, the alias or the argument. */
  readonly unreadable: string;
}

/** How a cargo process was started. */
export interface CargoStart {
  readonly variables: Readonly<Record<string, string>>;
  /** The words behind `cargo`. */
  readonly words: readonly string[];
}

const plainStart: CargoStart = { variables: {}, words: [] };

/** Merges the files from `cwd` upwards and in `cargoHome`, the environment and the command line. */
export function loadCargoConfig(
  cwd: string,
  cargoHome: string,
  files: HostFiles,
  start: CargoStart = plainStart,
): CargoConfig | UnreadableConfig {
  const base = loadConfigFiles(cwd, cargoHome, files);
  if (base instanceof ConfigProblem) return { unreadable: base.message };
  const environment = { variables: start.variables, cwd };
  const command = parseCargoCommand(start.words, aliasLookup(base.config, environment));
  if ('unclear' in command) return { unreadable: command.unclear };
  const loaded = withConfigArguments(base, command.configs, cwd, files);
  if (loaded instanceof ConfigProblem) return { unreadable: loaded.message };
  const { config, hasIncludes } = loaded;
  const rustc = configText(config, ['build', 'rustc'], environment);
  if (rustc instanceof ConfigProblem) return { unreadable: rustc.message };
  const wrapper = configText(config, ['build', 'rustc-wrapper'], environment);
  if (wrapper instanceof ConfigProblem) return { unreadable: wrapper.message };
  const env = environmentTable(config);
  if (env instanceof ConfigProblem) return { unreadable: env.message };
  const unstable = changingFlag(config, command, start.variables);
  if (unstable !== undefined) {
    return { unreadable: `-Z${unstable} changes how cargo reads its configuration` };
  }
  return {
    rustc: rustc && programPath(rustc),
    rustcWrapper: wrapper && programPath(wrapper),
    env,
    config,
    hasIncludes,
    jobs: command.jobs ?? jobsOf(config, environment),
    command,
  };
}

/** A program in the configuration: with a slash it is a path, relative to where it was set. */
export function programPath({ text, origin }: ConfigText): string {
  return text.includes('/') ? pathFrom(origin.root, text) : text;
}

/** A number, or a text: `build.jobs` and its variable may be either. */
function jobsOf(
  config: ConfigValue,
  { variables }: { readonly variables: Readonly<Record<string, string>> },
): string | undefined {
  const path = ['build', 'jobs'];
  const found = configAt(config, path);
  const variable = variables[configVariable(path)];
  if (variable !== undefined && found?.origin.kind !== 'cli') return variable;
  return found?.kind === 'single' ? String(found.value) : undefined;
}

/** Aliases come from files and the environment; `--config` cannot set any. */
function aliasLookup(
  config: ConfigValue,
  environment: { readonly variables: Readonly<Record<string, string>>; readonly cwd: string },
): AliasLookup {
  return (name) => {
    const path = ['alias', name];
    const found = configAt(config, path);
    const variable = environment.variables[configVariable(path)];
    if (found?.kind === 'list') {
      // Cargo appends what the environment has to a list.
      const words = found.items.map((item) => (item.kind === 'single' ? item.value : undefined));
      if (words.every((word) => typeof word === 'string')) {
        return nonEmpty(name, [...words, ...wordsOf(variable ?? '')]);
      }
      return { unclear: `the alias ${name} in ${found.origin.name} is not a list of texts` };
    }
    const text = configText(config, path, environment);
    if (text instanceof ConfigProblem) return { unclear: `the alias ${name}: ${text.message}` };
    return text && nonEmpty(name, wordsOf(text.text));
  };
}

function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function nonEmpty(name: string, words: readonly string[]): ReturnType<AliasLookup> {
  return words.length === 0 ? { unclear: `the alias ${name} is empty` } : words;
}

type EnvironmentTable = Map<string, { value: string; force: boolean }>;

function environmentTable(config: ConfigValue): EnvironmentTable | ConfigProblem {
  const env: EnvironmentTable = new Map();
  for (const [name, value] of configTable(config, ['env'])) {
    const entry = parseEnvEntry(value);
    if (entry === undefined) {
      return new ConfigProblem(`${value.origin.name} has an unknown form of env.${name}`);
    }
    env.set(name, entry);
  }
  return env;
}

function parseEnvEntry(entry: ConfigValue): { value: string; force: boolean } | undefined {
  const value = entry.kind === 'table' ? entry.entries.get('value') : entry;
  if (value?.kind !== 'single' || typeof value.value !== 'string') return undefined;
  const isSet = (key: string): boolean => {
    const found = configAt(entry, [key]);
    return found?.kind === 'single' && found.value === true;
  };
  return {
    value: isSet('relative') ? pathFrom(entry.origin.root, value.value) : value.value,
    force: isSet('force'),
  };
}

/** Unstable settings under which variables and tables mean other things than `cargo-config` reads. */
const changingFlags = ['advanced-env', 'host-config', 'target-applies-to-host'];

function changingFlag(
  config: ConfigValue,
  { unstableFlags }: CargoCommand,
  variables: Readonly<Record<string, string>>,
): string | undefined {
  return changingFlags.find(
    (flag) =>
      unstableFlags.some((word) => word.replaceAll('_', '-').split('=')[0] === flag) ||
      configAt(config, ['unstable', flag]) !== undefined ||
      variables[configVariable(['unstable', flag])] !== undefined,
  );
}

/**
 * What a cargo command line says about the configuration: `--config`, `--manifest-path`, `-Z`, and
 * aliases in place of the subcommand. As `bin/cargo/cli.rs` at f2d3ce0bd has it, tested with 1.95:
 * commands of cargo itself are stronger than aliases; aliases are looked up before `--config` counts;
 * `--config` behind the subcommand takes the place of those before it.
 */

/** Everything that counts, aliases expanded. */
export interface CargoCommand {
  /** As cargo runs it in the end; undefined where the line names none. */
  readonly subcommand: string | undefined;
  /** Values of `--config`, the weakest first. */
  readonly configs: readonly string[];
  readonly unstableFlags: readonly string[];
  /** The last value of each, undefined where the line has none. */
  readonly manifestPath: string | undefined;
  readonly lockfilePath: string | undefined;
  /** As it stands there: a number, or `default`. */
  readonly jobs: string | undefined;
  /** Packages beside those of the workspace may be built for their own sake. */
  readonly namesPackages: boolean;
}

/** The line cannot be judged, and why; a sentence that names the alias or the argument. */
export interface UnclearCommand {
  readonly unclear: string;
}

/** Words that the alias stands for; undefined where there is none of the name. */
export type AliasLookup = (name: string) => readonly string[] | UnclearCommand | undefined;

/** `commands/mod.rs` of 1.95 and of the nightlies up to 1.100. */
const builtinCommands: ReadonlySet<string> = new Set(
  (
    'add bench build check clean config doc fetch fix generate-lockfile git-checkout help info init ' +
    'install locate-project login logout metadata new owner package pkgid publish read-manifest ' +
    'remove report run rustc rustdoc search test tree uninstall update vendor verify-project ' +
    'version yank'
  ).split(' '),
);

/** Weaker than an alias of the same name. */
const builtinAliases: ReadonlyMap<string, string> = new Map([
  ['b', 'build'],
  ['c', 'check'],
  ['d', 'doc'],
  ['r', 'run'],
  ['t', 'test'],
  ['rm', 'remove'],
]);

/** More levels of aliases than anybody has; cargo follows them until one comes again. */
const aliasesMax = 64;

/** Options of cargo and its commands that take the next word as their value. */
const valueOptions: ReadonlySet<string> = new Set(
  (
    '--config --color --manifest-path --lockfile-path --explain --package --exclude --bin --example ' +
    '--test --bench --features --jobs --profile --target --target-dir --artifact-dir --out-dir ' +
    '--message-format -C -Z -p -F -j'
  ).split(' '),
);

/**
 * Reads the words behind `cargo`.
 *
 * @param words without the program's name
 */
export function parseCargoCommand(
  words: readonly string[],
  alias: AliasLookup,
): CargoCommand | UnclearCommand {
  // rustup takes it off the line; without rustup, cargo stops at it.
  const line = parseLine(words[0]?.startsWith('+') === true ? words.slice(1) : words);
  const expanded = expand(line, alias, []);
  if ('unclear' in expanded) return expanded;
  const last = expanded.line;
  const isExpanded = last !== line;
  const isUnclearRun = last.subcommand === 'run' && last.hasConfigBehindPositional;
  if (isUnclearRun) return { unclear: '--config may belong to the program that cargo runs' };
  return {
    subcommand: last.subcommand,
    configs: [...(isExpanded ? line.before.configs : []), ...configsOf(last)],
    unstableFlags: [
      ...(isExpanded ? line.before.unstableFlags : []),
      ...last.before.unstableFlags,
      ...last.behind.unstableFlags,
    ],
    manifestPath: last.behind.manifestPath,
    lockfilePath: last.behind.lockfilePath,
    jobs: last.behind.jobs,
    namesPackages: last.behind.namesPackages || last.subcommand === 'install',
  };
}

function configsOf({ before, behind }: Line): readonly string[] {
  return behind.configs.length > 0 ? behind.configs : before.configs;
}

interface Options {
  readonly configs: string[];
  readonly unstableFlags: string[];
  manifestPath: string | undefined;
  lockfilePath: string | undefined;
  jobs: string | undefined;
  namesPackages: boolean;
}

interface Line {
  readonly before: Options;
  readonly subcommand: string | undefined;
  /** All words behind the subcommand. */
  readonly rest: readonly string[];
  readonly behind: Options;
  readonly hasConfigBehindPositional: boolean;
}

function expand(
  line: Line,
  alias: AliasLookup,
  names: readonly string[],
): { readonly line: Line } | UnclearCommand {
  const { subcommand } = line;
  if (subcommand === undefined || builtinCommands.has(subcommand)) return { line };
  if (names.includes(subcommand) || names.length > aliasesMax) {
    return { unclear: `the alias ${names[0] ?? subcommand} leads back to ${subcommand}` };
  }
  const found = alias(subcommand) ?? builtinWords(subcommand);
  if (found === undefined) return { line };
  if ('unclear' in found) return found;
  const next = parseLine([...found, ...line.rest]);
  if (next.subcommand === undefined)
    return { unclear: `the alias ${subcommand} has no subcommand` };
  return expand(next, alias, [...names, subcommand]);
}

function builtinWords(name: string): readonly string[] | undefined {
  const command = builtinAliases.get(name);
  return command === undefined ? undefined : [command];
}

function parseLine(words: readonly string[]): Line {
  const before = noOptions();
  let at = 0;
  while (at < words.length && (words[at]?.startsWith('-') ?? false))
    at += readOption(words, at, before);
  const rest = words.slice(at + 1);
  const behind = noOptions();
  let hasPositional = false;
  let hasConfigBehindPositional = false;
  for (let next = 0; next < rest.length;) {
    // What follows belongs to the program or to rustc.
    if (rest[next] === '--') break;
    const count = behind.configs.length;
    if (rest[next]?.startsWith('-') !== true) hasPositional = true;
    next += readOption(rest, next, behind);
    if (hasPositional && behind.configs.length > count) hasConfigBehindPositional = true;
  }
  return { before, subcommand: words[at], rest, behind, hasConfigBehindPositional };
}

function noOptions(): Options {
  return {
    configs: [],
    unstableFlags: [],
    manifestPath: undefined,
    lockfilePath: undefined,
    jobs: undefined,
    namesPackages: false,
  };
}

/** Takes the option at `at` into account and returns how many words it has. */
function readOption(words: readonly string[], at: number, options: Options): number {
  const word = words[at] ?? '';
  const [name, joined] = splitOption(word);
  if (!valueOptions.has(name)) return 1;
  const next = words[at + 1];
  const takesNext = joined === undefined && next !== undefined && !next.startsWith('-');
  const value = joined ?? (takesNext ? next : undefined);
  if (value !== undefined) takeOption(name, value, options);
  return takesNext ? 2 : 1;
}

/** `--name=value`, `-Zvalue` and `-Z=value` as name and value; short flags may stand before: `-vZ`. */
function splitOption(word: string): readonly [string, string | undefined] {
  if (word.startsWith('--')) {
    const equals = word.indexOf('=');
    return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
  }
  const short = /^-[a-zA-Z]*?([CZpFj])(=?)(.*)$/s.exec(word);
  if (short === null) return [word, undefined];
  const [, letter = '', , value = ''] = short;
  return [`-${letter}`, value === '' ? undefined : value];
}

function takeOption(name: string, value: string, options: Options): void {
  if (name === '--config') options.configs.push(value);
  if (name === '-Z') options.unstableFlags.push(value);
  if (name === '--manifest-path') options.manifestPath = value;
  if (name === '--lockfile-path') options.lockfilePath = value;
  if (name === '--package' || name === '-p') options.namesPackages = true;
  if (name === '--jobs' || name === '-j') options.jobs = value;
}

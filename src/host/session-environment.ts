/**
 * What a cargo process was started with, as far as it decides whether a stored unit is the unit
 * that this process would build: compiler, wrapper, steering variables, tools (cargo-rules 9, 12).
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { createHash } from 'node:crypto';
import { hasForeignBytes } from '../base/lossless-text.js';
import { primaryPackage } from '../cargo/cargo-variables.js';
import { ConfigProblem, configAt } from '../cargo/config-value.js';
import { steeringSnapshot } from '../cargo/environment.js';
import { hostLinkers } from '../cargo/native-programs.js';
import { rustcFieldHash } from '../cargo/fingerprint.js';
import { flagInProfiles, flagInVariables } from '../cargo/profile-flags.js';
import { loadCargoConfig, type CargoConfig } from './cargo-config.js';
import { findWorkspace, type CargoWorkspace } from './cargo-workspace.js';
import type { HostFiles } from './host-files.js';
import { libcVersion } from './libc-version.js';
import { findLinkers, type LinkerQuestion } from './linkers.js';
import type { Toolchain, ToolchainProbe } from './toolchain.js';
import { compilerScript } from './script-text.js';
import { ToolIdentities } from './tools.js';
import { readProcessStart, type CargoProcess } from './process-tree.js';

/** Facts of one cargo session; read once, at its first question. */
export interface SessionEnvironment {
  readonly kind: 'known';
  /** Operating system, libc, compiler and wrapper: units of different namespaces never meet. */
  readonly namespace: string;
  /** The `rustc` field that this session's fingerprints carry. */
  readonly rustcField: bigint;
  readonly cargoHome: string;
  readonly workingDirectory: string;
  /** Where the workspace's manifest lies; undefined where none is found. */
  readonly workspaceRoot: string | undefined;
  /** Commits of git dependencies in the workspace's lock file; undefined where there is none. */
  readonly commits: ReadonlySet<string> | undefined;
  /** The process's variables with cargo's `[env]` table laid over them. */
  readonly variables: Readonly<Record<string, string>>;
  readonly steering: Readonly<Record<string, string>>;
  /** What the session finds under the name of a program. */
  readonly tools: ToolIdentities;
  /** Programs that rustc starts to link for the host where no flag names another. */
  readonly hostLinkers: readonly string[];
  /** What cargo hands to build scripts as RUSTC_WRAPPER; empty where it removes the variable. */
  readonly wrapper: string;
  /**
   * The linker that cargo's configuration sets for a target, as cargo hands it to build scripts as
   * RUSTC_LINKER; undefined where it sets none. Without a triple: for the host.
   */
  readonly linkerOf: (triple: string | undefined) => string | undefined;
  /** Identity of that program; undefined where none is set, empty where it is not found. */
  readonly linkerIdentity: (triple: string | undefined) => string | undefined;
  /** Variables that scripts among those linkers read. */
  readonly linkerVariables: (triple: string | undefined) => readonly string[];
  /** What cargo tells build scripts as NUM_JOBS. */
  readonly jobs: string;
  /** How many processors it may use, which programs ask for by themselves. */
  readonly processors: number;
  /** Identity of the processor, compared for units built with `target-cpu=native`. */
  readonly cpu: string;
  /** The user asks for proof (XCACHE_VERIFY): what would be served is compiled and compared. */
  readonly verify: boolean;
}

/** A session that is neither served nor learned from, and why. */
export interface UnknownEnvironment {
  readonly kind: 'unknown';
  readonly reason:
    | 'disabled'
    | 'process-gone'
    | 'other-namespace'
    | 'unknown-wrapper'
    | 'unreadable-config'
    | 'unreadable-path'
    | 'profile-flags'
    | 'unknown-compiler'
    | 'environment-changed'
    | 'earlier-boot'
    | 'taken-over'
    | 'unknown-session';
  readonly detail: string;
}

/** Wrappers that are known to hand rustc's output through unchanged. */
const transparentWrappers = new Set(['sccache']);

export interface EnvironmentReader {
  readonly files: HostFiles;
  readonly toolchains: ToolchainProbe;
}

/** Never throws: what cannot be read makes the session unknown. */
export function readSessionEnvironment(
  cargo: CargoProcess,
  reader: EnvironmentReader,
): SessionEnvironment | UnknownEnvironment {
  const start = readProcessStart(cargo);
  if (start === undefined) return unknown('process-gone', 'cargo has ended');
  if (start.hasOtherMounts) {
    return unknown('other-namespace', 'cargo runs in a mount namespace of its own');
  }
  const { program, words, variables, workingDirectory, processors } = start;
  const rest = { variables, workingDirectory, processors };
  if (program === 'cargo') return judge({ ...rest, words }, reader);
  // A program that has cargo in it has its own commands, and need not have cargo's options.
  if (words.some((word) => /^(?:--config|-Z)/.test(word))) {
    return unknown('unreadable-config', `${program} has --config or -Z arguments`);
  }
  return judge({ ...rest, words: ['build', ...words] }, reader);
}

/** The same for given variables, without a process. */
export function environmentOf(
  processEnv: Readonly<Record<string, string>>,
  workingDirectory: string,
  reader: EnvironmentReader,
): SessionEnvironment | UnknownEnvironment {
  const processors = availableParallelism();
  return judge({ variables: processEnv, words: [], workingDirectory, processors }, reader);
}

interface SessionStart {
  readonly variables: Readonly<Record<string, string>>;
  /** The words behind `cargo`. */
  readonly words: readonly string[];
  readonly workingDirectory: string;
  readonly processors: number;
}

function unknown(reason: UnknownEnvironment['reason'], detail: string): UnknownEnvironment {
  return { kind: 'unknown', reason, detail };
}

/** Programs and files are looked for in these. */
const pathVariables = ['PATH', 'HOME', 'CARGO_HOME', 'RUSTUP_HOME', 'RUSTUP_TOOLCHAIN', 'RUSTC'];

function judge(
  start: SessionStart,
  reader: EnvironmentReader,
): SessionEnvironment | UnknownEnvironment {
  const { variables: processEnv, words, workingDirectory } = start;
  if (isSwitchedOn(processEnv['XCACHE_DISABLE'])) {
    return unknown('disabled', 'XCACHE_DISABLE is set');
  }
  const foreign = pathVariables.find((name) => hasForeignBytes(processEnv[name] ?? ''));
  if (foreign !== undefined) return unknown('unreadable-path', `${foreign} is not UTF-8`);
  if (hasForeignBytes(workingDirectory)) {
    return unknown('unreadable-path', 'the working directory is not UTF-8');
  }
  const { files } = reader;
  const cargoHome = cargoHomeOf(processEnv, workingDirectory);
  const config = loadCargoConfig(workingDirectory, cargoHome, files, {
    variables: processEnv,
    words,
  });
  if ('unreadable' in config) return unknown('unreadable-config', config.unreadable);
  const wrapper = wrapperOf(processEnv, config);
  if (wrapper !== '' && !transparentWrappers.has(baseName(wrapper))) {
    return unknown('unknown-wrapper', wrapper);
  }
  const workspace = findWorkspace(config.command, workingDirectory, files);
  const flag = profileFlag(config, workspace, processEnv);
  if (flag !== undefined) return unknown('profile-flags', flag);
  const rustc = nonEmpty(processEnv['RUSTC']) ?? config.rustc ?? 'rustc';
  const probeDirectory = files.isBelowOwnMount(workingDirectory) ? '/' : workingDirectory;
  const toolchain = reader.toolchains.probe(rustc, processEnv, probeDirectory);
  if (toolchain === undefined) return unknown('unknown-compiler', `${rustc} does not answer`);
  const front = toolchain.front && compilerScript(toolchain.front, processEnv, files);
  if (front && 'unclear' in front) {
    return unknown('unknown-wrapper', `${rustc}, a script that may read anything`);
  }
  if (config.hasIncludes && leavesIncludes(toolchain.release)) {
    return unknown(
      'unreadable-config',
      `the configuration includes files, which cargo ${toolchain.release} may leave alone`,
    );
  }
  const question = { config: config.config, variables: processEnv, cwd: workingDirectory };
  const linkers = { ...question, host: toolchain.host, cfgsOf: toolchain.cfgsOf };
  const problem = findLinkers(undefined, linkers);
  if (problem instanceof ConfigProblem) return unknown('unreadable-config', problem.message);
  const told = front ? front.told : '';
  const found = { config, workspace, toolchain, told, wrapper, cargoHome, linkers, probeDirectory };
  return knownEnvironment(start, found, files);
}

interface Findings {
  readonly config: CargoConfig;
  readonly workspace: CargoWorkspace;
  readonly toolchain: Toolchain;
  /** What a script in the place of the compiler is told; empty where there is none. */
  readonly told: string;
  readonly wrapper: string;
  readonly cargoHome: string;
  readonly linkers: LinkerQuestion;
  readonly probeDirectory: string;
}

function knownEnvironment(
  { variables: processEnv, workingDirectory, processors }: SessionStart,
  { config, workspace, toolchain, told, wrapper, cargoHome, linkers, probeDirectory }: Findings,
  files: HostFiles,
): SessionEnvironment {
  const variables = withConfigEnv(processEnv, config);
  const tools = new ToolIdentities({ variables, workingDirectory: probeDirectory, files });
  const programsOf = oncePerTriple((triple): readonly string[] => {
    const programs = findLinkers(triple, linkers);
    // What can be wrong is so for every target, and was looked at for the host.
    return programs instanceof ConfigProblem ? [] : programs;
  });
  return {
    kind: 'known',
    namespace: namespaceDigest([
      process.platform,
      process.arch,
      libcVersion(),
      toolchain.verboseVersion,
      toolchain.compilerIdentity,
      toolchain.sysrootIdentity,
      baseName(wrapper),
      told,
    ]),
    rustcField: rustcFieldHash(toolchain.verboseVersion),
    cargoHome,
    workingDirectory,
    workspaceRoot: workspace.root,
    commits: workspace.commits,
    variables,
    steering: steeringSnapshot(variables),
    tools,
    hostLinkers: hostLinkers(toolchain.verboseVersion),
    wrapper,
    linkerOf: (triple) => nonEmpty(programsOf(triple).join(' or ')),
    linkerIdentity: oncePerTriple((triple) => {
      const programs = programsOf(triple);
      return programs.length === 0
        ? undefined
        : programs.map((program) => tools.identify(program) ?? '').join(' or ');
    }),
    linkerVariables: (triple) =>
      programsOf(triple).flatMap((program) => tools.variablesOf(program)),
    jobs: String(jobsOf(config.jobs, processors)),
    processors,
    cpu: cpuIdentity(),
    verify: isSwitchedOn(processEnv['XCACHE_VERIFY']),
  };
}

/** A session asks for the same target with each of its units. */
function oncePerTriple<T>(
  find: (triple: string | undefined) => T,
): (triple: string | undefined) => T {
  const known = new Map<string | undefined, { readonly found: T }>();
  return (triple) => {
    const answer = known.get(triple) ?? { found: find(triple) };
    known.set(triple, answer);
    return answer.found;
  };
}

/** As cargo finds it: empty counts as unset, a relative one counts from the working directory. */
function cargoHomeOf(env: Readonly<Record<string, string>>, cwd: string): string {
  const home = nonEmpty(env['CARGO_HOME']) ?? `${env['HOME'] ?? ''}/.cargo`;
  return isAbsolute(home) ? home : join(cwd, home);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Any value but the empty one and `0`. */
function isSwitchedOn(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0';
}

/** A sentence about the first flag of a profile that reads files or the machine. */
function profileFlag(
  { config }: CargoConfig,
  { manifests }: CargoWorkspace,
  env: Readonly<Record<string, string>>,
): string | undefined {
  const sources = [{ path: 'the configuration', value: config }, ...manifests];
  for (const { path, value } of sources) {
    const found = flagInProfiles(configAt(value, ['profile']));
    if (found === undefined) continue;
    return `profile ${found.profile} in ${path} has the flag ${found.flag}, of which cargo hashes the text only`;
  }
  const found = flagInVariables(env);
  return (
    found && `${found.profile} has the flag ${found.flag}, of which cargo hashes the text only`
  );
}

/** As cargo counts them (`build_config.rs`): a negative number leaves so many processors free. */
function jobsOf(asked: string | undefined, processors: number): number {
  const jobs = Number(asked === undefined || asked === 'default' ? 0 : asked);
  return jobs > 0 ? jobs : Math.max(1, processors + jobs);
}

/** `include` has a meaning since 1.94; before, it takes an unstable flag. */
function leavesIncludes(release: string): boolean {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)\./.exec(release) ?? [];
  return Number(major) < 1 || (Number(major) === 1 && Number(minor) < 94);
}

/** An empty variable switches a configured wrapper off, as cargo has it. */
function wrapperOf(env: Readonly<Record<string, string>>, config: CargoConfig): string {
  return env['RUSTC_WRAPPER'] ?? config.rustcWrapper ?? '';
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function withConfigEnv(
  env: Readonly<Record<string, string>>,
  config: CargoConfig,
): Record<string, string> {
  // Without a prototype: variables are asked for by names that stand in sources.
  const result = Object.assign(Object.create(null) as Record<string, string>, env);
  for (const [name, entry] of config.env) {
    if (entry.force || result[name] === undefined) result[name] = entry.value;
  }
  if (config.command.namesPackages) result[primaryPackage] = '1';
  return result;
}

function namespaceDigest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** Model and features: virtual machines of one model may differ in what they let through. */
function cpuIdentity(): string {
  try {
    const text = readFileSync('/proc/cpuinfo', 'latin1');
    const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(text)?.[1] ?? '';
    const model = cpus()[0]?.model ?? '';
    return createHash('sha256').update(`${model}\0${flags}`).digest('hex').slice(0, 16);
  } catch {
    return 'unknown';
  }
}

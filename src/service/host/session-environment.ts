/**
 * What a cargo process was started with, as far as it decides whether a stored unit is the unit
 * that this process would build: compiler, wrapper, steering variables, tools (cargo-rules 9, 12).
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { cpus } from 'node:os';
import { createHash } from 'node:crypto';
import { linkerTools, nativeTools, steeringSnapshot } from '../../cargo/environment.js';
import { rustcFieldHash } from '../../cargo/fingerprint.js';
import { loadCargoConfig, type CargoConfig } from './cargo-config.js';
import { fileIdentity, type HostFiles } from './host-files.js';
import { findProgram, type ToolchainProbe } from './toolchain.js';
import type { CargoProcess } from './process-tree.js';

/** Facts of one cargo session; read once, at its first question. */
export interface SessionEnvironment {
  readonly kind: 'known';
  /** Operating system, libc, compiler and wrapper: units of different namespaces never meet. */
  readonly namespace: string;
  /** The `rustc` field that this session's fingerprints carry. */
  readonly rustcField: bigint;
  readonly cargoHome: string;
  readonly workingDirectory: string;
  /** The process's variables with cargo's `[env]` table laid over them. */
  readonly variables: Readonly<Record<string, string>>;
  readonly steering: Readonly<Record<string, string>>;
  /** Tool name → identity of the program that PATH or a variable leads to. */
  readonly nativeTools: Readonly<Record<string, string>>;
  readonly linkerTools: Readonly<Record<string, string>>;
  /** Identity of the processor, compared for units built with `target-cpu=native`. */
  readonly cpu: string;
}

/** A session that is neither served nor learned from, and why. */
export interface UnknownEnvironment {
  readonly kind: 'unknown';
  readonly reason:
    | 'process-gone'
    | 'other-namespace'
    | 'unknown-wrapper'
    | 'unreadable-config'
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
  let environ: string;
  let commandLine: string[];
  let workingDirectory: string;
  try {
    environ = readFileSync(`/proc/${cargo.pid}/environ`, 'utf8');
    commandLine = readFileSync(`/proc/${cargo.pid}/cmdline`, 'utf8').split('\0');
    workingDirectory = readlinkSync(`/proc/${cargo.pid}/cwd`);
    // In a container or sandbox the same paths may lead to other files than those that we would look at.
    if (mountNamespace(cargo.pid) !== mountNamespace('self')) {
      return {
        kind: 'unknown',
        reason: 'other-namespace',
        detail: 'cargo runs in a mount namespace of its own',
      };
    }
  } catch (error) {
    return { kind: 'unknown', reason: 'process-gone', detail: String(error) };
  }
  if (commandLine.some((word) => word.startsWith('--config'))) {
    return { kind: 'unknown', reason: 'unreadable-config', detail: 'cargo has --config arguments' };
  }
  return environmentOf(parseEnviron(environ), workingDirectory, reader);
}

function mountNamespace(pid: number | 'self'): string {
  return readlinkSync(`/proc/${pid}/ns/mnt`);
}

/** The same for given variables, without a process. */
export function environmentOf(
  processEnv: Readonly<Record<string, string>>,
  workingDirectory: string,
  reader: EnvironmentReader,
): SessionEnvironment | UnknownEnvironment {
  const cargoHome = processEnv['CARGO_HOME'] ?? `${processEnv['HOME'] ?? ''}/.cargo`;
  const config = loadCargoConfig(workingDirectory, cargoHome, reader.files);
  if ('unreadable' in config) {
    return { kind: 'unknown', reason: 'unreadable-config', detail: config.unreadable };
  }
  const wrapper = wrapperOf(processEnv, config);
  if (wrapper !== '' && !transparentWrappers.has(baseName(wrapper))) {
    return { kind: 'unknown', reason: 'unknown-wrapper', detail: wrapper };
  }
  const rustc = processEnv['RUSTC'] ?? processEnv['CARGO_BUILD_RUSTC'] ?? config.rustc ?? 'rustc';
  const probeDirectory = reader.files.isBelowOwnMount(workingDirectory) ? '/' : workingDirectory;
  const toolchain = reader.toolchains.probe(rustc, processEnv, probeDirectory);
  if (toolchain === undefined) {
    return { kind: 'unknown', reason: 'unknown-compiler', detail: `${rustc} does not answer` };
  }
  const variables = withConfigEnv(processEnv, config);
  const searchPath = variables['PATH'] ?? '';
  const identify = (names: readonly string[]): Record<string, string> =>
    identifyTools(names, searchPath, probeDirectory, reader.files);
  const steering = steeringSnapshot(variables);
  return {
    kind: 'known',
    namespace: namespaceDigest([
      process.platform,
      process.arch,
      libcVersion(),
      toolchain.verboseVersion,
      toolchain.compilerIdentity,
      baseName(wrapper),
    ]),
    rustcField: rustcFieldHash(toolchain.verboseVersion),
    cargoHome,
    workingDirectory,
    variables,
    steering,
    nativeTools: {
      ...identify(nativeTools),
      ...identify(Object.values(steering).filter((value) => /^[^\s=]+$/.test(value))),
    },
    linkerTools: identify(linkerTools),
    cpu: cpuIdentity(),
  };
}

function parseEnviron(text: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const entry of text.split('\0')) {
    const equals = entry.indexOf('=');
    if (equals > 0) variables[entry.slice(0, equals)] = entry.slice(equals + 1);
  }
  return variables;
}

/** An empty variable switches a configured wrapper off, as cargo has it. */
function wrapperOf(env: Readonly<Record<string, string>>, config: CargoConfig): string {
  return env['RUSTC_WRAPPER'] ?? env['CARGO_BUILD_RUSTC_WRAPPER'] ?? config.rustcWrapper ?? '';
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function withConfigEnv(
  env: Readonly<Record<string, string>>,
  config: CargoConfig,
): Record<string, string> {
  const result = { ...env };
  for (const [name, entry] of config.env) {
    if (entry.force || result[name] === undefined) result[name] = entry.value;
  }
  return result;
}

/** Only what is found appears: a tool that is missing on both sides makes no difference. */
function identifyTools(
  names: readonly string[],
  searchPath: string,
  cwd: string,
  files: HostFiles,
): Record<string, string> {
  const identities: Record<string, string> = {};
  for (const name of names) {
    const program = findProgram(name, searchPath, cwd, files);
    const real = program && files.realPath(program);
    const stats = real && files.stat(real);
    if (real && stats) identities[name] = `${real}:${fileIdentity(stats)}`;
  }
  return identities;
}

function namespaceDigest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

let knownLibc: string | undefined;

/**
 * glibc's version: what a linked build script or proc-macro needs at run time. (Node's own report
 * would tell, but it waits for every worker thread, and ours sleep in the kernel.)
 */
function libcVersion(): string {
  knownLibc ??=
    spawnSync('getconf', ['GNU_LIBC_VERSION'], { encoding: 'utf8' }).stdout.trim() || 'not glibc';
  return knownLibc;
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

/**
 * Which compiler a cargo process uses, found out the way cargo does: by asking `rustc -vV` with the
 * process's own environment. The answer is kept while the files behind it stay the same.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { TargetCfgs } from '../cargo/cfg-expression.js';
import { fileIdentity, type HostFiles } from './host-files.js';
import { sysrootIdentity } from './sysroot.js';

export interface Toolchain {
  /** The whole output of `rustc -vV`; cargo hashes it into every fingerprint. */
  readonly verboseVersion: string;
  /** Identity of the compiler proper (librustc_driver): two builds may carry one version text. */
  readonly compilerIdentity: string;
  /** Identity of its libraries, which a part of it that was built again changes. */
  readonly sysrootIdentity: string;
  /** The triple that it runs on. */
  readonly host: string;
  /** Its release, as in `1.95.0`; empty where it names none. */
  readonly release: string;
  /**
   * The program that was asked, where it is neither the compiler of the toolchain itself nor rustup's
   * proxy: it may add flags that show nowhere.
   */
  readonly front: string | undefined;
  /** What `rustc --print cfg` prints for a target; undefined where it does not know the target. */
  readonly cfgsOf: (triple: string) => TargetCfgs | undefined;
}

/** rustc answers in about 30 ms, rustup's proxy in about 100; a hanging one must not hang a build. */
const probeTimeoutMs = 2_000;

const probeVariables = ['HOME', 'PATH', 'RUSTUP_HOME', 'RUSTUP_TOOLCHAIN', 'CARGO_HOME'];

/** A compiler with the files that it was told by. */
interface KnownToolchain {
  readonly toolchain: Omit<Toolchain, 'sysrootIdentity'>;
  readonly driver: string;
  readonly driverIdentity: string;
  readonly sysroot: string;
  readonly front: string;
}

export class ToolchainProbe {
  readonly #files: HostFiles;
  readonly #known = new Map<string, KnownToolchain>();

  constructor(files: HostFiles) {
    this.#files = files;
  }

  /** Undefined where rustc cannot be found or does not answer. */
  probe(rustc: string, env: Readonly<Record<string, string>>, cwd: string): Toolchain | undefined {
    const program = findProgram(rustc, env['PATH'] ?? '', cwd, this.#files);
    if (program === undefined) return undefined;
    const place = this.#isChosenBy(env, program) ? '' : cwd;
    const key = JSON.stringify([program, probeVariables.map((name) => env[name]), place]);
    const known = this.#known.get(key);
    const found = known && this.#isSame(known, program) ? known : this.#ask(program, env, cwd);
    if (found === undefined) return undefined;
    this.#known.set(key, found);
    return { ...found.toolchain, sysrootIdentity: sysrootIdentity(found.sysroot, this.#files) };
  }

  /**
   * Whether the environment alone tells which toolchain rustup's proxy takes. A cargo that was
   * started through the proxy has the variable in its environment; without it `rust-toolchain.toml`
   * and overrides of the directory count, and any other program may look where it likes.
   */
  #isChosenBy(env: Readonly<Record<string, string>>, program: string): boolean {
    const toolchain = env['RUSTUP_TOOLCHAIN'];
    if (toolchain === undefined || toolchain === '') return false;
    // A toolchain may be given by its path.
    if (toolchain.includes('/') && !isAbsolute(toolchain)) return false;
    return this.#files.realPath(program)?.endsWith('/rustup') === true;
  }

  #isSame({ driver, driverIdentity, sysroot, front }: KnownToolchain, program: string): boolean {
    return (
      this.#identity(driver) === driverIdentity && this.#frontIdentity(program, sysroot) === front
    );
  }

  #ask(
    program: string,
    env: Readonly<Record<string, string>>,
    cwd: string,
  ): KnownToolchain | undefined {
    const verboseVersion = runRustc(program, ['-vV'], env, cwd);
    const sysroot = runRustc(program, ['--print', 'sysroot'], env, cwd)?.trimEnd();
    if (verboseVersion === undefined || sysroot === undefined) return undefined;
    const driver = findDriver(sysroot);
    const driverIdentity = driver && this.#identity(driver);
    if (driver === undefined || driverIdentity === undefined) return undefined;
    const front = this.#frontIdentity(program, sysroot);
    const fieldOf = (name: string): string =>
      new RegExp(`^${name}: (.*)$`, 'm').exec(verboseVersion)?.[1] ?? '';
    const cfgs = new Map<string, TargetCfgs | undefined>();
    const cfgsOf = (triple: string): TargetCfgs | undefined => {
      if (!cfgs.has(triple)) {
        const printed = runRustc(program, ['--print', 'cfg', '--target', triple], env, cwd);
        cfgs.set(triple, printed === undefined ? undefined : new Set(printed.split('\n')));
      }
      return cfgs.get(triple);
    };
    return {
      toolchain: {
        verboseVersion,
        compilerIdentity: `${driver}:${driverIdentity}${front}`,
        host: fieldOf('host'),
        release: fieldOf('release'),
        front: front === '' ? undefined : program,
        cfgsOf,
      },
      driver,
      driverIdentity,
      sysroot,
      front,
    };
  }

  /**
   * Empty for the compiler of the toolchain itself and for rustup's proxy, which only finds it. Any
   * other program may add flags that show nowhere.
   */
  #frontIdentity(program: string, sysroot: string): string {
    const real = this.#files.realPath(program) ?? program;
    const own = this.#files.realPath(join(sysroot, 'bin', 'rustc'));
    if (real === own || real.endsWith('/rustup')) return '';
    return `:${real}:${this.#identity(real) ?? ''}`;
  }

  #identity(path: string): string | undefined {
    const stats = this.#files.stat(path);
    return stats && fileIdentity(stats);
  }
}

/** Looks a program up as execvp does; undefined where PATH has none. */
export function findProgram(
  program: string,
  searchPath: string,
  cwd: string,
  files: HostFiles,
): string | undefined {
  if (program.includes('/')) {
    const path = isAbsolute(program) ? program : join(cwd, program);
    // To start it, the kernel would ask us for its bytes while we wait for the start.
    return files.isBelowOwnMount(path) ? undefined : path;
  }
  for (const directory of searchPath.split(delimiter)) {
    const candidate = join(isAbsolute(directory) ? directory : join(cwd, directory), program);
    const stats = files.stat(candidate);
    if (stats?.isFile() === true && (stats.mode & 0o111n) !== 0n) return candidate;
  }
  return undefined;
}

function runRustc(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): string | undefined {
  const childEnv: Record<string, string> = {};
  for (const name of probeVariables) {
    const value = env[name];
    if (value !== undefined) childEnv[name] = value;
  }
  const child = spawnSync(program, args, {
    env: childEnv,
    cwd,
    encoding: 'utf8',
    timeout: probeTimeoutMs,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return child.status === 0 ? child.stdout : undefined;
}

function findDriver(sysroot: string): string | undefined {
  try {
    const library = join(sysroot, 'lib');
    const name = readdirSync(library).find((entry) => entry.startsWith('librustc_driver-'));
    // A distribution's rustc may link the driver statically: then the program itself is it.
    return name === undefined ? join(sysroot, 'bin', 'rustc') : join(library, name);
  } catch {
    return undefined;
  }
}

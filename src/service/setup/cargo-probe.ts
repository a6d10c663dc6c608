/** What the user's cargo is and where it builds, asked of cargo itself. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XcacheError } from '../../base/errors.js';
import { runProgram } from '../../host/run-program.js';

/** The first version with a stable `build.build-dir` (its release notes, 1.91). */
const minimumMinor = 91;

export interface CargoVersion {
  /** E.g. `1.95.0`. */
  readonly version: string;
  readonly hasBuildDir: boolean;
}

/** The cargo on the PATH; undefined where there is none that runs. */
export async function probeCargoVersion(): Promise<CargoVersion | undefined> {
  const { kind, stdout } = await runProgram('cargo', ['--version']);
  return kind === 'done' ? parseCargoVersion(stdout) : undefined;
}

/** Reads the output of `cargo --version`. */
export function parseCargoVersion(output: string): CargoVersion | undefined {
  const match = /^cargo ((\d+)\.(\d+)\.\S+)/.exec(output);
  if (match === null) return undefined;
  const [, version = '', major, minor] = match;
  const hasBuildDir = Number(major) > 1 || Number(minor) >= minimumMinor;
  return { version, hasBuildDir };
}

/** The version of a cargo that knows `build.build-dir`. Throws `XC_CARGO_VERSION`. */
export async function requireBuildDirSupport(): Promise<string> {
  const cargo = await probeCargoVersion();
  if (cargo === undefined) {
    throw new XcacheError('XC_CARGO_VERSION', 'there is no cargo on your PATH', {
      hint: 'install Rust (https://rustup.rs), or extend PATH, and try again',
    });
  }
  if (cargo.hasBuildDir) return cargo.version;
  throw new XcacheError(
    'XC_CARGO_VERSION',
    `cargo ${cargo.version} does not know build.build-dir, which came with 1.${minimumMinor}`,
    { hint: 'update Rust, or mount workspace by workspace: xcache mount ./target' },
  );
}

/** A workspace and its build-dir. */
export interface EffectiveBuildDir {
  readonly workspace: string;
  /** Undefined for a cargo that does not tell. */
  readonly buildDirectory: string | undefined;
  /** The same where nothing sets `build.build-dir`. */
  readonly targetDirectory: string | undefined;
}

/**
 * Where cargo builds the workspace around `cwd`, or, where there is none, one in the temporary
 * directory. Undefined where cargo cannot say.
 */
export async function probeBuildDir(
  cwd: string | undefined,
): Promise<EffectiveBuildDir | undefined> {
  const here = cwd === undefined ? undefined : await askCargo(cwd);
  if (here !== undefined) return here;
  const sample = await mkdtemp(join(tmpdir(), 'xcache-doctor-'));
  try {
    await mkdir(join(sample, 'src'));
    await writeFile(join(sample, 'src', 'lib.rs'), '');
    await writeFile(
      join(sample, 'Cargo.toml'),
      '[package]\nname = "sample"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n',
    );
    return await askCargo(sample);
  } finally {
    await rm(sample, { recursive: true, force: true });
  }
}

/** The workspace around `cwd`. Undefined where there is none, or none that cargo can read. */
export async function askCargo(cwd: string): Promise<EffectiveBuildDir | undefined> {
  const args = ['metadata', '--no-deps', '--offline', '--format-version', '1'];
  const { kind, stdout } = await runProgram('cargo', args, { cwd });
  if (kind !== 'done') return undefined;
  const answer = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  const {
    workspace_root: workspace,
    build_directory: buildDirectory,
    target_directory: targetDirectory,
  } = answer;
  if (typeof workspace !== 'string') return undefined;
  return {
    workspace,
    buildDirectory: typeof buildDirectory === 'string' ? buildDirectory : undefined,
    targetDirectory: typeof targetDirectory === 'string' ? targetDirectory : undefined,
  };
}

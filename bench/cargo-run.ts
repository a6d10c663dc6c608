/** Runs cargo and reads from `-v` what it executed: a build that measured nothing must not count. */
import { runTimed, type TimedRun } from './run-command.js';

export type BuildMode = 'dev' | 'release' | 'check' | 'test';

export const buildModes: readonly BuildMode[] = ['dev', 'release', 'check', 'test'];

/** Members of the corpus workspace, as rustc names them. */
const ownCrates = new Set(['corpus_core', 'corpus_app']);

export interface CargoRun extends TimedRun {
  /** Compiled crates of the workspace itself, one entry per rustc invocation. */
  readonly ownUnits: readonly string[];
  /** Everything else that was executed: compiled dependencies and build scripts that ran. */
  readonly foreignUnits: readonly string[];
  /** Cargo's `Dirty` lines with their reasons. */
  readonly dirtyLines: readonly string[];
  readonly freshPackages: number;
}

const commands: Record<BuildMode, readonly string[]> = {
  dev: ['build'],
  release: ['build', '--release'],
  check: ['check'],
  test: ['test', '--no-run'],
};

export interface CargoOptions {
  readonly workspace: string;
  readonly logPath: string;
  readonly env: NodeJS.ProcessEnv;
}

/** `cargo build` and its like, offline and with `-v`; throws with the end of the log on failure. */
export async function runCargo(mode: BuildMode, options: CargoOptions): Promise<CargoRun> {
  return await runCargoCommand([...commands[mode], '-v'], options);
}

/** Any cargo command in a workspace of the corpus; throws with the end of the log on failure. */
export async function runCargoCommand(
  command: readonly string[],
  options: CargoOptions,
): Promise<CargoRun> {
  const argv = ['cargo', ...command];
  const run = await runTimed(argv, options.logPath, { cwd: options.workspace, env: options.env });
  if (run.exitCode !== 0) {
    const reason = explainFailure(run.output);
    throw new Error(
      `${argv.join(' ')} in ${options.workspace} ended with ${run.exitCode}: ${reason}`,
    );
  }
  return { ...run, ...parseVerboseOutput(run.output) };
}

/** From the first error on, where there is one; else the end of the output. */
function explainFailure(output: string): string {
  const errorAt = output.search(/^error/m);
  return errorAt < 0 ? output.slice(-1500) : output.slice(errorAt, errorAt + 1500);
}

type Executed = Pick<CargoRun, 'ownUnits' | 'foreignUnits' | 'dirtyLines' | 'freshPackages'>;

/**
 * Cargo prints one `Running` line for each process that it starts (`JobQueue`, cargo 1.95), but
 * `Compiling`, `Fresh` and `Dirty` once per package.
 */
function parseVerboseOutput(output: string): Executed {
  const ownUnits: string[] = [];
  const foreignUnits: string[] = [];
  const dirtyLines: string[] = [];
  let freshPackages = 0;
  for (const line of output.split('\n')) {
    if (/^ +Fresh /.test(line)) freshPackages += 1;
    if (/^ +Dirty /.test(line)) dirtyLines.push(line.trim());
    const command = /^ +Running `(.*)`$/.exec(line)?.[1];
    if (command === undefined) continue;
    const crate = /\brustc --crate-name (\S+)/.exec(command)?.[1];
    const script = /\/build\/([^/]+)(?:\/[0-9a-f]{16})?\/(?:out\/)?build[-_]script[-_]/.exec(
      command,
    )?.[1];
    if (crate !== undefined) (ownCrates.has(crate) ? ownUnits : foreignUnits).push(crate);
    else if (script !== undefined) foreignUnits.push(`${script} (run)`);
  }
  return { ownUnits, foreignUnits, dirtyLines, freshPackages };
}

/** Variables of the caller that would steer cargo away from the setting that is measured, or hide its errors. */
const steering = /^(RUSTC.*|RUSTFLAGS|RUSTDOCFLAGS|CARGO_.*|SCCACHE_.*|XCACHE_.*|RUST_BACKTRACE)$/;

/** The caller's environment without what steers builds; `CARGO_HOME` stays. */
export function plainEnvironment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => name === 'CARGO_HOME' || !steering.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    CARGO_NET_OFFLINE: 'true',
    CARGO_TERM_COLOR: 'never',
    CARGO_TERM_PROGRESS_WHEN: 'never',
    ...extra,
  };
}

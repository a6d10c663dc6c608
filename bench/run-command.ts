/** Runs programs: timed ones with their output in a log file, small ones with it in memory. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface TimedRun {
  readonly seconds: number;
  readonly exitCode: number;
  /** Standard output and standard error together. */
  readonly output: string;
  readonly logPath: string;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs `argv` with its output in `logPath` and measures from just before the start to the exit.
 * The output goes to a file, because reading a pipe would make this process part of the measurement.
 */
export async function runTimed(
  argv: readonly string[],
  logPath: string,
  options: CommandOptions,
): Promise<TimedRun> {
  const log = openSync(logPath, 'w');
  try {
    const startNs = process.hrtime.bigint();
    const child = spawn(argv[0]!, argv.slice(1), {
      ...options,
      stdio: ['ignore', log, log],
      detached: true,
    });
    running = child.pid;
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        resolve(code ?? (signal === null ? 1 : 128));
      });
    });
    const seconds = Number(process.hrtime.bigint() - startNs) / 1e9;
    return { seconds, exitCode, output: readFileSync(logPath, 'utf8'), logPath };
  } finally {
    running = undefined;
    closeSync(log);
  }
}

/** Leader of the process group of the timed run under way; set only by `runTimed`. */
let running: number | undefined;

/** Ends the timed run under way with all its compilers, for an interrupted benchmark. */
export function endRunningCommand(): void {
  if (running === undefined) return;
  try {
    process.kill(-running, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

/** Runs `argv` to its end and returns its standard output; throws with its messages on failure. */
export function runCaptured(
  argv: readonly string[],
  options: Partial<CommandOptions> = {},
): string {
  const result = spawnSync(argv[0]!, argv.slice(1), {
    ...options,
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 256 << 20,
  });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) {
    const messages = `${result.stderr}${result.stdout}`.trim().slice(-2000);
    throw new Error(`${argv.join(' ')} ended with ${result.status ?? 'a signal'}: ${messages}`);
  }
  return result.stdout;
}

/** True where `program` can be started from PATH. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
}

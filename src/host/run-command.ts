/**
 * The door to child processes that are run to their end: never through a shell, with a working
 * directory outside of every mount, for a bounded time and with bounded output. However a program
 * fails to run, that is an answer and not an exception.
 */
import { spawn, spawnSync, type StdioOptions } from 'node:child_process';
import { isErrno } from '../base/errors.js';

/** A system tool answers in milliseconds; one that does not is stuck in a mount that hangs. */
export const commandTimeoutMs: number = 20_000;

/** Names of all files of a large directory; a program that says more has lost its way. */
const outputBytesMax = 16 << 20;

export interface CommandOptions {
  /** `/` where it is missing; the caller knows that no mount of this process is on the way there. */
  readonly cwd?: string;
  /** Inherited by the child as descriptor 3. */
  readonly inheritFd?: number;
  readonly timeoutMs?: number;
  /**
   * Instead of the fixed one. Its PATH is the one that is searched: where it may lead into a mount
   * of this process, `file` must be an absolute path.
   */
  readonly environment?: NodeJS.ProcessEnv;
  /** Of the output: names of files need not be UTF-8. */
  readonly encoding?: 'utf8' | 'latin1';
  readonly outputBytesMax?: number;
}

export type CommandResult =
  /** The tool is not installed. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'timeout' }
  | {
      readonly kind: 'exited';
      /** `cannotRunStatus` where it could not be started, or said more than it may. */
      readonly status: number;
      readonly stdout: string;
      /** Without the line break at its end. */
      readonly stderr: string;
    };

/** The status that a shell gives such a program; some systems keep fusermount for a group. */
export const cannotRunStatus: number = 126;

/**
 * A fixed search path: the caller's may name a directory of a mount that this very process serves,
 * and starting a program waits until it was found.
 */
export const systemPath: string = [
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/run/wrappers/bin',
  '/run/current-system/sw/bin',
].join(':');

const environment = { PATH: systemPath, LC_ALL: 'C' };

/** Resolves in every case; a child that outlives its time is killed and left to itself. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return await new Promise((resolve) => {
    try {
      start(file, args, options, resolve);
    } catch (error) {
      // Arguments that are too long, for one, are refused before there is a child.
      resolve(notStarted(file, error));
    }
  });
}

function start(
  file: string,
  args: readonly string[],
  options: CommandOptions,
  resolve: (result: CommandResult) => void,
): void {
  const { encoding = 'utf8', outputBytesMax: bytesMax = outputBytesMax } = options;
  const child = spawn(file, args, {
    cwd: options.cwd ?? '/',
    env: options.environment ?? environment,
    stdio: stdio(options),
  });
  const output: Buffer[] = [];
  const messages: Buffer[] = [];
  let bytes = 0;
  const end = (result: CommandResult): void => {
    clearTimeout(timer);
    resolve(result);
  };
  const giveUp = (result: CommandResult): void => {
    child.kill('SIGKILL');
    // One that sleeps in the kernel for good does not die: neither wait for it nor stay for it.
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.unref();
    end(result);
  };
  const timer = setTimeout(
    () => giveUp({ kind: 'timeout' }),
    options.timeoutMs ?? commandTimeoutMs,
  );
  const collect = (into: Buffer[]) => (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= bytesMax) into.push(chunk);
    else giveUp(cannotRun(`${file}: more than ${bytesMax} bytes of output`));
  };
  child.stdout?.on('data', collect(output));
  child.stderr?.on('data', collect(messages));
  child.on('error', (error) => end(notStarted(file, error)));
  child.on('close', (status) =>
    end({
      kind: 'exited',
      status: status ?? 1,
      stdout: Buffer.concat(output).toString(encoding),
      stderr: Buffer.concat(messages).toString('utf8').trim(),
    }),
  );
}

/** The same for threads that must not go on before it has ended. Never throws. */
export function runCommandSync(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): CommandResult {
  const { encoding = 'utf8' } = options;
  try {
    const result = spawnSync(file, args, {
      cwd: options.cwd ?? '/',
      env: options.environment ?? environment,
      stdio: stdio(options),
      timeout: options.timeoutMs ?? commandTimeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: options.outputBytesMax ?? outputBytesMax,
    });
    if (result.error && isErrno(result.error, 'ETIMEDOUT')) return { kind: 'timeout' };
    if (result.error) return notStarted(file, result.error);
    const stdout = result.stdout.toString(encoding);
    const stderr = result.stderr.toString('utf8').trim();
    return { kind: 'exited', status: result.status ?? 1, stdout, stderr };
  } catch (error) {
    return notStarted(file, error);
  }
}

function stdio({ inheritFd }: CommandOptions): StdioOptions {
  const base: StdioOptions = ['ignore', 'pipe', 'pipe'];
  return inheritFd === undefined ? base : [...base, inheritFd];
}

function notStarted(file: string, error: unknown): CommandResult {
  if (isErrno(error, 'ENOENT')) return { kind: 'missing' };
  if (isErrno(error, 'EACCES')) return cannotRun(`${file}: permission denied`);
  return cannotRun(`${file}: ${error instanceof Error ? error.message : String(error)}`);
}

function cannotRun(stderr: string): CommandResult {
  return { kind: 'exited', status: cannotRunStatus, stdout: '', stderr };
}

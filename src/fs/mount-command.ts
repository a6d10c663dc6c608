/**
 * Runs the system's mount tools and probes as child processes: never through a shell, with a
 * working directory outside of every mount, and for a bounded time.
 */
import { spawn, spawnSync, type StdioOptions } from 'node:child_process';
import { isErrno } from '../base/errors.js';

/** A mount tool answers in milliseconds; one that does not is stuck in a mount that hangs. */
export const mountCommandTimeoutMs: number = 20_000;

export interface CommandOptions {
  /** Inherited by the child as descriptor 3. */
  readonly inheritFd?: number;
  readonly timeoutMs?: number;
}

export type CommandResult =
  /** The tool is not installed. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'exited'; readonly status: number; readonly stderr: string };

/** The sbin directories hold `mount` tools that an ordinary user's PATH may lack. */
function environment(): NodeJS.ProcessEnv {
  const path = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
  return { PATH: `${path}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' };
}

function stdio(options: CommandOptions): StdioOptions {
  const base: StdioOptions = ['ignore', 'ignore', 'pipe'];
  return options.inheritFd === undefined ? base : [...base, options.inheritFd];
}

/** Resolves in every case; a child that outlives its time is killed and left to itself. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return await new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: '/', env: environment(), stdio: stdio(options) });
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      // One that sleeps in the kernel for good does not die: neither wait for it nor stay for it.
      child.stderr?.destroy();
      child.unref();
      resolve({ kind: 'timeout' });
    }, options.timeoutMs ?? mountCommandTimeoutMs);
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => {
      clearTimeout(timer);
      if (isErrno(error, 'ENOENT')) resolve({ kind: 'missing' });
      else reject(error);
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      const stderr = Buffer.concat(chunks).toString('utf8').trim();
      resolve({ kind: 'exited', status: status ?? 1, stderr });
    });
  });
}

/** For exit handlers, where nothing asynchronous runs any more. */
export function runCommandSync(file: string, args: readonly string[]): CommandResult {
  const result = spawnSync(file, args, {
    cwd: '/',
    env: environment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: mountCommandTimeoutMs,
    killSignal: 'SIGKILL',
    encoding: 'utf8',
  });
  if (result.error && isErrno(result.error, 'ENOENT')) return { kind: 'missing' };
  if (result.error && isErrno(result.error, 'ETIMEDOUT')) return { kind: 'timeout' };
  if (result.error) throw result.error;
  return { kind: 'exited', status: result.status ?? 1, stderr: result.stderr.trim() };
}

/**
 * Runs the system's mount tools and probes as child processes: never through a shell, with a
 * working directory outside of every mount, and for a bounded time.
 */
import { spawn, spawnSync, type StdioOptions } from 'node:child_process';
import { join } from 'node:path';
import { isErrno } from '../base/errors.js';

/** A mount tool answers in milliseconds; one that does not is stuck in a mount that hangs. */
export const mountCommandTimeoutMs: number = 20_000;

export interface CommandOptions {
  /** Inherited by the child as descriptor 3. */
  readonly inheritFd?: number;
  readonly timeoutMs?: number;
  /** Instead of the fixed one; `file` must then be an absolute path, for the same reason. */
  readonly environment?: NodeJS.ProcessEnv;
}

export type CommandResult =
  /** The tool is not installed. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'timeout' }
  | {
      readonly kind: 'exited';
      readonly status: number;
      readonly stdout: string;
      /** Without the line break at its end. */
      readonly stderr: string;
    };

/**
 * A fixed search path: the caller's may name a directory of a mount that this very process serves,
 * and starting a program waits until it was found.
 */
const programPath = [
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/run/wrappers/bin',
  '/run/current-system/sw/bin',
].join(':');

const environment = { PATH: programPath, LC_ALL: 'C' };

/**
 * The caller's own environment, with a path that also leads to where rustup puts the compiler: a
 * service that was started at login may not have it.
 */
export function compilerEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const cargoHome = env['CARGO_HOME'] ?? join(env['HOME'] ?? '/', '.cargo');
  const path = [env['PATH'], join(cargoHome, 'bin'), programPath].filter(Boolean).join(':');
  return { ...env, PATH: path, LC_ALL: 'C' };
}

function stdio(options: CommandOptions): StdioOptions {
  const base: StdioOptions = ['ignore', 'pipe', 'pipe'];
  return options.inheritFd === undefined ? base : [...base, options.inheritFd];
}

/** Resolves in every case; a child that outlives its time is killed and left to itself. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return await new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: '/',
      env: options.environment ?? environment,
      stdio: stdio(options),
    });
    const output: Buffer[] = [];
    const messages: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      // One that sleeps in the kernel for good does not die: neither wait for it nor stay for it.
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      resolve({ kind: 'timeout' });
    }, options.timeoutMs ?? mountCommandTimeoutMs);
    child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => messages.push(chunk));
    child.on('error', (error) => {
      clearTimeout(timer);
      if (isErrno(error, 'ENOENT')) resolve({ kind: 'missing' });
      else if (isErrno(error, 'EACCES')) resolve(notPermitted(file));
      else reject(error);
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({
        kind: 'exited',
        status: status ?? 1,
        stdout: Buffer.concat(output).toString('utf8'),
        stderr: Buffer.concat(messages).toString('utf8').trim(),
      });
    });
  });
}

/** The status that a shell gives such a program; some systems keep fusermount for a group. */
export const notPermittedStatus: number = 126;

function notPermitted(file: string): CommandResult {
  const stderr = `${file}: permission denied`;
  return { kind: 'exited', status: notPermittedStatus, stdout: '', stderr };
}

/** For exit handlers, where nothing asynchronous runs any more. */
export function runCommandSync(file: string, args: readonly string[]): CommandResult {
  const result = spawnSync(file, args, {
    cwd: '/',
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: mountCommandTimeoutMs,
    killSignal: 'SIGKILL',
    encoding: 'utf8',
  });
  if (result.error && isErrno(result.error, 'ENOENT')) return { kind: 'missing' };
  if (result.error && isErrno(result.error, 'EACCES')) return notPermitted(file);
  if (result.error && isErrno(result.error, 'ETIMEDOUT')) return { kind: 'timeout' };
  if (result.error) throw result.error;
  const { status, stdout, stderr } = result;
  return { kind: 'exited', status: status ?? 1, stdout, stderr: stderr.trim() };
}

/** Runs programs to their end: those of the user, and the tools that the service cannot do without. */
import { runCommand, type CommandOptions } from './run-command.js';

/** Every program that is run this way answers in well under a second on an idle machine. */
const programTimeoutMs = 30_000;

/** How a program ended. `missing`: it is not installed. `failed`: not with exit code 0. */
export interface ProgramResult {
  readonly kind: 'done' | 'failed' | 'missing';
  readonly stdout: string;
  /** Trimmed; says what happened where the program did not. */
  readonly message: string;
}

/**
 * A program of the user's (cargo, systemctl), found on the user's own PATH: not for a process that
 * serves a mount, which that PATH may lead into. Resolves in every case.
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<ProgramResult> {
  const { cwd = '/', env = process.env } = options;
  const result = await runCommand(file, args, {
    cwd,
    environment: env,
    timeoutMs: programTimeoutMs,
  });
  switch (result.kind) {
    case 'missing':
      return { kind: 'missing', stdout: '', message: `${file} is not installed` };
    case 'timeout':
      return { kind: 'failed', stdout: '', message: `${file} timed out` };
    case 'exited': {
      const { status, stdout, stderr } = result;
      if (status === 0) return { kind: 'done', stdout, message: stderr };
      const message = stderr === '' ? `${file} ended with status ${status}` : stderr;
      return { kind: 'failed', stdout, message };
    }
  }
}

/** A tool of the system (cp, touch), found on the fixed path. Throws unless it ends with status 0. */
export async function requireSuccess(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<void> {
  const result = await runCommand(file, args, options);
  if (result.kind === 'missing') throw new Error(`${file} is not installed`);
  if (result.kind === 'timeout') throw new Error(`${file} timed out`);
  if (result.status === 0) return;
  throw new Error(`${file}: ${result.stderr === '' ? `status ${result.status}` : result.stderr}`);
}

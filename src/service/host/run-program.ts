/** Runs a program of the user's (cargo, systemctl) to its end, for a bounded time, without a shell. */
import { execFile } from 'node:child_process';

/** Every program that is run this way answers in well under a second on an idle machine. */
const programTimeoutMs = 30_000;

/** How a program ended. `missing`: it is not installed. `failed`: not with exit code 0. */
export interface ProgramResult {
  readonly kind: 'done' | 'failed' | 'missing';
  readonly stdout: string;
  /** Trimmed; says what happened where the program did not. */
  readonly message: string;
}

/** Resolves in every case. */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<ProgramResult> {
  const { cwd = '/', env = process.env } = options;
  return await new Promise((resolve) => {
    const settings = { cwd, env, timeout: programTimeoutMs, maxBuffer: 16 << 20 } as const;
    const child = execFile(file, args, settings, (error, stdout, stderr) => {
      const text = stderr.trim();
      if (error === null) resolve({ kind: 'done', stdout, message: text });
      else if (error.code === 'ENOENT')
        resolve({ kind: 'missing', stdout, message: error.message });
      else resolve({ kind: 'failed', stdout, message: text === '' ? error.message : text });
    });
    child.stdin?.end();
  });
}

/**
 * Runs what Node has no calls for (mmap, flock, renameat2 …) in small Python programs, each in a
 * process of its own: `programs/server.py` forks for each, because starting Python takes longer
 * than most programs do.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const serverPath = fileURLToPath(new URL('programs/server.py', import.meta.url));

interface Answer {
  readonly output: string;
  readonly failure?: string;
  readonly errno?: string;
}

/** One at a time, in the order of the requests. It ends when this process does. */
class PythonServer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string | undefined) => void)[] = [];

  constructor() {
    this.#process = spawn('python3', [serverPath], { cwd: '/', stdio: 'pipe' });
    this.#process.stderr.resume();
    const lines = createInterface({ input: this.#process.stdout });
    lines.on('line', (line) => this.#waiting.shift()?.(line));
    lines.on('close', () => {
      for (const each of this.#waiting.splice(0)) each(undefined);
    });
    // It waits for requests, which must not keep this process from ending.
    this.#process.unref();
    for (const stream of [this.#process.stdin, this.#process.stdout, this.#process.stderr]) {
      (stream as unknown as { unref: () => void }).unref();
    }
  }

  async ask(request: object): Promise<Answer> {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await new Promise<string | undefined>((resolve) => this.#waiting.push(resolve));
    if (line === undefined) throw new Error('the Python server ended');
    return JSON.parse(line) as Answer;
  }
}

let server: PythonServer | undefined;

async function ask(request: object): Promise<string> {
  server ??= new PythonServer();
  const { output, failure, errno } = await server.ask(request);
  if (failure === undefined) return output.trim();
  throw Object.assign(new Error(failure), { code: errno });
}

/**
 * Runs `main()` of the given program with `args`; returns what it printed. An `OSError` becomes an
 * error with its errno word as `code`. Paths with odd bytes are passed in hex (`hexed`).
 */
export async function python(program: string, args: readonly string[]): Promise<string> {
  return await ask({ program, args });
}

/** Runs one check of `programs/<file>.py` in an empty directory; throws with its traceback. */
export async function runCheck(file: string, name: string, directory: string): Promise<void> {
  await ask({ file, check: name, args: [directory] });
}

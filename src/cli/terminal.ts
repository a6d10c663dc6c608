/** Where a command's words go: results to stdout, messages to stderr, colour where it is wanted. */
import { createInterface } from 'node:readline';
import { createOutput } from './output.js';

/** When to use colour. */
export type ColorChoice = 'auto' | 'always' | 'never';

/** What a command may write to. */
export interface Terminal {
  /** Writes a result, with a line end. */
  out(text: string): void;
  /** Writes a message, with a line end. */
  err(text: string): void;
  /** Whether somebody watches stderr: progress bars are for people alone. */
  readonly isWatched: boolean;
  /** Aborted when the reader of stdout has left; missing where that cannot happen. */
  readonly unread?: AbortSignal;
  /**
   * Resolves when everything is written, however slow the readers are, or when they have left.
   * Throws where the results could not be written for another reason.
   */
  finish?(): Promise<void>;
  /** Asks a question that is answered with yes or no; missing where nobody is there to answer. */
  readonly confirm?: (question: string) => Promise<boolean>;
  /** How to colour what goes to stdout. */
  style(choice: ColorChoice): Style;
}

/** Text effects; each returns its argument unchanged where colour is off. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
}

/** The terminal of this process; made once, because it listens for errors of its streams. */
export function createTerminal(): Terminal {
  const stdout = createOutput(process.stdout);
  const stderr = createOutput(process.stderr);
  return {
    out: (text) => stdout.write(`${text}\n`),
    err: (text) => stderr.write(`${text}\n`),
    unread: stdout.unread,
    finish: async () => {
      const failure = await stdout.finish();
      // A failure of stderr has no place where it could be reported.
      await stderr.finish();
      if (failure !== undefined) throw failure;
    },
    isWatched: process.stderr.isTTY && process.env['TERM'] !== 'dumb',
    ...(process.stdin.isTTY && process.stderr.isTTY ? { confirm } : {}),
    style: (choice) => createStyle(isColored(choice, process.stdout.isTTY, process.env)),
  };
}

/** Anything but a clear yes is a no, the end of the input too. */
async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await new Promise<string>((resolve) => {
      lines.once('close', () => resolve(''));
      lines.question(`${question} [y/N] `, resolve);
    });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

/** `auto` means on a terminal, unless NO_COLOR (https://no-color.org) or TERM=dumb says otherwise. */
export function isColored(
  choice: ColorChoice,
  isTty: boolean,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (choice !== 'auto') return choice === 'always';
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  const force = env['FORCE_COLOR'] ?? '';
  if (force !== '') return force !== '0';
  return isTty && env['TERM'] !== 'dumb';
}

/** Made apart from the terminal, so that rendering can be tested without one. */
export function createStyle(colored: boolean): Style {
  const effect =
    (open: number, close: number) =>
    (text: string): string =>
      colored && text !== '' ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: effect(1, 22),
    dim: effect(2, 22),
    good: effect(32, 39),
    warn: effect(33, 39),
    bad: effect(31, 39),
  };
}

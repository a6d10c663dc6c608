/**
 * The door to pino. Lines are written synchronously: there are few of them, and the last ones before
 * a crash are the ones that matter. (pino's transports would put a worker thread in between.)
 */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { pino, type Logger as PinoLogger } from 'pino';
import { logFileBytesMax } from './limits.js';

/** A structured logger: `log.warn({ unit }, 'message')`. */
export type Logger = PinoLogger;

/** From everything to nothing. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** The lowest level that is written. */
export type LogLevel = (typeof logLevels)[number];

/**
 * Creates a logger that writes JSON lines to `file` (made with mode 0600, renamed to `file.1` when
 * it is full), or to stderr where no file is given. The caller owns it for the life of the process.
 */
export function createLogger(options: {
  readonly level: LogLevel;
  readonly file?: string;
}): Logger {
  const destination =
    options.file === undefined
      ? { write: (line: string): void => void writeWhole(2, line) }
      : new BoundedLogFile(options.file);
  return pino({ level: options.level, base: { pid: process.pid } }, destination);
}

/** An open log file; whoever opened it closes `fd`. */
export interface OpenLogFile {
  readonly fd: number;
  readonly sizeBytes: number;
}

/** Opens a log file for appending; one beyond the limit becomes `file.1` first, where it can. */
export function openLogFile(file: string): OpenLogFile {
  const fd = openSync(file, 'a', 0o600);
  const sizeBytes = fstatSync(fd).size;
  if (sizeBytes <= logFileBytesMax) return { fd, sizeBytes };
  try {
    renameSync(file, `${file}.1`);
    const next = openSync(file, 'a', 0o600);
    closeSync(fd);
    return { fd: next, sizeBytes: 0 };
  } catch {
    // A full or read-only disk, no descriptors left: the lines go on where they are.
    return { fd, sizeBytes };
  }
}

/** A stream as pino wants it. A log that cannot be written must not stop the service. */
class BoundedLogFile {
  readonly #file: string;
  #fd: number;
  #sizeBytes: number;

  constructor(file: string) {
    this.#file = file;
    ({ fd: this.#fd, sizeBytes: this.#sizeBytes } = openLogFile(file));
  }

  write(line: string): void {
    this.#sizeBytes += writeWhole(this.#fd, line);
    if (this.#sizeBytes <= logFileBytesMax) return;
    const old = this.#fd;
    try {
      ({ fd: this.#fd, sizeBytes: this.#sizeBytes } = openLogFile(this.#file));
    } catch {
      // Never without an open file: its number would soon be that of another.
      return;
    }
    closeSync(old);
  }
}

/** Returns the bytes written; 0 where the disk is full or the terminal is gone. */
function writeWhole(fd: number, line: string): number {
  const bytes = Buffer.from(line);
  try {
    let offset = 0;
    while (offset < bytes.length) offset += writeSync(fd, bytes, offset);
    return offset;
  } catch {
    // There is no better place left to report it to.
    return 0;
  }
}

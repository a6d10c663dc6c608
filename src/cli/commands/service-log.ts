/** `service log`: the log file for people. */
import { setTimeout as delay } from 'node:timers/promises';
import { open, stat } from 'node:fs/promises';
import { isErrno } from '../../base/errors.js';
import type { Style } from '../terminal.js';

/** Between two looks at the file while it is followed. */
const pollMs = 250;

/** What one line takes at most when the end of a file is looked for; longer ones are cut. */
const readBytes = 64 << 10;

/** The last `count` lines of `file`, and where they end. Nothing where there is no file. */
export async function loadLastLines(
  file: string,
  count: number,
): Promise<{ readonly lines: readonly string[]; readonly endBytes: number }> {
  let handle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { lines: [], endBytes: 0 };
    throw error;
  }
  try {
    const { size } = await handle.stat();
    let from = size;
    let bytes = Buffer.alloc(0);
    // One line end more than lines: the first one read may be the rest of a line.
    while (from > 0 && countLineEnds(bytes) <= count) {
      const length = Math.min(readBytes, from);
      from -= length;
      const piece = await handle.read(Buffer.alloc(length), 0, length, from);
      bytes = Buffer.concat([piece.buffer.subarray(0, piece.bytesRead), bytes]);
    }
    const end = bytes.lastIndexOf(0x0a) + 1;
    const lines = end === 0 ? [] : bytes.toString('utf8', 0, end - 1).split('\n');
    const endBytes = size - (bytes.length - end);
    return { lines: count === 0 ? [] : lines.slice(-count), endBytes };
  } finally {
    await handle.close();
  }
}

/**
 * Calls `onLine` for each line that comes after `fromBytes`, until `signal` is aborted. A file that
 * became shorter, or another one, was renamed because it was full: it is read from its start.
 */
export async function followLines(
  file: string,
  fromBytes: number,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let offset = fromBytes;
  let inode: number | undefined;
  while (!signal.aborted) {
    const status = await stat(file).catch(() => undefined);
    if (status !== undefined) {
      if ((inode !== undefined && inode !== status.ino) || status.size < offset) offset = 0;
      inode = status.ino;
      if (status.size > offset) offset = await readOn(file, offset, onLine);
    }
    await delay(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Reads the whole lines from `offset` on; returns where they end. */
async function readOn(
  file: string,
  offset: number,
  onLine: (line: string) => void,
): Promise<number> {
  const handle = await open(file, 'r');
  try {
    let bytes = Buffer.alloc(0);
    for (;;) {
      const position = offset + bytes.length;
      const piece = await handle.read(Buffer.alloc(readBytes), 0, readBytes, position);
      if (piece.bytesRead === 0) break;
      bytes = Buffer.concat([bytes, piece.buffer.subarray(0, piece.bytesRead)]);
    }
    const end = bytes.lastIndexOf(0x0a) + 1;
    if (end > 0) for (const line of bytes.toString('utf8', 0, end - 1).split('\n')) onLine(line);
    return offset + end;
  } finally {
    await handle.close();
  }
}

/** One line of the log for people; one that the logger did not write is left as it is. */
export function renderLogLine(line: string, style: Style): string {
  const entry = parseEntry(line);
  if (entry === undefined) return line;
  const { level, time, msg, pid: _pid, hostname: _host, err, ...others } = entry;
  const fields = Object.entries(others).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const at = typeof time === 'number' ? formatLocalTime(time) : '';
  const head = [style.dim(at), renderLevel(level, style), typeof msg === 'string' ? msg : '']
    .filter((part) => part !== '')
    .join(' ');
  const text = fields.length === 0 ? head : `${head} ${style.dim(fields.join(' '))}`;
  const trace = renderError(err);
  return trace === '' ? text : `${text}\n${trace}`;
}

type Entry = Readonly<Record<string, unknown>>;

function parseEntry(line: string): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' && entry !== null && 'level' in entry ? entry : undefined;
  } catch {
    // A line of node itself or of a native library.
    return undefined;
  }
}

/** pino's numbers: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal. */
function renderLevel(level: unknown, style: Style): string {
  if (typeof level !== 'number') return '';
  if (level >= 60) return style.bad('fatal');
  if (level >= 50) return style.bad('error');
  if (level >= 40) return style.warn('warn ');
  if (level >= 30) return style.good('info ');
  return style.dim(level >= 20 ? 'debug' : 'trace');
}

function renderError(err: unknown): string {
  if (typeof err !== 'object' || err === null) return '';
  const { stack, message } = err as Entry;
  const text = typeof stack === 'string' ? stack : message;
  return typeof text === 'string' ? text.replace(/^/gm, '    ') : '';
}

function formatLocalTime(timeMs: number): string {
  const time = new Date(timeMs - new Date(timeMs).getTimezoneOffset() * 60_000);
  return time.toISOString().slice(0, -1).replace('T', ' ');
}

function countLineEnds(bytes: Buffer): number {
  let count = 0;
  for (const byte of bytes) if (byte === 0x0a) count++;
  return count;
}

/**
 * Keeps decisions over restarts of the service: a file of JSON lines, a header and then one row
 * each, oldest first. It is information for people: what a kill loses is lost, and whatever cannot
 * be read counts as not there.
 */
import { constants } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import * as v from 'valibot';
import {
  decisionFileBytesMax,
  decisionQuietMs,
  decisionRowsMax,
  decisionTextCharactersMax,
  decisionWaitMs,
  symlinkBytesMax,
} from '../base/limits.js';
import type { Logger } from '../base/log.js';
import { currentBoot } from '../host/process-tree.js';
import { DecisionLog, type UnitDecision } from './decisions.js';

export interface DecisionFileOptions {
  readonly path: string;
  readonly log: Logger;
  /** Process ids and start times mean nothing in another boot. */
  readonly boot?: string;
}

/** Rows that are turned into text, or read, before others may use the thread (about 2 ms). */
const stepRows = 500;

const name = v.pipe(v.string(), v.maxLength(symlinkBytesMax));
const place = v.pipe(name, v.startsWith('/'));
const text = v.pipe(v.string(), v.maxLength(decisionTextCharactersMax));
const amount = v.pipe(v.number(), v.finite(), v.minValue(0));
const reason = { reason: text, message: text };

const headerSchema = v.strictObject({ version: v.literal(1), boot: v.string() });

const rowSchema: v.GenericSchema<unknown, UnitDecision> = v.strictObject({
  // The last time that a date can be.
  atMs: v.pipe(amount, v.safeInteger(), v.maxValue(8_640_000_000_000_000)),
  session: v.pipe(v.string(), v.regex(/^(?:\d{1,10}:\d{1,20}(?:@[\w-]{1,36})?)?$/)),
  directory: place,
  workspace: place,
  profilePath: name,
  package: v.nullable(name),
  unitHash: name,
  state: v.picklist(['served', 'missed', 'compiled']),
  savedMs: amount,
  miss: v.nullable(v.strictObject(reason)),
  verdict: v.nullable(
    v.strictObject({
      ...reason,
      outcome: v.picklist(['stored', 'kept-private']),
      isOwn: v.boolean(),
    }),
  ),
  counted: v.picklist(['not', 'missed', 'judged']),
});

/** A decision log that is written down at quiet times, and when it is closed. */
export class SavedDecisions implements AsyncDisposable {
  readonly decisions: DecisionLog;
  readonly #options: Required<DecisionFileOptions>;
  #timer: NodeJS.Timeout | undefined;
  /** Since when something waits to be written; undefined while nothing does. */
  #waitsSinceMs: number | undefined;
  #saved: Promise<void> = Promise.resolve();
  #hasFailed = false;
  #isClosed = false;

  private constructor(options: Required<DecisionFileOptions>) {
    this.#options = options;
    this.decisions = new DecisionLog({ changed: () => this.#schedule() });
  }

  /** With what the file has. Does not fail: a file that cannot be read is replaced later. */
  static async open({
    path,
    log,
    boot = currentBoot(),
  }: DecisionFileOptions): Promise<SavedDecisions> {
    const saved = new SavedDecisions({ path, log, boot });
    try {
      saved.decisions.restore(await loadDecisions(path, boot));
    } catch (error) {
      log.info({ err: error }, 'earlier decisions could not be read');
    }
    return saved;
  }

  /** Writes what waits; later changes stay in memory. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (this.#waitsSinceMs !== undefined) this.#save();
    await this.#saved;
  }

  #schedule(): void {
    if (this.#isClosed) return;
    const nowMs = performance.now();
    this.#waitsSinceMs ??= nowMs;
    clearTimeout(this.#timer);
    const leftMs = Math.max(0, this.#waitsSinceMs + decisionWaitMs - nowMs);
    this.#timer = setTimeout(() => this.#save(), Math.min(decisionQuietMs, leftMs)).unref();
  }

  #save(): void {
    this.#waitsSinceMs = undefined;
    const { path, log, boot } = this.#options;
    this.#saved = this.#saved
      .then(async () => await saveDecisions(path, boot, this.decisions.rows()))
      .then(() => {
        this.#hasFailed = false;
      })
      .catch((error: unknown) => {
        // Once: a full disk would repeat it for each build.
        if (!this.#hasFailed) log.warn({ err: error }, 'decisions could not be written');
        this.#hasFailed = true;
      });
  }
}

/**
 * The rows of the file, oldest first; sessions of an earlier boot get names that no process of this
 * one can have. Lines that are no rows are left out. Throws only where the disk fails.
 */
export async function loadDecisions(path: string, boot: string): Promise<readonly UnitDecision[]> {
  const bytes = await readBounded(path);
  const [header = '', ...lines] = bytes.toString('utf8').split('\n');
  const known = v.safeParse(headerSchema, parseJson(header));
  if (!known.success) return [];
  const suffix = known.output.boot === boot ? '' : `@${known.output.boot.slice(0, 8)}`;
  const rows: UnitDecision[] = [];
  for (const [index, line] of lines.slice(-decisionRowsMax).entries()) {
    if (index % stepRows === stepRows - 1) await setImmediate();
    const row = v.safeParse(rowSchema, parseJson(line));
    if (row.success) rows.push(ofBoot(row.output, suffix));
  }
  return rows;
}

/** Replaces the file with the latest of `rows` (oldest first) that fit. */
export async function saveDecisions(
  path: string,
  boot: string,
  rows: readonly UnitDecision[],
): Promise<void> {
  const lines: string[] = [];
  let sizeBytes = 0;
  for (const [index, row] of rows.toReversed().entries()) {
    if (index % stepRows === stepRows - 1) await setImmediate();
    const line = `${JSON.stringify(row)}\n`;
    sizeBytes += Buffer.byteLength(line);
    if (sizeBytes > decisionFileBytesMax) break;
    lines.push(line);
  }
  lines.push(`${JSON.stringify({ version: 1, boot })}\n`);
  // What a kill has left of an earlier attempt, or somebody else has put there.
  await rm(`${path}.new`, { force: true });
  const handle = await open(`${path}.new`, 'wx', 0o600);
  try {
    await writeLines(handle, lines.reverse());
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
}

async function writeLines(handle: FileHandle, lines: readonly string[]): Promise<void> {
  for (let start = 0; start < lines.length; start += stepRows) {
    await handle.writeFile(lines.slice(start, start + stepRows).join(''));
  }
}

/** Nothing where it is missing, no file, or larger than what is ever written there. */
async function readBounded(path: string): Promise<Buffer> {
  let handle: FileHandle;
  try {
    // Whoever put a FIFO there would be waited for.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const stats = await handle.stat();
    const isOurs = stats.isFile() && stats.size <= 2 * decisionFileBytesMax;
    return isOurs ? await handle.readFile() : Buffer.alloc(0);
  } finally {
    await handle.close();
  }
}

function ofBoot(row: UnitDecision, suffix: string): UnitDecision {
  const isOfThisBoot = suffix === '' || row.session === '' || row.session.includes('@');
  return isOfThisBoot ? row : { ...row, session: `${row.session}${suffix}` };
}

/** Undefined for what is no JSON. */
function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** What a view's directory remembers of its workspace's absence, over restarts of the service. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { isErrno } from '../base/errors.js';
import type { ViewDirectory } from './view-directory.js';

/** Since when the workspace of a view is missing. */
export interface MissingMark {
  readonly sinceMs: number;
  /** How often it was looked for and not found: one look at a wrong clock is not enough. */
  readonly sightings: number;
}

const markSchema = v.object({ sinceMs: v.number(), sightings: v.number() });

/** Undefined where the workspace was there when somebody last looked. */
export async function loadMissingSince(view: ViewDirectory): Promise<MissingMark | undefined> {
  try {
    const parsed = v.safeParse(markSchema, JSON.parse(await readFile(markPath(view), 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch (error) {
    // Half a mark is none: the time is then counted anew.
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Notes one more look that found nothing. A mark of the future is from a clock that was wrong. */
export async function markMissing(view: ViewDirectory, nowMs: number): Promise<MissingMark> {
  const before = await loadMissingSince(view);
  const mark =
    before === undefined || before.sinceMs > nowMs
      ? { sinceMs: nowMs, sightings: 1 }
      : { sinceMs: before.sinceMs, sightings: before.sightings + 1 };
  await writeFile(markPath(view), JSON.stringify(mark), { mode: 0o600 });
  return mark;
}

/** The workspace is there. */
export async function clearMissing(view: ViewDirectory): Promise<void> {
  await rm(markPath(view), { force: true });
}

function markPath(view: ViewDirectory): string {
  return join(view.directory, 'missing.json');
}

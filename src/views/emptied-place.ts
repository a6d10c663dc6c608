/** The directory of a view that somebody empties and removes. */
import { access, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from '../host/run-command.js';

/** How long after the last file the directory itself is removed, by cargo or rm. */
const removalMs = 300;
const pollMs = 2;

/** Waits for the removal of an emptied directory, which may never come. */
export async function untilGone(directory: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < removalMs; waitedMs += pollMs) {
    try {
      await access(directory);
    } catch {
      return;
    }
    await delay(pollMs);
  }
}

/** What a cargo that ends with the mount still writes in its place: it makes these files anew. */
const leftovers: ReadonlySet<string> = new Set(['.rustc_info.json', 'CACHEDIR.TAG']);

/** Removes what says nothing, where there is nothing else. */
export async function removeLeftovers(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  if (!entries.every((entry) => entry.isFile() && leftovers.has(entry.name))) return;
  for (const { name } of entries) await rm(join(directory, name), { force: true });
}

/**
 * The kernel still knows the name of a view in the per-user mount that is gone, and would answer
 * ESTALE for what is made below it. A symlink may not be made there, but before it is refused the
 * kernel looks the name up anew (LOOKUP_EXCL), whatever is there by now.
 */
export async function dropKernelName(place: string): Promise<void> {
  await runCommand('ln', ['-sT', '--', 'nothing', place]);
}

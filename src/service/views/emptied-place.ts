/** The directory of a view that somebody empties and removes. */
import { access } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from '../../base/run-command.js';

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

/**
 * The kernel still knows the name of a view in the per-user mount that is gone, and would answer
 * ESTALE for what is made below it. A symlink may not be made there, but before it is refused the
 * kernel looks the name up anew (LOOKUP_EXCL), whatever is there by now.
 */
export async function dropKernelName(place: string): Promise<void> {
  await runCommand('ln', ['-sT', '--', 'nothing', place]);
}

/** Tells the environments that cargo processes were started in apart, without looking into them. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { programOf } from './process-tree.js';

/** Shells set these anew for each command. */
export const fleetingVariables: ReadonlySet<string> = new Set(['_', 'SHLVL', 'OLDPWD']);

/**
 * Equal for two processes that were started in the same directory with the same variables; undefined
 * where the process is gone, or runs a program below `mountPoint`: then its memory may wait for
 * whoever asks. Reads /proc only, which is never under a mount of ours.
 */
export function builderDigest(pid: number, mountPoint: string): string | undefined {
  if (programOf(pid).startsWith(`${mountPoint}/`)) return undefined;
  try {
    const environ = readFileSync(`/proc/${pid}/environ`, 'latin1');
    const kept = environ
      .split('\0')
      .filter((entry) => !fleetingVariables.has(entry.slice(0, Math.max(0, entry.indexOf('=')))));
    const directory = readlinkSync(`/proc/${pid}/cwd`, 'latin1');
    const text = JSON.stringify([directory, ...kept.sort()]);
    return createHash('sha256').update(text).digest('hex').slice(0, 32);
  } catch {
    return undefined;
  }
}

/**
 * Who builds in a view: cargo holds an exclusive flock(2) on a file of the profile directory from
 * planning to the end of a build (cargo-rules §7.4), and the kernel names its holder. Reads /proc
 * only, so the serving thread may call it.
 */
import { findMount } from './mount-table.js';
import { readLockTable } from './process-tree.js';

/** `major:minor` of the file system mounted at `mountPoint`, in decimal; undefined where none is. */
export function deviceOf(mountPoint: string): string | undefined {
  try {
    return findMount(mountPoint)?.device;
  } catch {
    // Without /proc nothing is known, which is an answer.
    return undefined;
  }
}

/** Processes that hold an exclusive flock on one of the inodes; those that wait are not among them. */
export function exclusiveHolders(device: string, inodes: ReadonlySet<number>): readonly number[] {
  return parseExclusiveHolders(readLockTable(), device, inodes);
}

/** Reads the format of proc_locks(5); there the device is hexadecimal. */
export function parseExclusiveHolders(
  text: string,
  device: string,
  inodes: ReadonlySet<number>,
): readonly number[] {
  const [major = 0, minor = 0] = device.split(':').map(Number);
  const holders = new Set<number>();
  for (const line of text.split('\n')) {
    const [, kind, , access, pid, place = ''] = line.trim().split(/\s+/);
    if (kind !== 'FLOCK' || access !== 'WRITE') continue;
    const [lockMajor = '', lockMinor = '', inode = ''] = place.split(':');
    const isHere =
      Number.parseInt(lockMajor, 16) === major && Number.parseInt(lockMinor, 16) === minor;
    if (isHere && inodes.has(Number(inode))) holders.add(Number(pid));
  }
  return [...holders];
}

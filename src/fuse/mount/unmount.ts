/** Taking mounts away: in order, in an exit handler, and after a server has died. */
import { XcacheError } from '../../base/errors.js';
import { runCommand, runCommandSync, type CommandResult } from '../../host/run-command.js';
import { findMount } from '../../host/mount-table.js';
import { describeMountUsers, findMountUsers } from '../../host/mount-users.js';

export interface UnmountOptions {
  /** Take it out of the tree at once, even in use; it ends when its last user leaves it. */
  readonly lazy: boolean;
}

/**
 * Unmounts what is mounted on `mountPoint`, whichever driver serves it; returns where nothing is.
 * The serving thread then sees the end of its connection. Its mount must still be served, or be
 * dead: the mount tool of root may ask the file system for attributes.
 * Throws XC_UNMOUNT_BUSY where a process still uses it.
 */
export async function unmount(mountPoint: string, { lazy }: UnmountOptions): Promise<void> {
  if (!findMount(mountPoint)) return;
  const { file, args } = unmountCommand(mountPoint, lazy ? 'lazy' : 'orderly');
  await assertUnmounted(mountPoint, file, await runCommand(file, args));
}

/**
 * For the end of the process: takes the mount away and, as root, ends its connection, whoever uses
 * it. Returns whether the connection ends by this. False: the mount was not there or could not be
 * taken away, or somebody else than root detached it in use; a thread that still serves it then
 * sleeps until the process is killed.
 */
export function unmountSync(mountPoint: string): boolean {
  if (!findMount(mountPoint)) return false;
  if (process.geteuid?.() === 0) return runUnmountSync(mountPoint, 'forced');
  if (runUnmountSync(mountPoint, 'orderly')) return true;
  runUnmountSync(mountPoint, 'lazy');
  return false;
}

/**
 * For the thread that serves the mount, whose other work waits meanwhile: takes the mount out of the
 * tree and leaves its users what they have open. Returns whether it is gone. Neither tool asks
 * anything of the file system itself (native-notes/ends-of-a-mount.md).
 */
export function detachSync(mountPoint: string): boolean {
  return runUnmountSync(mountPoint, 'lazy');
}

/** Only root can force. */
type Manner = 'orderly' | 'lazy' | 'forced';

function runUnmountSync(mountPoint: string, manner: Manner): boolean {
  const { file, args } = unmountCommand(mountPoint, manner);
  const result = runCommandSync(file, args);
  return result.kind === 'exited' && result.status === 0;
}

function unmountCommand(mountPoint: string, manner: Manner): { file: string; args: string[] } {
  if (process.geteuid?.() === 0) {
    // -i: no helper program; -c: the path is not resolved, which would enter the mount.
    const flags = { orderly: [], lazy: ['-l'], forced: ['-l', '-f'] }[manner];
    return { file: 'umount', args: ['-i', '-c', ...flags, '--', mountPoint] };
  }
  // fusermount3 cannot force.
  const flags = manner === 'orderly' ? [] : ['-z'];
  return { file: 'fusermount3', args: ['-u', ...flags, '--', mountPoint] };
}

async function assertUnmounted(
  mountPoint: string,
  file: string,
  result: CommandResult,
): Promise<void> {
  if (result.kind === 'exited' && result.status === 0) return;
  // Someone else may have been faster.
  if (!findMount(mountPoint)) return;
  if (result.kind === 'missing') {
    throw new XcacheError('XC_NO_FUSERMOUNT', `${mountPoint}: the program ${file} is missing`, {
      hint: 'install it: apt install fuse3',
    });
  }
  if (result.kind === 'timeout') {
    throw new XcacheError('XC_UNMOUNT_BUSY', `${mountPoint}: ${file} does not come back`);
  }
  if (/busy/i.test(result.stderr)) {
    const users = describeMountUsers(await findMountUsers(mountPoint));
    throw new XcacheError('XC_UNMOUNT_BUSY', `${mountPoint} is in use by ${users}`, {
      hint: 'let it leave the directory, then try again',
    });
  }
  const message = `${mountPoint} could not be unmounted: ${result.stderr}`;
  throw new XcacheError('XC_MOUNT_FAILED', message);
}

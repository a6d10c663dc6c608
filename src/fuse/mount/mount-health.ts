/**
 * Mounts whose server is gone. Everything that enters one fails with ENOTCONN, and one whose
 * server hangs blocks whoever enters it, so only child processes do.
 */
import { XcacheError } from '../../base/errors.js';
import { runCommand } from '../../host/run-command.js';
import { findMount } from '../../host/mount-table.js';
import { unmount } from './unmount.js';

/** Longer than a busy server needs for one answer, short enough for a command to wait for. */
const probeTimeoutMs = 5_000;

/** ENOTCONN after the server's end, ECONNABORTED after an abort, ECONNREFUSED after a failed INIT. */
const deadMessages = /endpoint is not connected|caused connection abort|Connection refused/;

/** What a process that enters the mount meets. */
export type MountHealth = 'alive' | 'dead' | 'hanging';

/**
 * Looks at what is mounted on `path` through a child process. It asks for statfs, which the kernel
 * passes on every time: attributes of a mount that died are still answered from its cache.
 */
export async function probeMount(path: string): Promise<MountHealth> {
  const result = await runCommand('stat', ['-f', '-c', '%i', '--', path], {
    timeoutMs: probeTimeoutMs,
  });
  switch (result.kind) {
    case 'timeout':
      return 'hanging';
    case 'missing':
      throw new XcacheError('XC_MOUNT_FAILED', 'the program stat is missing', {
        hint: 'install it: apt install coreutils',
      });
    case 'exited':
      return deadMessages.test(result.stderr) ? 'dead' : 'alive';
  }
}

/** Whether `path` is a mount point whose server has died. */
export async function isDeadMount(path: string): Promise<boolean> {
  return findMount(path) !== undefined && (await probeMount(path)) === 'dead';
}

/** Takes a dead mount away, so that the directory below can be used and mounted on again. */
export async function detachDeadMount(path: string): Promise<void> {
  await unmount(path, { lazy: true });
}

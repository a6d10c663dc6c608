/** Mounts for the driver `direct`: a descriptor of /dev/fuse that is connected to a mount point. */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { isErrno, XcacheError } from '../../base/errors.js';
import { messageBytesMax } from '../../base/limits.js';
import { runCommand, type CommandResult } from '../../host/run-command.js';
import { mountThroughHelper } from './mount-helper.js';
import { ensureMountHelper, type MountHelperPlace } from './mount-helper-build.js';
import { findMount } from '../../host/mount-table.js';
import { unmount } from './unmount.js';

export type { MountHelperPlace };

/** The type that the mount table shows for our mounts, whichever driver serves them. */
export const mountType = 'fuse.xcache';

/** What the mount table shows as the device. A constant: mount tools give commas a meaning. */
const mountSource = 'xcache';

export interface DirectMount {
  /** For `runDirectLoop`; owned by the caller, who closes it after the loop has ended. */
  readonly fd: number;
  readonly mountPoint: string;
  /** `major:minor`; the minor number names the directory in /sys/fs/fuse/connections. */
  readonly device: string;
}

/**
 * Mounts on the existing, absolute and resolved directory `mountPoint`. From then on whoever
 * enters it waits until a thread runs the loop on `fd`.
 *
 * Root mounts by itself. An ordinary user needs fusermount3 and the mount helper, which is compiled
 * into `helperPlace` where it is not there yet. Throws XC_NO_FUSE, XC_NO_FUSERMOUNT,
 * XC_NO_MOUNT_HELPER or XC_MOUNT_FAILED; then the driver `fuse-native` may still work.
 */
export async function openDirectMount(options: {
  readonly mountPoint: string;
  readonly helperPlace: MountHelperPlace;
}): Promise<DirectMount> {
  const { mountPoint, helperPlace } = options;
  const helper = await ensureDirectMountable(helperPlace);
  const fd = openFuseDevice();
  try {
    if (helper === undefined) {
      const result = await runCommand('mount', mountArguments(mountPoint), { inheritFd: fd });
      assertMounted(mountPoint, result);
    } else {
      await mountAsUser(mountPoint, helper, fd);
    }
    const device = findMount(mountPoint)?.device;
    if (device === undefined) {
      throw new XcacheError('XC_MOUNT_FAILED', `${mountPoint} is not in the table of mounts`);
    }
    raiseReadAhead(device);
    return { fd, mountPoint, device };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * The path of the mount helper, compiled where need be; undefined for root, who needs none.
 * Throws XC_NO_MOUNT_HELPER where it cannot be had.
 */
export async function ensureDirectMountable(
  helperPlace: MountHelperPlace,
): Promise<string | undefined> {
  return process.geteuid?.() === 0 ? undefined : await ensureMountHelper(helperPlace);
}

/** fusermount3 adds what names the user and the kind of the root by itself. */
async function mountAsUser(mountPoint: string, helper: string, fd: number): Promise<void> {
  const options = [...commonOptions, `fsname=${mountSource}`, 'subtype=xcache'].join(',');
  const before = findMount(mountPoint);
  try {
    await mountThroughHelper({ helper, mountPoint, options, fd });
  } catch (error) {
    // A helper that was killed may have mounted; nobody would ever serve that.
    const after = findMount(mountPoint);
    if (after?.fsType === mountType && after.device !== before?.device) {
      await unmount(mountPoint, { lazy: true });
    }
    throw error;
  }
}

/** Throws XC_NO_FUSE with what to do about it. */
export function openFuseDevice(): number {
  try {
    return openSync('/dev/fuse', 'r+');
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENODEV') || isErrno(error, 'ENXIO')) {
      throw new XcacheError('XC_NO_FUSE', 'there is no /dev/fuse', {
        cause: error,
        hint: 'load the kernel module (modprobe fuse); in a container: --device /dev/fuse --cap-add SYS_ADMIN',
      });
    }
    if (isErrno(error, 'EACCES') || isErrno(error, 'EPERM')) {
      throw new XcacheError('XC_NO_FUSE', 'this user may not open /dev/fuse', {
        cause: error,
        hint: 'as root: chmod 0666 /dev/fuse (what udev sets); in a container: --device /dev/fuse',
      });
    }
    throw error;
  }
}

const commonOptions = ['nosuid', 'nodev', `max_read=${messageBytesMax}`];

/**
 * No allow_other: nobody else has business in a build-dir. No default_permissions: the only user
 * who gets in owns every file, and it costs a GETATTR after each change in a directory.
 */
function mountArguments(mountPoint: string): string[] {
  const options = [
    'fd=3',
    'rootmode=40000',
    `user_id=${process.getuid?.() ?? 0}`,
    `group_id=${process.getgid?.() ?? 0}`,
    ...commonOptions,
  ];
  return ['-i', '-t', mountType, '-o', options.join(','), '--', mountSource, mountPoint];
}

function assertMounted(mountPoint: string, result: CommandResult): void {
  switch (result.kind) {
    case 'missing':
      throw new XcacheError('XC_MOUNT_FAILED', 'the program mount is missing', {
        hint: 'install it: apt install mount',
      });
    case 'timeout':
      throw new XcacheError('XC_MOUNT_FAILED', `${mountPoint}: mount does not come back`);
    case 'exited':
      if (result.status === 0) return;
      throw new XcacheError('XC_MOUNT_FAILED', `${mountPoint}: ${result.stderr}`, {
        ...(/permission denied|not permitted/i.test(result.stderr)
          ? { hint: 'in a container: --device /dev/fuse --cap-add SYS_ADMIN' }
          : {}),
      });
  }
}

/**
 * For root; for others nothing happens. Linkers write their output through a shared mapping, whose pages the kernel reads first: in
 * pieces of the read-ahead, 128 KiB by default. A matter of speed alone.
 */
export function raiseReadAhead(device: string): void {
  try {
    writeFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, String(messageBytesMax / 1024));
  } catch (error) {
    if (!isErrno(error, 'EACCES') && !isErrno(error, 'EROFS') && !isErrno(error, 'ENOENT')) {
      throw error;
    }
  }
}

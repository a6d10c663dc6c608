/** Mounts that a killed service of this user has left behind. */
import { detachDeadMount, probeMount, type MountHealth } from '../fs/mount-health.js';
import { mountType } from '../fs/mount-direct.js';
import { findMount, readMountTable } from '../fs/mount-table.js';

/** A mount of this user, made by any service of xcache. */
export interface OwnMount {
  readonly mountPoint: string;
  readonly health: MountHealth;
}

/** Every mount of this user with what a process that enters it meets; children do the looking. */
export async function probeOwnMounts(): Promise<readonly OwnMount[]> {
  const table = readMountTable();
  const user = `user_id=${process.geteuid?.() ?? 0}`;
  const own = table.filter(
    (entry) =>
      entry.fsType === mountType &&
      entry.superOptions.includes(user) &&
      // Something that covers it hides it from every path.
      findMount(entry.mountPoint, table)?.id === entry.id,
  );
  return await Promise.all(
    own.map(async ({ mountPoint }) => ({ mountPoint, health: await probeMount(mountPoint) })),
  );
}

/** Detaches those whose server is gone; returns their mount points. Throws `XC_MOUNT_FAILED`. */
export async function detachDeadMounts(): Promise<readonly string[]> {
  const dead = (await probeOwnMounts()).filter(({ health }) => health === 'dead');
  for (const { mountPoint } of dead) await detachDeadMount(mountPoint);
  return dead.map(({ mountPoint }) => mountPoint);
}

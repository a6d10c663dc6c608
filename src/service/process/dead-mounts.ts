/** Mounts that a killed service of this user has left behind. */
import { resolveMountPoint } from '../../fuse/mount/mount-check.js';
import { mountType } from '../../fuse/mount/mount-direct.js';
import { detachDeadMount, probeMount, type MountHealth } from '../../fuse/mount/mount-health.js';
import { findMount, readMountTable } from '../../host/mount-table.js';
import type { XcachePaths } from '../../host/paths.js';
import { loadViewRecords } from '../../views/view-directory.js';

/** A mount of this user, made by any service of xcache. */
export interface UserMount {
  readonly mountPoint: string;
  /** What a process meets that enters it. */
  readonly health: MountHealth;
  /** Whether it is one of the service of these paths; a user may have several stores. */
  readonly isOwn: boolean;
}

/** Every mount of this user; children do the looking. */
export async function probeUserMounts(paths: XcachePaths): Promise<readonly UserMount[]> {
  const table = readMountTable();
  const user = `user_id=${process.geteuid?.() ?? 0}`;
  const found = table.filter(
    (entry) =>
      entry.fsType === mountType &&
      entry.superOptions.includes(user) &&
      // Something that covers it hides it from every path.
      findMount(entry.mountPoint, table)?.id === entry.id,
  );
  if (found.length === 0) return [];
  const own = new Set([
    await resolveMountPoint(paths.autoMountDirectory),
    ...(await loadViewRecords(paths.viewsDirectory)).map(({ mountPoint }) => mountPoint),
  ]);
  return await Promise.all(
    found.map(async ({ mountPoint }) => ({
      mountPoint,
      health: await probeMount(mountPoint),
      isOwn: own.has(mountPoint),
    })),
  );
}

/**
 * Detaches those of the service of `paths` whose server is gone; returns their mount points. Throws
 * `XC_MOUNT_FAILED`.
 */
export async function detachDeadMounts(paths: XcachePaths): Promise<readonly string[]> {
  const mounts = await probeUserMounts(paths);
  const dead = mounts.filter(({ health, isOwn }) => isOwn && health === 'dead');
  for (const { mountPoint } of dead) await detachDeadMount(mountPoint);
  return dead.map(({ mountPoint }) => mountPoint);
}

/**
 * Looks at a mount point through child processes: its path may lead through a mount that this
 * process serves, or that is dead.
 */
import { closeSync, constants } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { XcacheError } from '../../base/errors.js';
import {
  exchangeProblem,
  findExchangeable,
  inForeignHands,
  type WayProblem,
} from '../../host/replaceable-path.js';
import { runCommand } from '../../host/run-command.js';
import {
  planMountPoint,
  type MountPointFacts,
  type MountPointPlan,
  type PathKind,
} from './mount-plan.js';
import { loadFuseNative } from '../fuse-native/fuse-native-binding.js';
import { ensureDirectMountable, mountType, openFuseDevice } from './mount-direct.js';
import { checkFusermount } from './mount-helper.js';
import type { MountHelperPlace } from './mount-helper-build.js';
import { detachDeadMount, probeMount } from './mount-health.js';
import { findMount, readMountTable } from '../../host/mount-table.js';

/** The absolute path without symbolic links; its last components may be missing. */
export async function resolveMountPoint(path: string): Promise<string> {
  const absolute = resolve('/', path);
  const whole = await realpath(absolute);
  if (whole !== undefined) return whole;
  // A dead mount cannot be looked at, its parent can.
  const parent = await realpath(dirname(absolute));
  return parent === undefined ? absolute : join(parent, basename(absolute));
}

/**
 * Like `resolveMountPoint`; throws XC_MOUNT_POINT where another user could lead the way, by a
 * symbolic link, to a place that has nothing to do with it.
 */
export async function resolveOwnMountPoint(path: string): Promise<string> {
  const resolved = await resolveMountPoint(path);
  // Without symbolic links the place itself is looked at before it is used.
  if (resolved === resolve('/', path)) return resolved;
  // Nothing hangs on this way: it was gone a moment ago, by a child.
  const foreign = await findExchangeable(path);
  if (foreign !== undefined) throw inForeignHands(path, foreign);
  return resolved;
}

async function realpath(path: string): Promise<string | undefined> {
  const result = await runCommand('realpath', ['-m', '-z', '--', path]);
  if (result.kind !== 'exited' || result.status !== 0) return undefined;
  return result.stdout.replace(/\0$/, '');
}

export interface MountPointCheck {
  readonly driver: 'direct' | 'fuse-native';
  /** Mount points that this process serves. */
  readonly ownMountPoints: readonly string[];
  /** Directories of this program, absolute and resolved, that a mount must not hide. */
  readonly ownDirectories: readonly string[];
  /** Used for the driver direct where the user is not root. */
  readonly helperPlace: MountHelperPlace;
}

/**
 * Tells what is to be done before a mount on the resolved `path`, and changes nothing. Throws what
 * `planMountPoint` throws, and XC_NO_FUSE, XC_NO_FUSERMOUNT or XC_NO_LIBFUSE where the driver
 * lacks something that can be known beforehand.
 */
export async function checkMountPoint(
  path: string,
  check: MountPointCheck,
): Promise<MountPointPlan> {
  const plan = planMountPoint(await loadMountPointFacts(path, check));
  if (plan.kind !== 'served') await checkDriver(check.driver);
  return plan;
}

/**
 * Like `checkMountPoint`, and makes `path` ready: creates it where only it is missing, detaches
 * what a killed service left on it, and compiles the mount helper where one is needed and missing
 * (XC_NO_MOUNT_HELPER where that fails).
 */
export async function prepareMountPoint(
  path: string,
  check: MountPointCheck,
): Promise<'ready' | 'created' | 'served'> {
  for (;;) {
    const { kind } = await checkMountPoint(path, check);
    if (check.driver === 'direct' && kind !== 'served') {
      await ensureDirectMountable(check.helperPlace);
    }
    switch (kind) {
      case 'create':
        await createMountPoint(path);
        return 'created';
      case 'detach-dead':
        // Mounts can be stacked, and what lies below is to be judged too.
        await detachDeadMount(path);
        continue;
      case 'ready':
      case 'served':
        return kind;
    }
  }
}

async function createMountPoint(path: string): Promise<void> {
  try {
    // Named, because the umask of the service is 0.
    await mkdir(path, { mode: 0o755 });
  } catch (error) {
    throw new XcacheError('XC_MOUNT_POINT', `${path} cannot be made: ${String(error)}`, {
      cause: error,
      hint: 'make it yourself, or join with all workspaces: xcache setup',
    });
  }
}

async function checkDriver(driver: MountPointCheck['driver']): Promise<void> {
  closeSync(openFuseDevice());
  const isUser = process.geteuid?.() !== 0;
  if (driver === 'direct') {
    if (isUser) await checkFusermount('fusermount3');
    return;
  }
  // libfuse 2 mounts by itself for root, and through a set-uid program of this name for others.
  if (isUser) await checkFusermount('fusermount');
  loadFuseNative();
}

/** Collects what `planMountPoint` decides on. */
async function loadMountPointFacts(
  path: string,
  own: Omit<MountPointCheck, 'driver'>,
): Promise<MountPointFacts> {
  const mountTable = readMountTable();
  const userUid = process.geteuid?.() ?? 0;
  const { ownMountPoints, ownDirectories } = own;
  const foreign = ownMountPoints.includes(path) ? undefined : await findForeign(path);
  const base = { path, foreign, ownMountPoints, ownDirectories, mountTable, userUid };
  const covering = findMount(path, mountTable);
  if (ownMountPoints.includes(path) || covering) {
    const isForeign = covering?.fsType === mountType && !ownMountPoints.includes(path);
    const health = isForeign ? await probeMount(path) : undefined;
    return { ...base, kind: 'directory', ownerUid: undefined, parentKind: 'directory', health };
  }
  const { kind, ownerUid } = await lookAt(path);
  const parent = kind === 'missing' ? await lookAt(dirname(path)) : undefined;
  return { ...base, kind, ownerUid, parentKind: parent?.kind ?? 'directory', health: undefined };
}

/** The first directory above the resolved `path` that lets others exchange what is in it. */
async function findForeign(path: string): Promise<WayProblem | undefined> {
  const parents: string[] = [];
  for (let at = dirname(path); parents[0] !== at; at = dirname(at)) parents.unshift(at);
  const result = await runCommand('stat', ['-c', '%u %g %f', '--', ...parents]);
  // What is missing comes last, and is for others to judge.
  const lines = result.kind === 'exited' ? result.stdout.split('\n').filter(Boolean) : [];
  if (lines.length === 0) return { path: dirname(path), problem: 'cannot be looked at' };
  for (const [index, line] of lines.entries()) {
    const [uid = '', gid = '', mode = ''] = line.split(' ');
    const parent = { uid: Number(uid), gid: Number(gid), mode: Number.parseInt(mode, 16) };
    const at = parents[index] ?? '/';
    if ((parent.mode & constants.S_IFMT) === constants.S_IFLNK) {
      return { path: at, problem: 'has become a symlink' };
    }
    const problem = exchangeProblem(parent);
    if (problem !== undefined) return { path: at, problem };
  }
  return undefined;
}

async function lookAt(path: string): Promise<{ kind: PathKind; ownerUid: number | undefined }> {
  const result = await runCommand('stat', ['-c', '%u %F', '--', path]);
  if (result.kind !== 'exited') {
    throw new XcacheError('XC_MOUNT_POINT', `${path} cannot be looked at: stat ${result.kind}`);
  }
  if (result.status !== 0) {
    if (/No such file|Not a directory/.test(result.stderr)) {
      return { kind: 'missing', ownerUid: undefined };
    }
    throw new XcacheError('XC_MOUNT_POINT', result.stderr.replace(/^stat: /, ''));
  }
  const [uid, ...type] = result.stdout.trim().split(' ');
  const kind = type.join(' ') === 'directory' ? 'directory' : 'other';
  return { kind, ownerUid: Number(uid) };
}

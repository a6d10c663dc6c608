/** Whether a view may be mounted on a directory: a pure decision over facts. */
import { XcacheError } from '../../base/errors.js';
import { inForeignHands, type WayProblem } from '../../host/replaceable-path.js';
import { mountType } from './mount-direct.js';
import type { MountHealth } from './mount-health.js';
import {
  findMount,
  findMountContaining,
  isWithin,
  type MountEntry,
} from '../../host/mount-table.js';

/** What stands at a path. */
export type PathKind = 'missing' | 'directory' | 'other';

export interface MountPointFacts {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly kind: PathKind;
  /** Of the directory, where there is one. */
  readonly ownerUid: number | undefined;
  readonly parentKind: PathKind;
  /** What on the way to the path others could exchange. */
  readonly foreign: WayProblem | undefined;
  readonly userUid: number;
  readonly mountTable: readonly MountEntry[];
  /** Of what is mounted there, if it is a mount of this program that this service does not serve. */
  readonly health: MountHealth | undefined;
  /** Mount points that this service serves. */
  readonly ownMountPoints: readonly string[];
  /** Directories of this program (store, views), absolute and resolved. */
  readonly ownDirectories: readonly string[];
}

export type MountPointPlan =
  /** It is an ordinary directory. */
  | { readonly kind: 'ready' }
  /** It is missing, its parent is there. */
  | { readonly kind: 'create' }
  /** A killed service left a mount behind that must be detached first. */
  | { readonly kind: 'detach-dead' }
  /** This service serves it already. */
  | { readonly kind: 'served' };

const buildDirHint = 'mount a build directory such as ./target';

/**
 * Decides what is to be done before mounting. Throws XC_MOUNT_POINT, XC_MOUNTED_ELSEWHERE,
 * XC_NESTED or XC_READ_ONLY with a sentence for the user.
 */
export function planMountPoint(facts: MountPointFacts): MountPointPlan {
  const { path } = facts;
  if (facts.ownMountPoints.includes(path)) return { kind: 'served' };
  checkNesting(facts);
  checkWay(facts);
  const covering = findMount(path, facts.mountTable);
  if (covering && path !== '/') return planCovered(facts, covering);
  checkBelow(facts);
  checkWritable(facts);
  switch (facts.kind) {
    case 'missing':
      return planMissing(facts);
    case 'other':
      throw new XcacheError('XC_MOUNT_POINT', `${path} is not a directory`, { hint: buildDirHint });
    case 'directory':
      checkOwner(facts);
      return { kind: 'ready' };
  }
}

function checkNesting({ path, ownMountPoints, ownDirectories, mountTable }: MountPointFacts): void {
  const containing = findMountContaining(path, mountTable);
  const outer =
    ownMountPoints.find((served) => isWithin(path, served)) ??
    (containing?.fsType === mountType && containing.mountPoint !== path
      ? containing.mountPoint
      : undefined);
  if (outer !== undefined) {
    throw new XcacheError('XC_NESTED', `${path} lies inside ${outer}, which is mounted by xcache`, {
      hint: `use ${outer} itself, or: xcache unmount ${outer}`,
    });
  }
  const own = ownDirectories.find((each) => isWithin(each, path) || isWithin(path, each));
  if (own !== undefined) {
    throw new XcacheError('XC_NESTED', `${path} and xcache's own directory ${own} overlap`, {
      hint: buildDirHint,
    });
  }
}

/** Files would be moved, and mounts taken away, wherever another user leads the path. */
function checkWay({ path, foreign }: MountPointFacts): void {
  if (foreign !== undefined) throw inForeignHands(path, foreign);
}

function planCovered({ path, health }: MountPointFacts, covering: MountEntry): MountPointPlan {
  if (covering.fsType !== mountType) {
    throw new XcacheError(
      'XC_MOUNTED_ELSEWHERE',
      `something else is mounted on ${path} (${covering.fsType} ${covering.source})`,
      { hint: 'unmount that first, or mount another directory and build there' },
    );
  }
  if (health === 'dead') return { kind: 'detach-dead' };
  throw new XcacheError('XC_MOUNTED_ELSEWHERE', `${path} is mounted by another xcache service`, {
    hint: `unmount it there, or by force: umount -l ${path}`,
  });
}

/** Mounts below would be hidden. */
function checkBelow({ path, mountTable }: MountPointFacts): void {
  const below = mountTable.find(
    (entry) => entry.mountPoint !== path && isWithin(entry.mountPoint, path),
  );
  if (!below) return;
  const isOurs = below.fsType === mountType;
  throw new XcacheError(
    isOurs ? 'XC_NESTED' : 'XC_MOUNTED_ELSEWHERE',
    `${path} contains ${below.mountPoint}, on which ${isOurs ? 'xcache' : below.fsType} is mounted`,
    { hint: buildDirHint },
  );
}

function checkWritable({ path, mountTable }: MountPointFacts): void {
  const containing = findMountContaining(path, mountTable);
  if (!containing) return;
  if (containing.options.includes('ro') || containing.superOptions.includes('ro')) {
    throw new XcacheError('XC_READ_ONLY', `${path} lies on a read-only file system`, {
      hint: 'join with all workspaces, which mounts nothing there: xcache setup',
    });
  }
}

function planMissing({ path, parentKind }: MountPointFacts): MountPointPlan {
  if (parentKind === 'directory') return { kind: 'create' };
  throw new XcacheError('XC_MOUNT_POINT', `${path} does not exist, nor does its parent`, {
    hint: `mkdir -p ${path}`,
  });
}

function checkOwner({ path, ownerUid, userUid }: MountPointFacts): void {
  if (ownerUid === userUid) return;
  throw new XcacheError(
    'XC_MOUNT_POINT',
    `${path} belongs to user ${ownerUid ?? 'unknown'}, not to user ${userUid}`,
    { hint: 'run xcache as the user who owns the directory' },
  );
}

/** What `stat` shows, and the times of upper files. Upper attributes are always the real file's. */
import { fstatSync, lstatSync, type BigIntStats } from 'node:fs';
import { FsError } from '../base/errors.js';
import type { Attr } from './file-system.js';
import { directoryType, regularType, type Inode, type LowerState } from './inode.js';
import { hostPathOfInode, type OverlayState } from './overlay-state.js';
import { setRealTimes } from './time-overrides.js';

const bigintStat = { bigint: true } as const;
/** What a lower directory shows as its size, as on ext4. */
const directoryBytes = 4096;
/** Lower files show the blocks of a file without holes on 4 KiB blocks. */
const blockBytes = 4096;
const sectorsPerBlock = 8;

export function attributesOf(state: OverlayState, inode: Inode): Attr {
  if (inode.remains !== undefined) return inode.remains.attr;
  if (inode.lower !== undefined) return lowerAttributes(state, inode, inode.lower);
  return upperAttributes(inode, upperStats(state, inode));
}

/** The real file's stat, through its descriptor where one is open. */
export function upperStats(state: OverlayState, inode: Inode): BigIntStats {
  if (inode.fd >= 0) return fstatSync(inode.fd, bigintStat);
  return lstatSync(hostPathOfInode(state, inode), bigintStat);
}

export function upperAttributes(inode: Inode, stats: BigIntStats): Attr {
  return {
    ino: inode.ino,
    sizeBytes: Number(stats.size),
    blocks: Number(stats.blocks),
    atimeNs: atimeOf(inode, stats),
    mtimeNs: mtimeOf(inode, stats),
    ctimeNs: stats.ctimeNs,
    mode: Number(stats.mode),
    nlink: inode.directory === undefined ? Number(stats.nlink) : directoryLinks(inode, stats.nlink),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    rdev: Number(stats.rdev),
    isTransient: false,
  };
}

function mtimeOf(inode: Inode, stats: BigIntStats): bigint {
  const times = inode.times;
  return times?.realMtimeNs === stats.mtimeNs ? times.mtimeNs : stats.mtimeNs;
}

function atimeOf(inode: Inode, stats: BigIntStats): bigint {
  const times = inode.times;
  return times?.realAtimeNs === stats.atimeNs ? times.atimeNs : stats.atimeNs;
}

/** Subdirectories of both layers count, unless the real file system does not count them (btrfs). */
function directoryLinks(inode: Inode, real: bigint): number {
  if (real === 1n || inode.directory?.children === undefined) return Number(real);
  return 2 + inode.directory.subdirectoryCount;
}

function lowerAttributes(state: OverlayState, inode: Inode, lower: LowerState): Attr {
  const isDirectory = inode.fileType === directoryType;
  const sizeBytes = isDirectory
    ? directoryBytes
    : (lower.extent?.sizeBytes ?? lower.target?.length ?? 0);
  return {
    ino: inode.ino,
    sizeBytes,
    blocks:
      inode.fileType === regularType ? Math.ceil(sizeBytes / blockBytes) * sectorsPerBlock : 0,
    atimeNs: lower.atimeNs,
    mtimeNs: lower.mtimeNs,
    ctimeNs: lower.ctimeNs,
    mode: inode.fileType | lower.mode,
    nlink: isDirectory ? 2 + (inode.directory?.subdirectoryCount ?? 0) : inode.names.length,
    uid: state.owner.uid,
    gid: state.owner.gid,
    rdev: 0,
    isTransient: lower.isTransient,
  };
}

/** Times to present from now on; those left out stay as they are. */
export interface TimesToSet {
  readonly atimeNs: bigint | undefined;
  readonly mtimeNs: bigint | undefined;
}

/** Sets times of an upper inode to the nanosecond. */
export function setTimes(state: OverlayState, inode: Inode, times: TimesToSet): void {
  const before = upperStats(state, inode);
  const atimeNs = times.atimeNs ?? atimeOf(inode, before);
  const mtimeNs = times.mtimeNs ?? mtimeOf(inode, before);
  setRealTimes(inode.fd >= 0 ? inode.fd : hostPathOfInode(state, inode), atimeNs, mtimeNs);
  const after = upperStats(state, inode);
  if (after.mtimeNs === mtimeNs && after.atimeNs === atimeNs) {
    state.times.clear(inode);
    return;
  }
  state.times.set(inode, {
    realIno: after.ino,
    realMtimeNs: after.mtimeNs,
    mtimeNs,
    realAtimeNs: after.atimeNs,
    atimeNs,
  });
}

/**
 * Runs work that changes names in real directories without changing any in the directories that
 * people see (copy-up, adoption), and gives the directories their times back.
 */
export function keepingTimes(
  state: OverlayState,
  directories: Iterable<Inode>,
  work: () => void,
): void {
  const kept: { readonly directory: Inode; readonly attr: Attr }[] = [];
  for (const directory of directories) {
    if (directory.lower !== undefined) continue;
    kept.push({ directory, attr: upperAttributes(directory, upperStats(state, directory)) });
  }
  try {
    work();
  } finally {
    for (const { directory, attr } of kept) setTimes(state, directory, attr);
  }
}

/** Stamps a directory that lost a lower name; the real directory did not notice. */
export function touchDirectory(state: OverlayState, directory: Inode): void {
  const nowNs = state.work.nowNs();
  if (directory.lower === undefined) {
    setRealTimes(hostPathOfInode(state, directory), nowNs, nowNs);
    return;
  }
  directory.lower.mtimeNs = nowNs;
  directory.lower.ctimeNs = nowNs;
}

/** Throws unless the inode is a regular file. */
export function requireRegular(inode: Inode, operation: string): void {
  if (inode.fileType === regularType) return;
  throw new FsError(inode.fileType === directoryType ? 'EISDIR' : 'EINVAL', operation);
}

/**
 * Whether what a path names now is what it names later: on the way to it lies nothing that another
 * user could put something else in the place of. Root is trusted, as it must be.
 */
import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isErrno, XcacheError } from '../base/errors.js';

/** What stat(2) says of a file; `mode` with or without its type. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export interface WayProblem {
  /** The directory or symlink that is in the hands of others. */
  readonly path: string;
  /** Continues the sentence that begins with the path. */
  readonly problem: string;
}

/** As the kernel has it. */
const symlinksMax = 40;

/**
 * What is wrong with a directory in which nobody else may make or change anything; undefined where
 * nothing is.
 */
export function foreignHandsProblem(stats: Ownership): string | undefined {
  if (!isTrustedOwner(stats)) return 'belongs to another user';
  if ((stats.mode & 0o002) !== 0) return 'is writable for other users';
  // A umask of 002 with a group of one's own is a common default: that group is the user.
  const isOwnGroup = stats.gid === process.getegid?.();
  return (stats.mode & 0o020) !== 0 && !isOwnGroup ? 'is writable for other users' : undefined;
}

/** Like `foreignHandsProblem`, for a directory in which others may not exchange what is this user's. */
export function exchangeProblem(stats: Ownership): string | undefined {
  const isSticky = (stats.mode & 0o1000) !== 0;
  return isSticky && isTrustedOwner(stats) ? undefined : foreignHandsProblem(stats);
}

/**
 * The first thing on the way to and including the directory `path` that others could exchange;
 * undefined where there is none. Symlinks of this user and of root are followed. What is missing at
 * the end of the way is no problem. To be asked only where no mount of this process can be met.
 */
export async function findExchangeable(path: string): Promise<WayProblem | undefined> {
  const rest = resolve(path).split('/');
  let at = '/';
  for (let links = 0; rest.length > 0;) {
    const name = rest.shift() ?? '';
    const next = name === '..' ? dirname(at) : join(at, name);
    const stats = await lookAt(next);
    if (stats === undefined) return undefined;
    if (!stats.isSymbolicLink()) {
      const problem = exchangeProblem(stats);
      if (problem !== undefined) return { path: next, problem };
      at = next;
      continue;
    }
    links += 1;
    if (!isTrustedOwner(stats)) return { path: next, problem: 'is a symlink of another user' };
    if (links > symlinksMax) return { path: next, problem: 'is a symlink to itself' };
    const target = await readlink(next);
    if (target.startsWith('/')) at = '/';
    rest.unshift(...target.split('/'));
  }
  return undefined;
}

/** The refusal of a mount point with something on its way that others could exchange. */
export function inForeignHands(path: string, { path: at, problem }: WayProblem): XcacheError {
  return new XcacheError(
    'XC_MOUNT_POINT',
    `others could put something else in the place of ${path}: ${at} ${problem}`,
    { hint: 'change that, or join with all workspaces, which mounts nothing there: xcache setup' },
  );
}

function isTrustedOwner({ uid }: Ownership): boolean {
  return uid === process.geteuid?.() || uid === 0;
}

async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

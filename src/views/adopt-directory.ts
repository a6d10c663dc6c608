/**
 * Takes over a `target` that is not empty: its files become the view's upper layer. They are renamed
 * where that is possible; a copy is complete before the original goes away.
 */
import { chmod, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno, XcacheError } from '../base/errors.js';
import {
  findExchangeable,
  foreignHandsProblem,
  inForeignHands,
  type WayProblem,
} from '../host/replaceable-path.js';
import { copyTree } from '../host/copy-tree.js';
import type { ViewDirectory } from './view-directory.js';

/**
 * How many files were taken over; undefined where the directory was empty. Throws `XC_MOUNT_POINT`
 * where others may change what is in it: whoever keeps a directory of it open could lead the service,
 * which writes and removes there, to any other place.
 */
export async function adoptDirectory(
  mountPoint: string,
  view: ViewDirectory,
): Promise<number | undefined> {
  const mode = (await lstat(mountPoint)).mode & 0o7777;
  if ((await readdir(mountPoint)).length === 0) {
    await createUpper(view, mode);
    return undefined;
  }
  // Before anything is moved: whatever cannot be read here fails with everything in its place.
  const files = await countFiles(mountPoint);
  await setAside(view);
  try {
    await rename(mountPoint, view.upperDirectory);
  } catch (error) {
    if (!isErrno(error, 'EXDEV')) throw cannotMove(mountPoint, error);
    await copyTree(mountPoint, view.upperDirectory);
    await rm(mountPoint, { recursive: true });
  }
  await createAgain(mountPoint, view);
  await chmod(mountPoint, mode);
  return files;
}

async function createAgain(mountPoint: string, view: ViewDirectory): Promise<void> {
  try {
    await mkdir(mountPoint, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    throw new XcacheError('XC_MOUNT_POINT', `somebody else has made ${mountPoint} meanwhile`, {
      hint: `its files are kept in ${view.upperDirectory}`,
    });
  }
}

/**
 * Makes a mount point that was removed, or finds it made again by this user. Throws
 * `XC_MOUNT_POINT` where another user has, or could have, put something in its place.
 */
export async function recreateMountPoint(mountPoint: string): Promise<void> {
  const foreign = await findExchangeable(dirname(mountPoint));
  if (foreign !== undefined) throw inForeignHands(mountPoint, foreign);
  // Named, because the umask of the service is 0.
  await mkdir(mountPoint, { recursive: true, mode: 0o755 });
  const stats = await lstat(mountPoint);
  if (stats.isDirectory() && stats.uid === process.geteuid?.()) return;
  throw new XcacheError('XC_MOUNT_POINT', `somebody else has made ${mountPoint} meanwhile`);
}

/** The upper layer of a new view shows, and later leaves behind, the mode of the directory. */
async function createUpper(view: ViewDirectory, mode: number): Promise<void> {
  await mkdir(view.directory, { recursive: true, mode: 0o700 });
  try {
    await mkdir(view.upperDirectory, { mode: 0o700 });
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return;
    throw error;
  }
  await chmod(view.upperDirectory, mode);
}

/** Undoes `adoptDirectory` where mounting failed afterwards. */
export async function returnDirectory(mountPoint: string, view: ViewDirectory): Promise<void> {
  await moveTree(view.upperDirectory, mountPoint);
  await mkdir(view.upperDirectory, { mode: 0o700 });
}

/**
 * Moves a directory to a place that is empty or not there, across file systems where it must. A
 * place that is there stays until then, so that nobody else can take it.
 */
export async function moveTree(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY') || isErrno(error, 'EEXIST')) throw occupied(to);
    if (!isErrno(error, 'EXDEV')) throw error;
    if ((await readdirIfThere(to)).length > 0) throw occupied(to);
    await copyTree(from, to);
    await rm(from, { recursive: true });
  }
}

async function readdirIfThere(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function occupied(directory: string): XcacheError {
  return new XcacheError('XC_MOUNT_POINT', `${directory} holds files of its own`);
}

/** Files and symlinks below a directory, whose names may be any bytes. */
async function countFiles(directory: string): Promise<number> {
  const waiting = [Buffer.from(directory)];
  let count = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    // From the top down: what lies in a directory of this user alone stays what it is.
    const problem = foreignHandsProblem(await lstat(next));
    if (problem !== undefined) {
      throw openToOthers(directory, { path: next.toString(), problem });
    }
    for (const entry of await readdir(next, { withFileTypes: true, encoding: 'buffer' })) {
      if (entry.isDirectory()) waiting.push(Buffer.concat([next, separator, entry.name]));
      else count += 1;
    }
  }
  return count;
}

const separator = Buffer.from('/');

/**
 * A view with files of its own meets a directory with other files: somebody unmounted it and built
 * without it. The directory is newer; what the view held is kept beside it.
 */
async function setAside(view: ViewDirectory): Promise<void> {
  let held: string[] = [];
  try {
    held = await readdir(view.upperDirectory);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  if (held.length > 0) await rename(view.directory, `${view.directory}.aside-${Date.now()}`);
  else await rm(view.directory, { recursive: true, force: true });
  await mkdir(view.directory, { recursive: true, mode: 0o700 });
}

function openToOthers(mountPoint: string, { path, problem }: WayProblem): XcacheError {
  return new XcacheError(
    'XC_MOUNT_POINT',
    `others could change what is in ${mountPoint}: ${path} ${problem}`,
    { hint: `run: chmod -R go-w '${mountPoint}'` },
  );
}

function cannotMove(mountPoint: string, error: unknown): unknown {
  if (isErrno(error, 'EROFS')) {
    return new XcacheError('XC_READ_ONLY', `${mountPoint} is on a read-only file system`, {
      cause: error,
    });
  }
  if (isErrno(error, 'EACCES') || isErrno(error, 'EPERM')) {
    return new XcacheError('XC_MOUNT_POINT', `${mountPoint} may not be moved by this user`, {
      cause: error,
    });
  }
  return error;
}

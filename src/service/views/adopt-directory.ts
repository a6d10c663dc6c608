/**
 * Takes over a `target` that is not empty: its files become the view's upper layer. They are renamed
 * where that is possible; a copy is complete before the original goes away.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isErrno, XcacheError } from '../../base/errors.js';
import type { ViewDirectory } from './view-directory.js';

const run = promisify(execFile);

/** How many files were taken over; undefined where the directory was empty. */
export async function adoptDirectory(
  mountPoint: string,
  view: ViewDirectory,
): Promise<number | undefined> {
  const mode = (await stat(mountPoint)).mode & 0o7777;
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
  await mkdir(mountPoint);
  await chmod(mountPoint, mode);
  return files;
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

/** Moves a directory to a place that is empty or not there, across file systems where it must. */
export async function moveTree(from: string, to: string): Promise<void> {
  try {
    await rmdir(to);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  try {
    await rename(from, to);
  } catch (error) {
    if (!isErrno(error, 'EXDEV')) throw error;
    await copyTree(from, to);
    await rm(from, { recursive: true });
  }
}

/** Files and symlinks below a directory, whose names may be any bytes. */
async function countFiles(directory: string): Promise<number> {
  const waiting = [Buffer.from(directory)];
  let count = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
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

/** cp keeps what cargo looks at: times to the nanosecond, modes, hard links, symlinks. */
async function copyTree(from: string, to: string): Promise<void> {
  await run('cp', ['-a', '--reflink=auto', '-T', '--', from, to]);
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

/** Directories of one user alone: what lies in them needs no further check. */
import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno, XcacheError } from '../base/errors.js';
import { findExchangeable } from './replaceable-path.js';

/** Permission bits that others must not have. */
const forbiddenBits = { private: 0o077, own: 0o022 } as const;

/** `private`: nobody else may enter it. `own`: others may look, but not change it. */
export type Exclusiveness = keyof typeof forbiddenBits;

/**
 * Makes `directory` (0700) where it is missing, and its parents, and checks it.
 * Throws `XC_STORE_UNSAFE` where it is not this user's alone, where others could put another one in
 * its place, or where it cannot be made.
 */
export async function createExclusiveDirectory(
  directory: string,
  exclusiveness: Exclusiveness,
): Promise<void> {
  // Before anything is made where others could have led us.
  await refuseForeignWay(directory);
  try {
    await createWithParents(directory);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new XcacheError('XC_STORE_UNSAFE', `cannot create ${directory}: ${reason}`, {
      hint: 'set XCACHE_HOME to a directory that can be written to',
      cause: error,
    });
  }
  await isExclusiveDirectory(directory, exclusiveness);
}

/** Node's own recursion calls a read-only file system a missing parent. */
async function createWithParents(directory: string): Promise<void> {
  try {
    await create(directory);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    await createWithParents(dirname(directory));
    // A parent that is a symbolic link to nowhere is there and leads nowhere still.
    await create(directory);
  }
}

async function create(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

/**
 * False where nothing is there. Throws `XC_STORE_UNSAFE` where it is not this user's alone, or others
 * could put another one in its place.
 */
export async function isExclusiveDirectory(
  directory: string,
  exclusiveness: Exclusiveness,
): Promise<boolean> {
  let status;
  try {
    status = await lstat(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
  await refuseForeignWay(directory);
  const uid = process.getuid?.();
  if (!status.isDirectory()) throw unsafe(directory, 'is not a directory');
  if (status.uid !== uid) {
    throw unsafe(directory, `belongs to user ${status.uid}, not to user ${uid ?? '?'}`);
  }
  if ((status.mode & forbiddenBits[exclusiveness]) !== 0) {
    const mode = (status.mode & 0o777).toString(8);
    throw unsafe(directory, `is open to others (mode ${mode})`, `run: chmod 700 '${directory}'`);
  }
  return true;
}

async function refuseForeignWay(directory: string): Promise<void> {
  const foreign = await findExchangeable(dirname(directory));
  if (foreign !== undefined) throw unsafe(foreign.path, foreign.problem);
}

function unsafe(directory: string, what: string, hint?: string): XcacheError {
  return new XcacheError('XC_STORE_UNSAFE', `${directory} ${what}`, {
    hint: hint ?? 'xcache uses only directories that belong to you alone',
  });
}

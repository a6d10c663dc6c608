/**
 * The directory of a store on disk: safe to use, of a known version, laid out. See README.md for
 * the tree.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, mkdir, open, readFile, readdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { syncDirectory, syncNamesDownTo } from '../base/atomic-file.js';
import { XcacheError, isErrno } from '../base/errors.js';
import { findExchangeable } from '../host/replaceable-path.js';

/** The format that this program reads and writes. */
export const storeFormat = 1;

/** The places in a store. */
export interface StorePaths {
  readonly directory: string;
  readonly blobs: string;
  readonly manifests: string;
  readonly index: string;
  readonly staging: string;
  readonly quarantine: string;
}

/** https://bford.info/cachedir/ : backup programs skip the directory. */
const cacheDirTag = `Signature: 8a477f597d28d172789f06886806bc55
# This directory holds build outputs that xcache can make again.
`;

/**
 * Makes `directory` a store, or checks the one that is there. Throws `XC_STORE_UNSAFE` where
 * another user could write to it, `XC_STORE_VERSION` where a newer program made it, `XC_READ_ONLY`
 * and `XC_NO_SPACE` where the disk refuses.
 */
export async function prepareStoreDirectory(directory: string): Promise<StorePaths> {
  const wanted = resolve(directory);
  try {
    const made = await mkdir(wanted, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncNamesDownTo(wanted, dirname(made));
    const paths = pathsOf(await safeDirectory(wanted));
    await checkVersion(paths.directory);
    await layOut(paths);
    return paths;
  } catch (error) {
    throw diskError(error, wanted);
  }
}

/** A free place in quarantine for something that was called `name`. */
export function quarantinePath(paths: StorePaths, name: string): string {
  return join(paths.quarantine, `${name}-${randomBytes(6).toString('hex')}`);
}

/** Removes everything in `staging`; called when the index is locked and nobody else writes. */
export async function emptyStaging(paths: StorePaths): Promise<void> {
  for (const name of await readdir(paths.staging)) {
    await rm(join(paths.staging, name), { recursive: true, force: true });
  }
}

function pathsOf(directory: string): StorePaths {
  const version = join(directory, 'v1');
  return {
    directory,
    blobs: join(version, 'blobs'),
    manifests: join(version, 'manifests'),
    index: join(version, 'index'),
    staging: join(version, 'staging'),
    quarantine: join(version, 'quarantine'),
  };
}

async function layOut(paths: StorePaths): Promise<void> {
  const version = join(paths.directory, 'v1');
  const directories = [version, paths.blobs, paths.manifests, paths.index];
  for (const path of [...directories, paths.staging, paths.quarantine]) {
    const made = await mkdir(path, { recursive: true, mode: 0o700 });
    const problem = ownProblem(await lstat(path));
    if (problem !== undefined) throw unsafe(path, problem);
    if (made !== undefined) await syncDirectory(dirname(path));
  }
  await writeOnce(join(paths.directory, 'CACHEDIR.TAG'), cacheDirTag, paths);
  await writeOnce(
    join(paths.directory, 'version'),
    `${JSON.stringify({ format: storeFormat })}\n`,
    paths,
  );
}

/** The real path of the store directory, after a look at it and at everything above it. */
async function safeDirectory(wanted: string): Promise<string> {
  const problem = ownProblem(await lstat(wanted));
  if (problem !== undefined) throw unsafe(wanted, problem);
  // The way there may pass through symlinks of the user (a cache on a larger disk) or of root, but
  // not of anybody else, and no directory on the way may let others exchange what is in it.
  const foreign = await findExchangeable(dirname(wanted));
  if (foreign !== undefined) throw unsafe(foreign.path, foreign.problem);
  return await realpath(wanted);
}

/** What is wrong with a directory of the store itself. */
function ownProblem(stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return 'is a symlink';
  if (!stats.isDirectory()) return 'is not a directory';
  if (stats.uid !== process.geteuid?.()) return 'belongs to another user';
  if ((stats.mode & 0o022) !== 0) return 'is writable for other users';
  return undefined;
}

const versionSchema = v.looseObject({ format: v.pipe(v.number(), v.integer(), v.minValue(1)) });

async function checkVersion(directory: string): Promise<void> {
  let text: string;
  try {
    const file = await open(
      join(directory, 'version'),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    try {
      text = await readFile(file, 'utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  const parsed = v.safeParse(versionSchema, parseJson(text));
  if (!parsed.success) {
    throw new XcacheError('XC_STORE_VERSION', `${directory}/version does not name a format.`, {
      hint: `This program knows format ${storeFormat}. Is this directory a store of xcache?`,
    });
  }
  const { format } = parsed.output;
  if (format === storeFormat) return;
  throw new XcacheError(
    'XC_STORE_VERSION',
    `The store ${directory} has format ${format}; this program knows format ${storeFormat}.`,
    { hint: 'Use a newer xcache, or another store directory.' },
  );
}

/** Writes a file that is not there yet, whole or not at all. */
async function writeOnce(path: string, text: string, paths: StorePaths): Promise<void> {
  try {
    await lstat(path);
    return;
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  const temporary = join(paths.staging, `${process.pid}-setup`);
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The schema refuses it.
    return undefined;
  }
}

function unsafe(path: string, problem: string): XcacheError {
  return new XcacheError('XC_STORE_UNSAFE', `The store cannot be used: ${path} ${problem}.`, {
    hint: 'A store must be yours alone (mode 0700), and so must the way to it.',
  });
}

/** Turns what the disk said into an error for a person. */
export function diskError(error: unknown, path: string): unknown {
  if (isErrno(error, 'EROFS')) {
    return new XcacheError('XC_READ_ONLY', `The disk of ${path} is read-only.`, { cause: error });
  }
  if (isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT')) {
    return new XcacheError('XC_NO_SPACE', `The disk of ${path} is full.`, { cause: error });
  }
  if (isErrno(error, 'EACCES') || isErrno(error, 'EPERM')) {
    return new XcacheError('XC_STORE_UNSAFE', `The store ${path} does not admit this user.`, {
      cause: error,
    });
  }
  return error;
}

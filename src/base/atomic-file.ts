/**
 * Files that are replaced as a whole and are durable afterwards: a reader, and a cut of power, see
 * the old content or the new one. The order is: write beside it, fsync, rename, fsync of the
 * directory. Without the last step the new name may be lost although the bytes are on the disk.
 */
import { closeSync, constants, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What is being saved, by path: two savers of one file would write into one temporary file. */
const running = new Map<string, Promise<void>>();

/** Durable at return, `path` included. Calls for one path run one after the other. */
export async function saveFile(path: string, text: string, mode: number = 0o600): Promise<void> {
  const before = running.get(path) ?? Promise.resolve();
  const saving = before.catch(() => undefined).then(async () => await replace(path, text, mode));
  running.set(path, saving);
  try {
    await saving;
  } finally {
    if (running.get(path) === saving) running.delete(path);
  }
}

async function replace(path: string, text: string, mode: number): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    const handle = await open(temporary, 'w', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // The error of the write is the one to report; the next save overwrites what is left.
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/**
 * Puts a file with these bytes in the place of `path` and returns its descriptor, for reading and
 * writing; the caller closes it. Its bytes are durable, its name is after `syncDirectorySync`:
 * a caller must go on with the new file also where that fails.
 */
export function replaceFileSync(path: string, bytes: Uint8Array): number {
  const temporary = temporaryOf(path);
  const fd = openSync(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC, 0o600);
  try {
    for (let done = 0; done < bytes.length;) {
      done += writeSync(fd, bytes, done, bytes.length - done, done);
    }
    fsyncSync(fd);
    renameSync(temporary, path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function temporaryOf(path: string): string {
  return `${path}.new`;
}

/** Makes a directory with all that is missing above it; their names are durable at return. */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first !== undefined) await syncNamesDownTo(path, dirname(first));
}

/** Makes the names of new directories durable, up to the one that was there before. */
export async function syncNamesDownTo(made: string, before: string): Promise<void> {
  for (let at = dirname(made); ; at = dirname(at)) {
    await syncDirectory(at);
    if (at === before || at === dirname(at)) return;
  }
}

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The same, blocking. */
export function syncDirectorySync(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

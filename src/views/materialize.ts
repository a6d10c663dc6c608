/**
 * Turns the files of a view into plain ones, for leaving: stored files are copied (or reflinked)
 * into the upper layer and every file gets the time that the view showed, so that cargo finds all
 * of it fresh.
 */
import { chmod, copyFile, constants, link, lstat, mkdir, open } from 'node:fs/promises';
import { rename, rm, symlink } from 'node:fs/promises';
import { byteStringToHostPath, type VirtualPath } from '../base/byte-string.js';
import { requireSuccess } from '../host/run-program.js';
import { openOverlay, type Overlay } from '../fs/overlay.js';
import type { ChangeObserver } from '../fs/lower.js';
import type { SnapshotEntry } from '../fs/view-control.js';
import type { Progress } from '../base/progress.js';
import type { ViewDirectory } from './view-directory.js';

/** Names in one call of touch; far below the limit of an argument list. */
const namesPerCall = 200;

/** Nothing changes while the entries are listed. */
const silentObserver: ChangeObserver = {
  attached: () => undefined,
  changed: () => undefined,
  attributesChanged: () => undefined,
  removed: () => undefined,
  appeared: () => undefined,
  detached: () => undefined,
  rootEmptied: () => undefined,
};

export interface MaterializeOptions {
  readonly view: ViewDirectory;
  readonly blobPath: (digest: string) => string;
  readonly progress: (progress: Progress) => void;
}

/** To be called while the view is not mounted. Returns the number of files that were copied. */
export async function materialize(options: MaterializeOptions): Promise<number> {
  const entries = withOverlay(options.view, options.blobPath, (overlay) =>
    overlay.snapshot('' as VirtualPath).filter(({ path }) => path !== ''),
  );
  const lower = entries.filter(({ layer }) => layer === 'lower');
  const names = new Map<number, Buffer>();
  let done = 0;
  for (const entry of lower) {
    await copyOut(entry, names, options);
    done += 1;
    options.progress({ phase: 'copying', done, total: lower.length });
  }
  await restoreTimes(entries, options.view);
  return lower.filter(({ kind }) => kind === 'file').length;
}

/** Ids of the attached units of which nothing was changed; for a view that is not mounted. */
export function listStoredUnits(
  view: ViewDirectory,
  blobPath: (digest: string) => string,
): readonly string[] {
  return withOverlay(view, blobPath, (overlay) =>
    overlay.attachments().flatMap(({ id, isIntact }) => (isIntact ? [id] : [])),
  );
}

function withOverlay<T>(
  view: ViewDirectory,
  blobPath: (digest: string) => string,
  action: (overlay: Overlay) => T,
): T {
  const overlay = openOverlay({
    upperDirectory: view.upperDirectory,
    journalPath: view.journalPath,
    lower: { isVolatile: () => false, resolve: () => [], backingPath: blobPath },
    observer: silentObserver,
  });
  try {
    return action(overlay);
  } finally {
    overlay.close();
  }
}

async function copyOut(
  entry: SnapshotEntry,
  names: Map<number, Buffer>,
  { view, blobPath }: MaterializeOptions,
): Promise<void> {
  const path = upperPath(view, entry.path);
  if (entry.kind === 'directory') {
    await mkdir(path, { recursive: true });
    await chmod(path, entry.mode);
    return;
  }
  await mkdir(parentOf(path), { recursive: true });
  if (entry.kind === 'symlink') {
    await symlink(Buffer.from(entry.target ?? '', 'latin1'), path);
    return;
  }
  const first = names.get(entry.ino);
  if (first) {
    await link(first, path);
    return;
  }
  names.set(entry.ino, path);
  const { extent } = entry;
  if (extent === undefined) throw new Error(`${entry.path} has no bytes`);
  const source = blobPath(extent.digest);
  // A file in the upper layer hides the stored one, so it must not appear there half-copied.
  const temporary = Buffer.from(`${view.directory}/copying`);
  await rm(temporary, { force: true });
  if (extent.offset === 0 && (await lstat(source)).size === extent.sizeBytes) {
    await copyFile(source, temporary, constants.COPYFILE_FICLONE);
  } else await copyRange(source, extent.offset, extent.sizeBytes, temporary);
  await chmod(temporary, entry.mode);
  await rename(temporary, path);
}

async function copyRange(
  source: string,
  offset: number,
  sizeBytes: number,
  target: Buffer,
): Promise<void> {
  const from = await open(source, 'r');
  try {
    const bytes = Buffer.alloc(sizeBytes);
    const { bytesRead } = await from.read(bytes, 0, sizeBytes, offset);
    if (bytesRead !== sizeBytes) throw new Error(`${source} is too short`);
    const to = await open(target, 'w');
    try {
      await to.writeFile(bytes);
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

/** Node sets times as doubles, which is too coarse for cargo's comparisons; touch(1) is exact. */
async function restoreTimes(entries: readonly SnapshotEntry[], view: ViewDirectory): Promise<void> {
  const byTime = new Map<bigint, string[]>();
  // Directories last: whatever is done inside changes their times.
  for (const kind of ['file', 'symlink', 'directory'] as const) {
    for (const entry of entries) {
      if (entry.kind !== kind) continue;
      const path = upperPath(view, entry.path);
      if ((await lstat(path, { bigint: true })).mtimeNs === entry.mtimeNs) continue;
      const paths = byTime.get(entry.mtimeNs) ?? [];
      byTime.set(entry.mtimeNs, paths);
      paths.push(path.toString('latin1'));
    }
    for (const [mtimeNs, paths] of byTime) await touch(mtimeNs, paths);
    byTime.clear();
  }
}

/** Sets the exact modification time of files by their absolute paths, byte strings. */
export async function touch(mtimeNs: bigint, paths: readonly string[]): Promise<void> {
  const seconds = mtimeNs / 1_000_000_000n;
  const fraction = String(mtimeNs % 1_000_000_000n).padStart(9, '0');
  for (let start = 0; start < paths.length; start += namesPerCall) {
    // Arguments are UTF-8; a name that is none cannot be passed and keeps the time of its copy.
    const names = paths
      .slice(start, start + namesPerCall)
      .map((path) => Buffer.from(path, 'latin1').toString('utf8'));
    await requireSuccess('touch', ['-h', '-c', '-d', `@${seconds}.${fraction}`, '--', ...names]);
  }
}

function upperPath(view: ViewDirectory, path: VirtualPath): Buffer {
  const below = byteStringToHostPath(path);
  return Buffer.concat([Buffer.from(`${view.upperDirectory}/`), Buffer.from(below)]);
}

function parentOf(path: Buffer): Buffer {
  return path.subarray(0, path.lastIndexOf(0x2f));
}

/**
 * The end of a view on the disk: it is there as a whole or not at all, whenever a kill comes. First
 * its directory is renamed, then its references go, then its files.
 */
// eslint-disable-next-line no-restricted-syntax -- between the last look and the rename nobody may open it
import { renameSync } from 'node:fs';
import { access, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isErrno, XcacheError } from '../../base/errors.js';
import { runCommand } from '../../host/run-command.js';
import type { Store } from '../../store/store.js';
import type { ViewDirectory } from '../../views/view-directory.js';
import type { Views } from '../../views/views.js';

interface RemovalServices {
  readonly store: Store;
  readonly views: Views;
}

const removedPattern = /\.removed-\d+$/;

/**
 * Removes a view for good, and unmounts it before. Throws `XC_UNMOUNT_BUSY` while it is in use and
 * `XC_NOT_FOUND` where there is none; then nothing has happened.
 */
export async function removeView(services: RemovalServices, view: ViewDirectory): Promise<void> {
  const trash = `${view.directory}.removed-${Date.now()}`;
  await services.views.end(view.id, () => {
    try {
      renameSync(view.directory, trash);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      throw new XcacheError('XC_NOT_FOUND', `there is no view ${view.id}`);
    }
  });
  await finishRemoval(services, trash);
}

/** Ends a removal that was begun, now or before a kill. */
export async function finishRemoval(
  { store, views }: RemovalServices,
  trash: string,
): Promise<void> {
  const id = basename(trash).replace(removedPattern, '');
  // A view of the same place may be there again; then the references are its own.
  const isBack = views.findById(id) !== undefined || (await exists(join(dirname(trash), id)));
  if (!isBack) await store.dropView(id);
  try {
    await rm(trash, { recursive: true, force: true });
  } catch (error) {
    if (!isErrno(error, 'EACCES')) throw error;
    // Build scripts leave directories that their owner may not write.
    await runCommand('chmod', ['-R', 'u+rwX', '--', trash]);
    await rm(trash, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

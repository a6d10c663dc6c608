/** The end of a view of the per-user mount whose files go back to its workspace. */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { XcacheError } from '../../base/errors.js';
import { resolveOwnMountPoint } from '../../fuse/mount/mount-check.js';
import { isWithin } from '../../host/mount-table.js';
import type { Digest } from '../../store/manifest.js';
import { blobPathIn } from '../../units/blob-access.js';
import { makePlainTarget } from './plain-target.js';
import type { MaterializeParams, MaterializeResult } from '../view-requests.js';
import type { Progress } from '../../base/progress.js';
import { parseUnitFacts } from '../../units/unit-facts.js';
import { loadViewRecord, type ViewDirectory } from '../view-directory.js';
import type { ViewServices } from '../view-services.js';

export interface LeaveViewOptions extends MaterializeParams {
  readonly viewsDirectory: string;
  readonly services: ViewServices;
  /** What this process serves and so must not touch. */
  readonly mountPoints: readonly string[];
  readonly progress: (progress: Progress) => void;
}

/**
 * Moves the files of a view that nobody can open meanwhile to `directory`. What has to stay is kept
 * beside the other views like everything that is set aside. Throws `XC_NOT_FOUND`, `XC_NESTED`, and
 * `XC_MOUNT_POINT` where `directory` holds builds of its own; then the view is as it was.
 */
export async function leaveView(options: LeaveViewOptions): Promise<MaterializeResult> {
  const { viewsDirectory, services, progress } = options;
  const { store } = services;
  const view = viewOf(options);
  const record = await loadViewRecord(view);
  if (record?.workspace === undefined) {
    throw new XcacheError('XC_NOT_FOUND', `the per-user mount has no view ${options.view}`);
  }
  const target = await resolveOwnMountPoint(options.directory);
  refusePlace(target, [...options.mountPoints, viewsDirectory, store.parts.paths.directory]);
  const { files, leftFiles, boundUnits } = await makePlainTarget({
    view,
    buildDir: record.mountPoint,
    target,
    blobPath: blobPathIn(services.blobsDirectory),
    factsOf: (id) => {
      const manifest = /^[0-9a-f]{64}$/.test(id) ? store.manifest(id as Digest) : undefined;
      return manifest && parseUnitFacts(manifest);
    },
    progress,
  });
  const left = leftFiles === 0 ? null : { files: leftFiles, directory: await setAside(view) };
  if (left === null) await rm(view.directory, { recursive: true });
  await store.dropView(view.id);
  return { version: 1, directory: target, files, boundUnits, left };
}

function viewOf({ viewsDirectory, view: id }: LeaveViewOptions): ViewDirectory {
  const directory = join(viewsDirectory, id);
  const [upperDirectory, journalPath] = [join(directory, 'upper'), join(directory, 'journal')];
  return { id, directory, upperDirectory, journalPath };
}

function refusePlace(target: string, places: readonly string[]): void {
  const place = places.find((each) => isWithin(target, each) || isWithin(each, target));
  if (place === undefined) return;
  throw new XcacheError('XC_NESTED', `${target} and ${place} overlap`);
}

/** Every file is a plain one by now: the journal would only keep the store from being cleaned up. */
async function setAside(view: ViewDirectory): Promise<string> {
  const aside = `${view.directory}.aside-${Date.now()}`;
  await rm(view.journalPath);
  await rm(join(view.directory, 'plan.json'));
  await rename(view.directory, aside);
  return join(aside, 'upper');
}

/**
 * Views that nobody comes back to: their workspace is gone, or they were set aside long ago. And
 * the gate before any clean-up: whatever a view's journal names is protected first.
 */
import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno, XcacheError } from '../../base/errors.js';
import type { Logger } from '../../base/log.js';
import { runCommand } from '../../host/run-command.js';
import type { Digest } from '../../store/manifest.js';
import { yieldToEventLoop } from '../../store/pacer.js';
import type { Store } from '../../store/store.js';
import { clearMissing, loadMissingSince, markMissing } from '../../views/missing-mark.js';
import { finishRemoval, removeView } from './housekeeping-removal.js';
import { loadBackingDigests } from '../../fs/closed-view.js';
import type { GcView } from '../control/protocol.js';
import {
  loadStoredViews,
  measureViews,
  workspaceOf,
  type StoredView,
} from '../../views/view-list.js';
import type { Views } from '../../views/views.js';

/** A workspace that was deleted by mistake is back from the backup within a week. */
const missingMaxMs = 7 * 24 * 3_600_000;

/** Looks that must have found nothing: a single one may have met a clock or a disk in trouble. */
const sightingsMin = 3;

/** What was set aside has been replaced by something newer; a month is for those who miss it. */
const asideMaxMs = 30 * 24 * 3_600_000;

export interface ViewKeeping {
  readonly store: Store;
  readonly views: Views;
  readonly viewsDirectory: string;
  readonly log: Logger;
}

/** A view that may go. */
interface GoneView extends StoredView {
  readonly reason: GcView['reason'];
}

/** Finds views to remove, removes them, and protects what the others name. One per service. */
export class ViewKeeper {
  readonly #services: ViewKeeping;
  /** Views whose references are those of their journal, since this service runs. */
  readonly #isProtected = new Set<string>();

  constructor(services: ViewKeeping) {
    this.#services = services;
  }

  /**
   * Holds in the store what the journals of views name that are not open: after a kill the index
   * knows less than they do. To be called before anything is removed; then costs next to nothing.
   */
  async protect(): Promise<void> {
    const known = new Set(this.#services.store.views());
    for (const { kind, files, record } of await this.#load()) {
      if (kind === 'removed' || this.#isProtected.has(files.id)) continue;
      // Closing a view writes its references; without that it counts as mounted still.
      const isCurrent = known.has(files.id) && record?.isMounted === false;
      if (!isCurrent) await this.#protectOne(files);
      this.#isProtected.add(files.id);
      await yieldToEventLoop();
    }
  }

  /** Those that would be removed now; `isLook` counts this as one more look for each workspace. */
  async plan(options: { readonly isLook: boolean }): Promise<readonly GoneView[]> {
    const stored = await this.#load();
    const gone: GoneView[] = [];
    const nowMs = Date.now();
    for (const view of stored) {
      if (view.kind === 'set-aside' && isOldAside(view.files.id, nowMs)) {
        gone.push({ ...view, reason: 'set-aside' });
      } else if (view.kind === 'removed') gone.push({ ...view, reason: 'interrupted-removal' });
    }
    const candidates = stored.filter(
      ({ kind, files }) => kind === 'view' && this.#isIdle(files.id),
    );
    const missing = await findMissing(
      candidates.flatMap(({ record }) => workspaceOf(record) ?? []),
    );
    for (const view of candidates) {
      const workspace = workspaceOf(view.record);
      if (workspace === undefined) continue;
      const mark = await look(view, missing.has(workspace), { ...options, nowMs });
      if (mark !== undefined && isLongGone(mark, nowMs)) {
        gone.push({ ...view, reason: 'workspace-gone' });
      }
    }
    return gone;
  }

  /** The same as rows for people and scripts. */
  async describe(gone: readonly GoneView[]): Promise<readonly GcView[]> {
    const sizes = await measureViews(gone);
    return gone.map(({ files, record, reason }) => ({
      view: files.id,
      directory: record?.mountPoint ?? null,
      reason,
      bytes: sizes.get(files.id) ?? null,
    }));
  }

  /** Removes them, except those that are in use again; returns those that went. */
  async remove(gone: readonly GoneView[], signal?: AbortSignal): Promise<readonly GoneView[]> {
    const removed: GoneView[] = [];
    for (const view of gone) {
      if (signal?.aborted === true) break;
      const { files, reason, record } = view;
      try {
        if (view.kind === 'removed') await finishRemoval(this.#services, files.directory);
        else await removeView(this.#services, files);
        removed.push(view);
        this.#isProtected.delete(files.id);
        this.#services.log.info({ view: record?.mountPoint ?? files.id, reason }, 'view removed');
      } catch (error) {
        const isUsed = error instanceof XcacheError && error.code === 'XC_UNMOUNT_BUSY';
        if (!isUsed) this.#services.log.warn({ view: files.id, err: error }, 'view not removed');
      }
    }
    return removed;
  }

  async #load(): Promise<readonly StoredView[]> {
    return await loadStoredViews(this.#services.viewsDirectory);
  }

  /** A view with a mount of its own moves with its workspace: its place does not tell its end. */
  #isIdle(id: string): boolean {
    const open = this.#services.views.findById(id);
    return open === undefined || (open.workspace !== undefined && open.user === undefined);
  }

  async #protectOne(view: StoredView['files']): Promise<void> {
    const { store, views, log } = this.#services;
    if (!(await isThere(view.journalPath))) return;
    const blobs = await views.whileClosed(view.id, () => loadBackingDigests(view.journalPath));
    if (blobs === undefined) return;
    await store.setViewReferences(view.id, {
      manifests: store.viewManifests(view.id),
      blobs: blobs as readonly Digest[],
    });
    log.info({ view: view.id, blobs: blobs.length }, 'a closed view is protected by its journal');
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

async function look(
  { files }: StoredView,
  isMissing: boolean,
  { isLook, nowMs }: { readonly isLook: boolean; readonly nowMs: number },
): ReturnType<typeof loadMissingSince> {
  if (!isMissing) {
    if ((await loadMissingSince(files)) !== undefined) await clearMissing(files);
    return undefined;
  }
  return isLook ? await markMissing(files, nowMs) : await loadMissingSince(files);
}

function isLongGone(
  mark: { readonly sinceMs: number; readonly sightings: number },
  nowMs: number,
): boolean {
  return mark.sightings >= sightingsMin && nowMs - mark.sinceMs > missingMaxMs;
}

function isOldAside(name: string, nowMs: number): boolean {
  const sinceMs = Number(name.slice(name.lastIndexOf('-') + 1));
  return nowMs - sinceMs > asideMaxMs;
}

/** Workspaces that are surely gone. Children look: a path may lead through a file system that hangs. */
async function findMissing(workspaces: readonly string[]): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  if (workspaces.length === 0) return missing;
  const all = await runCommand('stat', ['--printf=%n\\0', '--', ...workspaces]);
  if (all.kind !== 'exited') return missing;
  const present = new Set(all.stdout.split('\0'));
  for (const workspace of workspaces) {
    if (!present.has(workspace) && (await isGone(workspace))) missing.add(workspace);
  }
  return missing;
}

/**
 * A disk that is not mounted takes the parent away, or leaves an empty directory in its place: only
 * where other things are still there, the workspace alone is gone.
 */
async function isGone(workspace: string): Promise<boolean> {
  const itself = await runCommand('stat', ['--', workspace]);
  if (itself.kind !== 'exited' || itself.status === 0) return false;
  if (!itself.stderr.endsWith('No such file or directory')) return false;
  const list = ['-mindepth', '1', '-maxdepth', '1', '-print', '-quit'];
  const beside = await runCommand('find', [dirname(workspace), ...list]);
  return beside.kind === 'exited' && beside.status === 0 && beside.stdout !== '';
}

/**
 * All views that lie on the disk, open or not, with what they take. Looks at the views' own
 * directories alone, never below a mount.
 */
import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrno } from '../base/errors.js';
import { runCommand } from '../host/run-command.js';
import type { Digest } from '../store/manifest.js';
import { Pacer } from '../store/pacer.js';
import type { Store } from '../store/store.js';
import { loadMissingSince } from './missing-mark.js';
import type { ViewRow, ViewsParams, ViewsResult } from './view-requests.js';
import { loadViewRecord, type ViewDirectory, type ViewRecord } from './view-directory.js';
import type { Views } from './views.js';

/** A directory below the views directory. */
export interface StoredView {
  /**
   * `set-aside`: what a view held when somebody had built without it in the meantime.
   * `removed`: the rest of a removal that was interrupted.
   */
  readonly kind: 'view' | 'set-aside' | 'removed';
  readonly files: ViewDirectory;
  /** Undefined where it cannot be read. */
  readonly record: ViewRecord | undefined;
}

export interface ViewListServices {
  readonly store: Store;
  readonly views: Views;
  readonly viewsDirectory: string;
}

/** Directories that one call of du measures. */
const viewsPerCall = 16;

/** How long all measuring together may take before the rest is left out. */
const measureMs = 5_000;

/** In no particular order; empty where there is no views directory. */
export async function loadStoredViews(viewsDirectory: string): Promise<readonly StoredView[]> {
  const stored: StoredView[] = [];
  for (const name of await namesIn(viewsDirectory)) {
    const kind = kindOf(name);
    if (kind === undefined) continue;
    const directory = join(viewsDirectory, name);
    const files = {
      id: name,
      directory,
      upperDirectory: join(directory, 'upper'),
      journalPath: join(directory, 'journal'),
    };
    const record = kind === 'removed' ? undefined : await loadViewRecord(files);
    stored.push({ kind, files, record });
  }
  return stored;
}

/** The directory whose end is the end of the view; undefined where that is not known. */
export function workspaceOf(record: ViewRecord | undefined): string | undefined {
  return record && (record.workspace ?? dirname(record.mountPoint));
}

/** All views, last used first. */
export async function listViews(
  services: ViewListServices,
  { withSizes, view: only }: ViewsParams,
): Promise<ViewsResult> {
  const stored = await loadStoredViews(services.viewsDirectory);
  const wanted = stored.filter(
    ({ kind, files }) => kind !== 'removed' && (only === undefined || files.id === only),
  );
  const sizes = withSizes ? await measureViews(wanted) : new Map<string, number>();
  const served = new ServedBytes(services.store);
  const rows: ViewRow[] = [];
  for (const view of wanted) rows.push(await rowOf(services, view, served, sizes));
  rows.sort((one, other) => other.lastUsedMs - one.lastUsedMs);
  return { version: 1, views: rows };
}

/** Bytes on disk of each view's directory, by id; those that took too long are left out. */
export async function measureViews(
  views: readonly StoredView[],
): Promise<ReadonlyMap<string, number>> {
  const bytes = new Map<string, number>();
  const deadlineMs = performance.now() + measureMs;
  for (let at = 0; at < views.length; at += viewsPerCall) {
    const timeoutMs = Math.ceil(deadlineMs - performance.now());
    if (timeoutMs <= 0) break;
    const group = views.slice(at, at + viewsPerCall).map(({ files }) => files.directory);
    // A child, so that nobody waits here; it fails where a file goes meanwhile, and tells the rest.
    const result = await runCommand('du', ['-s', '-x', '-0', '-B1', '--', ...group], { timeoutMs });
    if (result.kind !== 'exited') break;
    for (const line of result.stdout.split('\0')) {
      const [size, path] = line.split('\t');
      if (path !== undefined) bytes.set(path.slice(path.lastIndexOf('/') + 1), Number(size));
    }
  }
  return bytes;
}

async function rowOf(
  { store, views }: ViewListServices,
  { kind, files, record }: StoredView,
  served: ServedBytes,
  sizes: ReadonlyMap<string, number>,
): Promise<ViewRow> {
  const open = views.findById(files.id);
  const units = open?.isMounted === true ? open.unitIds() : store.viewManifests(files.id);
  const isMounted = open?.isMounted === true;
  const plainState = record === undefined ? 'damaged' : isMounted ? 'mounted' : 'unmounted';
  return {
    view: files.id,
    directory: record?.mountPoint ?? null,
    workspace: workspaceOf(record) ?? null,
    driver: record?.driver ?? null,
    state: kind === 'set-aside' ? 'set-aside' : plainState,
    createdMs: record?.createdMs ?? null,
    lastUsedMs: await lastUseOf(files),
    ownBytes: sizes.get(files.id) ?? null,
    servedUnits: units.length,
    servedBytes: await served.sum(units),
    missingSinceMs: (await loadMissingSince(files))?.sinceMs ?? null,
  };
}

/**
 * Every build leaves its time on one of these: the journal when units are served, the directories
 * of the profiles when units are built.
 */
async function lastUseOf(files: ViewDirectory): Promise<number> {
  const paths = [files.journalPath, files.upperDirectory];
  for (const profile of (await namesIn(files.upperDirectory)).slice(0, 8)) {
    const path = join(files.upperDirectory, profile);
    paths.push(path, join(path, '.fingerprint'), join(path, 'deps'));
  }
  let lastMs = 0;
  for (const path of paths) {
    try {
      lastMs = Math.max(lastMs, (await lstat(path)).mtimeMs);
    } catch {
      // Not every view has every one of them.
    }
  }
  return Math.round(lastMs);
}

/** Sums up stored units, each of which is looked up once, however many views have it. */
class ServedBytes {
  readonly #store: Store;
  readonly #pacer = new Pacer();
  readonly #bytes = new Map<Digest, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  async sum(units: readonly Digest[]): Promise<number> {
    let sum = 0;
    for (const unit of units) {
      const bytes = this.#bytes.get(unit) ?? this.#store.unitBytes(unit);
      this.#bytes.set(unit, bytes);
      sum += bytes;
      if (this.#pacer.isDue) await this.#pacer.rest();
    }
    return sum;
  }
}

function kindOf(name: string): StoredView['kind'] | undefined {
  if (/^[0-9a-f]{16}$/.test(name)) return 'view';
  if (/^[0-9a-f]{16}\.aside-\d+$/.test(name)) return 'set-aside';
  if (/^[0-9a-f]{16}(?:\.aside-\d+)?\.removed-\d+$/.test(name)) return 'removed';
  return undefined;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return [];
    throw error;
  }
}

/**
 * The views of the per-user mount. Cargo's own configuration leads every workspace there, so a view
 * comes into being when cargo makes its build-dir, and goes when that is removed.
 */
import { renameSync, rmSync } from 'node:fs';
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrno, XcacheError } from '../../base/errors.js';
import { prepareMountPoint, resolveMountPoint } from '../../fuse/mount/mount-check.js';
import { adoptDirectory } from '../adopt-directory.js';
import { buildDirOf, placeName } from './auto-paths.js';
import { loadAutoMountSetting, saveAutoMountSetting } from './auto-mount-setting.js';
import { MountKeeper } from './mount-keeper.js';
import { leaveView } from '../plain-target/leave-view.js';
import type {
  AutoMountResult,
  MaterializeParams,
  MaterializeResult,
  PerUserMount,
} from '../view-requests.js';
import type { Progress } from '../../base/progress.js';
import type { TreeAnswer } from './tree-messages.js';
import { View } from '../view.js';
import {
  loadViewRecordSync,
  loadViewRecords,
  saveViewRecord,
  viewDirectory,
  type ViewRecord,
} from '../view-directory.js';
import type { ViewServices } from '../view-services.js';
import { openWorkspaceMount, type WorkspaceMount } from './workspace-mount.js';

/** Directories of removed views, on their way out. */
const removedPrefix = '.removed-';

/** Finds views by where they are; `Views` has all of them. */
export interface ViewRegistry {
  /** A list of its own, which does not change. */
  all(): readonly View[];
  add(view: View): void;
  remove(view: View): void;
  find(mountPoint: string): View | undefined;
}

export interface WorkspaceViewsOptions {
  /** Where the mount goes; made when missing. */
  readonly mountDirectory: string;
  readonly viewsDirectory: string;
  readonly services: ViewServices;
  readonly registry: ViewRegistry;
}

export class WorkspaceViews {
  readonly #options: WorkspaceViewsOptions;
  readonly #keeper: MountKeeper;
  #mount: WorkspaceMount | undefined;
  #mountPoint: string | undefined;
  #isClosing = false;
  #removals = 0;
  /** Mounting and unmounting happen one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: WorkspaceViewsOptions) {
    this.#options = options;
    this.#keeper = new MountKeeper({
      restore: async () => await this.#alone(async () => await this.#open()),
      look: () => this.#look(),
      log: options.services.log,
    });
  }

  /** Real path of the mount, below which this process must not look; undefined while there is none. */
  get mountPoint(): string | undefined {
    return this.#mountPoint;
  }

  /** Undefined where it neither is there nor was lost. */
  status(): PerUserMount | undefined {
    const { loss } = this.#keeper;
    const isMounted = this.#mount !== undefined;
    return isMounted || loss !== undefined ? { isMounted, lost: loss ?? null } : undefined;
  }

  /** Mounts now and at each start of the service, or takes the mount away for good. */
  async setEnabled(isEnabled: boolean): Promise<AutoMountResult> {
    return await this.#alone(async () => {
      if (isEnabled) {
        if (this.#mount?.isDetached() === true) await this.#mount.cutOff();
        await this.#open();
      }
      await saveAutoMountSetting(this.#options.viewsDirectory, isEnabled);
      if (!isEnabled) await this.#close();
      const directory = this.#mountPoint ?? (await resolveMountPoint(this.#options.mountDirectory));
      return { version: 1, directory, isMounted: this.#mount !== undefined };
    });
  }

  /** See `leaveView`. Throws `XC_UNMOUNT_BUSY` while the mount is there. */
  async materialize(
    params: MaterializeParams,
    progress: (progress: Progress) => void,
  ): Promise<MaterializeResult> {
    return await this.#alone(async () => {
      if (this.#mountPoint !== undefined) {
        throw new XcacheError('XC_UNMOUNT_BUSY', `${this.#mountPoint} is mounted`, {
          hint: 'views are turned into plain directories by: xcache teardown --materialize',
        });
      }
      const { viewsDirectory, services, registry } = this.#options;
      const mountPoints = registry.all().map(({ mountPoint }) => mountPoint);
      return await leaveView({ ...params, viewsDirectory, services, mountPoints, progress });
    });
  }

  /** At the start of the service. A failure is logged: builds then go on in plain directories. */
  async restore(): Promise<void> {
    const { viewsDirectory, services } = this.#options;
    await removeLeftovers(viewsDirectory);
    if (!(await loadAutoMountSetting(viewsDirectory))) return;
    try {
      await this.#alone(async () => await this.#open());
    } catch (error) {
      services.log.error({ err: error }, 'the per-user mount is not there');
    }
  }

  /** Closes all views and unmounts. */
  async close(): Promise<void> {
    await this.#alone(async () => await this.#close());
  }

  /** For the process's exit. False where only a kill ends the serving thread. */
  abandonSync(): boolean {
    return this.#mount?.abandonSync() ?? true;
  }

  async #alone<T>(action: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(action, action);
    this.#last = mine.catch(() => undefined);
    return await mine;
  }

  async #close(): Promise<void> {
    this.#keeper.stop();
    const mount = this.#mount;
    if (mount === undefined) return;
    this.#isClosing = true;
    try {
      for (const view of this.#options.registry.all()) {
        if (view.workspace !== undefined) await this.#leave(view);
      }
      await mount.close();
    } finally {
      this.#isClosing = false;
    }
  }

  /** A mount that was detached in use is served on until its last user leaves, out of reach for others. */
  #look(): void {
    const { log } = this.#options.services;
    const mount = this.#mount;
    if (mount?.isDetached() !== true) return;
    log.warn({ view: this.#mountPoint }, 'somebody has detached the per-user mount');
    mount.cutOff().catch((error: unknown) => {
      log.error({ err: error }, 'what is left of the per-user mount is still served');
    });
  }

  async #open(): Promise<void> {
    if (this.#mountPoint !== undefined) return;
    const { mountDirectory, viewsDirectory, services } = this.#options;
    // The directory itself may be a dead mount, which nobody can look at.
    await mkdir(dirname(mountDirectory), { recursive: true, mode: 0o700 });
    const mountPoint = await resolveMountPoint(mountDirectory);
    const helperPlace = {
      directory: services.stateDirectory,
      notice: (message: string) => services.log.info({ view: mountPoint }, message),
    };
    await prepareMountPoint(mountPoint, {
      driver: 'direct',
      ownMountPoints: [],
      ownDirectories: [services.store.parts.paths.directory, viewsDirectory],
      helperPlace,
    });
    await this.#takeIn(mountPoint);
    const records = await loadViewRecords(viewsDirectory);
    this.#mountPoint = mountPoint;
    try {
      this.#mount = await openWorkspaceMount({
        mountPoint,
        viewsDirectory,
        blobsDirectory: services.blobsDirectory,
        helperPlace,
        workspaces: records.flatMap((record) => workspaceIn(mountPoint, record)),
        open: (mount, workspace, isNew) => this.#answerOpen(mount, workspace, isNew),
        removed: (workspace) => this.#removed(workspace),
        log: (level, message) => services.log[level]({ view: mountPoint }, message),
        ended: (error) => this.#ended(error),
      });
    } catch (error) {
      this.#mountPoint = undefined;
      throw error;
    }
    this.#keeper.mounted();
  }

  /** Whoever asks waits for the answer, so there is one in any case. */
  #answerOpen(mount: WorkspaceMount, workspace: string, isNew: boolean): TreeAnswer {
    try {
      return this.#enter(mount, workspace, isNew);
    } catch (error) {
      this.#options.services.log.error({ workspace, err: error }, 'the view cannot be entered');
      return { kind: 'unknown' };
    }
  }

  #enter(mount: WorkspaceMount, workspace: string, isNew: boolean): TreeAnswer {
    const { viewsDirectory, services, registry } = this.#options;
    if (this.#isClosing || this.#mountPoint === undefined) return { kind: 'unknown' };
    const mountPoint = buildDirOf(this.#mountPoint, workspace);
    const directory = viewDirectory(viewsDirectory, mountPoint);
    const known = loadViewRecordSync(directory);
    if (known === undefined && !isNew) return { kind: 'unknown' };
    const view = new View(directory, known ?? newRecord(mountPoint, workspace), services);
    registry.add(view);
    let opening = 0;
    const mounted = view.mount((options) => {
      const host = mount.hostFor(workspace, options);
      ({ opening } = host);
      return Promise.resolve(host);
    });
    mounted.catch((error: unknown) => {
      // Removed before it was looked through.
      if (registry.find(mountPoint) !== view) return;
      services.log.warn({ view: mountPoint, err: error }, 'the view is served without the store');
    });
    const { upperDirectory, journalPath } = directory;
    return { kind: 'opened', opening, upperDirectory, journalPath };
  }

  async #leave(view: View): Promise<void> {
    try {
      await view.close({ isLazy: true, isMountedAgain: false });
    } catch (error) {
      this.#options.services.log.warn({ view: view.mountPoint, err: error }, 'not closed');
    }
    view[Symbol.dispose]();
    this.#options.registry.remove(view);
  }

  /**
   * Runs to its end at once: the next message may be that somebody makes the directory again, and
   * that view has the same place on the disk.
   */
  #removed(workspace: string): void {
    const { viewsDirectory, services, registry } = this.#options;
    if (this.#mountPoint === undefined) return;
    const view = registry.find(buildDirOf(this.#mountPoint, workspace));
    if (view === undefined) return;
    registry.remove(view);
    view.discard();
    this.#removals += 1;
    const removed = join(viewsDirectory, `${removedPrefix}${process.pid}-${this.#removals}`);
    renameSync(view.directory.directory, removed);
    rmSync(join(removed, 'view.json'), { force: true });
    Promise.all([
      services.store.dropView(view.directory.id),
      rm(removed, { recursive: true, force: true }),
    ]).catch((error: unknown) => {
      services.log.warn({ err: error }, 'a removed view is not cleaned up yet');
    });
  }

  #ended(error: string | undefined): void {
    const wasOpen = this.#mount !== undefined;
    this.#mount = undefined;
    this.#mountPoint = undefined;
    // Whoever is opening it is told by a rejection.
    if (this.#isClosing || !wasOpen) return;
    this.#options.services.log.warn({ error }, 'the per-user mount is gone');
    this.#keeper.lost(error === undefined ? 'somebody has taken it away' : firstLine(error));
  }

  /** What was built in plain directories while nothing was mounted becomes the views' own. */
  async #takeIn(mountPoint: string): Promise<void> {
    const { viewsDirectory } = this.#options;
    for await (const workspace of findPlaces(mountPoint, '')) {
      const place = buildDirOf(mountPoint, workspace);
      const directory = viewDirectory(viewsDirectory, place);
      await adoptDirectory(place, directory);
      await saveViewRecord(directory, newRecord(place, workspace));
    }
    await removeEmpty(mountPoint);
    if ((await readdir(mountPoint)).length === 0) return;
    throw new XcacheError('XC_MOUNT_POINT', `${mountPoint} holds files that are not xcache's`, {
      hint: 'move them away, then: xcache service restart',
    });
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

function newRecord(mountPoint: string, workspace: string): ViewRecord {
  return {
    version: 1,
    mountPoint,
    driver: 'direct',
    mode: 'fast',
    isMounted: false,
    createdMs: Date.now(),
    workspace,
  };
}

/** The workspace of a view of this mount; a view of another one belongs to another time. */
function workspaceIn(mountPoint: string, { workspace, mountPoint: place }: ViewRecord): string[] {
  if (workspace === undefined || buildDirOf(mountPoint, workspace) !== place) return [];
  return [workspace];
}

async function* findPlaces(directory: string, workspace: string): AsyncGenerator<string> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    if (entry.name === placeName) yield workspace === '' ? '/' : workspace;
    else yield* findPlaces(join(directory, entry.name), `${workspace}/${entry.name}`);
  }
}

/** Removes empty directories below `directory`, deepest first. */
async function removeEmpty(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(directory, entry.name);
    await removeEmpty(path);
    try {
      await rmdir(path);
    } catch (error) {
      if (!isErrno(error, 'ENOTEMPTY')) throw error;
    }
  }
}

/** Of a service that was killed while it removed a view. */
async function removeLeftovers(viewsDirectory: string): Promise<void> {
  for (const name of await readdir(viewsDirectory)) {
    if (!name.startsWith(removedPrefix)) continue;
    await rm(join(viewsDirectory, name), { recursive: true, force: true });
  }
}

/** All views of the service: mounting, unmounting, and finding them again after a restart. */
import { readdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { XcacheError } from '../base/errors.js';
import {
  prepareMountPoint,
  resolveMountPoint,
  resolveOwnMountPoint,
} from '../fuse/mount/mount-check.js';
import {
  adoptDirectory,
  moveTree,
  recreateMountPoint,
  returnDirectory,
} from './adopt-directory.js';
import type { Digest } from '../store/manifest.js';
import { blobPathIn } from '../units/blob-access.js';
import { materialize } from './materialize.js';
import { loadBackingDigests } from '../fs/closed-view.js';
import type { DriverName } from '../fuse/driver-name.js';
import type {
  MountParams,
  MountResult,
  UnmountParams,
  UnmountResult,
  ViewStatus,
} from './view-requests.js';
import type { Progress } from '../base/progress.js';
import { dropKernelName, removeLeftovers, untilGone } from './emptied-place.js';
import { MissingMounts } from './missing-mounts.js';
import { View } from './view.js';
import type { ViewServices } from './view-services.js';
import {
  loadViewRecord,
  loadViewRecords,
  saveViewRecord,
  viewDirectory,
  type ViewRecord,
} from './view-directory.js';

type Report = (progress: Progress) => void;

export class Views {
  readonly #viewsDirectory: string;
  readonly #services: ViewServices;
  /** By mount point. */
  readonly #views = new Map<string, View>();
  readonly #missing = new MissingMounts();
  /** Mounting and unmounting happen one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(viewsDirectory: string, services: ViewServices) {
    this.#viewsDirectory = viewsDirectory;
    this.#services = services;
  }

  all(): readonly View[] {
    return [...this.#views.values()];
  }

  /** A pause is over. */
  resumePromotion(): void {
    for (const view of this.all()) view.resumePromotion();
  }

  /** Of all views, and of those that should be mounted and are not. */
  status(): readonly ViewStatus[] {
    return [...this.all().map((view) => view.status()), ...this.#missing.list()];
  }

  /**
   * `cargo clean` removes the directory after its content. It is made and mounted again, unless
   * somebody builds there already: then it stays a plain directory until the next `mount`.
   */
  async mountAnew(mountPoint: string): Promise<void> {
    await this.#alone(async () => {
      const view = this.#views.get(mountPoint);
      if (view === undefined || view.isMounted) return;
      await untilGone(mountPoint);
      await recreateMountPoint(mountPoint);
      if ((await readdir(mountPoint)).length === 0) {
        await view.mount();
        return;
      }
      this.#views.delete(mountPoint);
      await view.close({ isLazy: true, isMountedAgain: false });
      view[Symbol.dispose]();
      const error = new XcacheError('XC_MOUNT_POINT', `${mountPoint} is in use without xcache now`);
      this.#missing.add(view.directory.id, view.record, error.message);
      throw error;
    });
  }

  /**
   * The view's mount is gone; its files stay where they are. With `problem`, the reason of a failure,
   * nobody has asked for that.
   */
  forget(mountPoint: string, problem?: string): void {
    const view = this.#views.get(mountPoint);
    if (view === undefined || view.isMounted) return;
    this.#views.delete(mountPoint);
    if (problem !== undefined) this.#missing.add(view.directory.id, view.record, problem);
    const release = async (): Promise<void> => {
      // Mounted again meanwhile: the new view holds what the journal names.
      if (!this.#views.has(mountPoint)) await view.saveReferences();
      view[Symbol.dispose]();
    };
    this.#alone(release).catch((error: unknown) => {
      // What it holds stays held until the service ends.
      this.#services.log.warn({ view: mountPoint, err: error }, 'references not saved');
    });
  }

  /** A view of the per-user mount, which has no mount of its own. */
  add(view: View): void {
    this.#views.set(view.mountPoint, view);
  }

  remove(view: View): void {
    if (this.#views.get(view.mountPoint) === view) this.#views.delete(view.mountPoint);
  }

  find(mountPoint: string): View | undefined {
    return this.#views.get(mountPoint);
  }

  findById(id: string): View | undefined {
    return this.all().find((view) => view.directory.id === id);
  }

  /** Runs `action` where the view is not open, and nobody opens it meanwhile; undefined elsewhere. */
  async whileClosed<T>(id: string, action: () => T): Promise<T | undefined> {
    return await this.#alone(() =>
      Promise.resolve(this.findById(id) === undefined ? action() : undefined),
    );
  }

  /**
   * Closes a view for good, unless it is in use (`XC_UNMOUNT_BUSY`), and runs `removeFiles` before
   * anybody can open it again.
   */
  async end(id: string, removeFiles: () => void): Promise<void> {
    let place: string | undefined;
    await this.#alone(async () => {
      const view = this.findById(id);
      if (view !== undefined) {
        const { user, mountPoint } = view;
        if (user !== undefined) throw inUse(mountPoint, `by cargo (process ${user})`);
        await view.drain();
        await view.close({ isLazy: false, isMountedAgain: false });
        view[Symbol.dispose]();
        this.remove(view);
        if (this.findById(id) !== undefined) throw inUse(mountPoint, 'again');
        if (view.workspace !== undefined) place = mountPoint;
      }
      removeFiles();
      this.#missing.removeById(id);
    });
    if (place !== undefined) await dropKernelName(place);
  }

  /** Real paths that this process serves and so must never touch. */
  *mountPoints(): Generator<string> {
    for (const view of this.#views.values()) yield view.mountPoint;
  }

  async mount(params: MountParams, report: Report): Promise<MountResult> {
    return await this.#alone(async () => await this.#mount(params, report));
  }

  async unmount(params: UnmountParams, report: Report): Promise<UnmountResult> {
    return await this.#alone(async () => await this.#unmount(params, report));
  }

  /** Mounts again what was mounted when the service ended, however it ended. */
  async restore(): Promise<void> {
    for (const record of await loadViewRecords(this.#viewsDirectory)) {
      if (!record.isMounted) continue;
      if (record.workspace !== undefined) {
        // Entered when the service was killed; it is opened again when somebody enters it.
        await this.#protect(record);
        continue;
      }
      try {
        await this.#alone(async () => await this.#restore(record));
      } catch (error) {
        this.#services.log.warn({ view: record.mountPoint, err: error }, 'not mounted again');
        this.#miss(record, error);
        await this.#protect(record);
      }
    }
  }

  /** A workspace that is gone misses nothing. */
  #miss(record: ViewRecord, error: unknown): void {
    if (this.#services.host.stat(dirname(record.mountPoint)) === undefined) return;
    const { id } = viewDirectory(this.#viewsDirectory, record.mountPoint);
    this.#missing.add(id, record, error instanceof Error ? error.message : String(error));
  }

  /** Keeps clean-up away from what the journal of a view names that cannot be mounted now. */
  async #protect(record: ViewRecord): Promise<void> {
    const directory = viewDirectory(this.#viewsDirectory, record.mountPoint);
    const blobs = loadBackingDigests(directory.journalPath) as Digest[];
    const references = { manifests: [], blobs };
    await this.#services.store.setViewReferences(directory.id, references);
  }

  /** Unmounts everything; the next service mounts it again. */
  async close(): Promise<void> {
    await this.#alone(async () => {
      for (const view of this.#views.values()) {
        try {
          await view.close({ isLazy: true, isMountedAgain: true });
          view[Symbol.dispose]();
          this.#views.delete(view.mountPoint);
        } catch (error) {
          // Whatever is still mounted is taken away when the process exits.
          this.#services.log.warn({ view: view.mountPoint, err: error }, 'not closed');
        }
      }
    });
  }

  async #alone<T>(action: () => Promise<T>): Promise<T> {
    const previous = this.#last;
    const mine = previous.then(action, action);
    this.#last = mine.catch(() => undefined);
    return await mine;
  }

  async #mount(params: MountParams, report: Report): Promise<MountResult> {
    const mountPoint = await resolveOwnMountPoint(params.directory);
    const existing = this.#views.get(mountPoint);
    if (existing?.isMounted === true) {
      const { view, driver } = existing.status();
      return { version: 1, directory: mountPoint, view, driver, wasMounted: true, adoptedFiles: 0 };
    }
    const driver = await this.#prepareAny(mountPoint, params.driver);
    const directory = viewDirectory(this.#viewsDirectory, mountPoint);
    const previous = await loadViewRecord(directory);
    report({ phase: 'adopting', done: 0, total: 1 });
    const adopted = await adoptDirectory(mountPoint, directory);
    report({ phase: 'adopting', done: 1, total: 1 });
    const record: ViewRecord = {
      version: 1,
      mountPoint,
      driver,
      mode: params.mode ?? 'fast',
      isMounted: false,
      createdMs: previous?.createdMs ?? Date.now(),
      ...(adopted === undefined && previous?.sessions ? { sessions: previous.sessions } : {}),
    };
    await saveViewRecord(directory, record);
    const view = new View(directory, record, this.#services);
    // From before the mount on: nobody of this process may look below it any more.
    this.#views.set(mountPoint, view);
    try {
      await view.mount();
    } catch (error) {
      this.#views.delete(mountPoint);
      view[Symbol.dispose]();
      if (adopted !== undefined) await returnDirectory(mountPoint, directory);
      throw error;
    }
    this.#missing.remove(mountPoint);
    const { view: id } = view.status();
    const adoptedFiles = adopted ?? 0;
    return { version: 1, directory: mountPoint, view: id, driver, wasMounted: false, adoptedFiles };
  }

  async #unmount(params: UnmountParams, report: Report): Promise<UnmountResult> {
    const resolveIt = params.materialize ? resolveOwnMountPoint : resolveMountPoint;
    const mountPoint = await resolveIt(params.directory);
    const view = this.#views.get(mountPoint);
    const isMissing = this.#missing.has(mountPoint);
    if (view === undefined && !isMissing && !params.materialize) {
      throw new XcacheError('XC_NOT_MOUNTED', `${mountPoint} is not mounted by xcache`, {
        hint: 'see what is mounted: xcache status',
      });
    }
    if (view?.workspace !== undefined) {
      throw new XcacheError('XC_USAGE', `${mountPoint} is part of the per-user mount`, {
        hint: 'remove the view with: xcache forget, or the whole mount with: xcache teardown',
      });
    }
    if (view) {
      await view.drain();
      await view.close({ isLazy: false, isMountedAgain: false });
      view[Symbol.dispose]();
      this.#views.delete(mountPoint);
    }
    if (isMissing) await this.#giveUp(mountPoint);
    const materializedFiles = params.materialize ? await this.#materialize(mountPoint, report) : 0;
    return { version: 1, directory: mountPoint, materializedFiles };
  }

  /** The next start of the service does not try to mount it again. */
  async #giveUp(mountPoint: string): Promise<void> {
    const directory = viewDirectory(this.#viewsDirectory, mountPoint);
    const record = await loadViewRecord(directory);
    if (record !== undefined) await saveViewRecord(directory, { ...record, isMounted: false });
    this.#missing.remove(mountPoint);
  }

  async #materialize(mountPoint: string, progress: Report): Promise<number> {
    const view = viewDirectory(this.#viewsDirectory, mountPoint);
    const record = await loadViewRecord(view);
    if (record === undefined) {
      throw new XcacheError('XC_NOT_MOUNTED', `${mountPoint} has no view of xcache`);
    }
    await this.#prepare(mountPoint, record.driver);
    const blobPath = blobPathIn(this.#services.blobsDirectory);
    const files = await materialize({ view, blobPath, progress });
    await moveTree(view.upperDirectory, mountPoint);
    await rm(view.directory, { recursive: true, force: true });
    await this.#services.store.dropView(view.id);
    return files;
  }

  async #restore(record: ViewRecord): Promise<void> {
    const { mountPoint } = record;
    if (this.#views.get(mountPoint)?.isMounted === true) return;
    // A kill may have come between `cargo clean` and the directory's being made again.
    await this.#prepare(mountPoint, record.driver);
    await removeLeftovers(mountPoint);
    if ((await readdir(mountPoint)).length > 0) {
      // Built while nothing was mounted; `mount` takes such files over, a start must not hide them.
      throw new XcacheError('XC_MOUNT_POINT', `${mountPoint} holds files of its own now`);
    }
    const directory = viewDirectory(this.#viewsDirectory, mountPoint);
    const view = new View(directory, record, this.#services);
    this.#views.set(mountPoint, view);
    try {
      await view.mount();
    } catch (error) {
      this.#views.delete(mountPoint);
      view[Symbol.dispose]();
      throw error;
    }
  }

  /** Without a wish: the direct driver, or the other one where only that works here. */
  async #prepareAny(mountPoint: string, wish: DriverName | undefined): Promise<DriverName> {
    try {
      await this.#prepare(mountPoint, wish ?? 'direct');
      return wish ?? 'direct';
    } catch (error) {
      if (wish !== undefined || !isUnableToMountDirectly(error)) throw error;
      const { message, hint } = error;
      this.#services.log.warn({ view: mountPoint, reason: message, hint }, 'not the direct driver');
    }
    await this.#prepare(mountPoint, 'fuse-native');
    return 'fuse-native';
  }

  /** Throws where nothing may be mounted; detaches what a killed service has left. */
  async #prepare(mountPoint: string, driver: DriverName): Promise<void> {
    await prepareMountPoint(mountPoint, {
      driver,
      // Its own is not in the way: nothing is mounted there when this is asked.
      ownMountPoints: [...this.mountPoints()].filter((each) => each !== mountPoint),
      ownDirectories: [this.#services.store.parts.paths.directory, this.#viewsDirectory],
      helperPlace: {
        directory: this.#services.stateDirectory,
        notice: (message) => this.#services.log.info({ view: mountPoint }, message),
      },
    });
  }
}

/** Something of the system is missing that the other driver does without. */
function isUnableToMountDirectly(error: unknown): error is XcacheError {
  return (
    error instanceof XcacheError &&
    (error.code === 'XC_NO_FUSERMOUNT' || error.code === 'XC_NO_MOUNT_HELPER')
  );
}

function inUse(mountPoint: string, by: string): XcacheError {
  return new XcacheError('XC_UNMOUNT_BUSY', `${mountPoint} is in use ${by}`, {
    hint: 'try again when the build has ended',
  });
}

/**
 * The per-user service: owns the store and all mounts from start to stop. Start: store, mounts
 * of the service before, control socket. Stop is the reverse.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../base/log.js';
import { installExitUnmount } from '../fuse/mount/exit-unmount.js';
import type { Digest } from '../store/manifest.js';
import { openStore, type Store } from '../store/store.js';
import type { Config } from './config.js';
import { startControlServer } from './control/control-server.js';
import { SavedDecisions } from '../units/decision-file.js';
import type { DecisionLog } from '../units/decisions.js';
import { createHandlers } from './handlers.js';
import { HostFiles } from '../host/host-files.js';
import { openRejections, type Rejections } from '../units/rejections.js';
import { UnitVerification } from '../units/unit-verification.js';
import { Housekeeping } from './housekeeping/housekeeping.js';
import { InputVerifier } from '../units/input-verifier.js';
import type { XcachePaths } from '../host/paths.js';
import { notifySystemd } from './process/systemd-notify.js';
import { SessionWatchers } from '../views/session-summary-watchers.js';
import { ToolchainProbe } from '../host/toolchain.js';
import type { ViewServices } from '../views/view-services.js';
import { Views } from '../views/views.js';
import { WorkspaceViews } from '../views/user-mount/workspace-views.js';

/** How long after "disk full" promotion tries again. */
const pauseMs = 30_000;

/** How long a stop waits for units that are being stored. */
const drainMs = 10_000;

/**
 * Runs until a signal or a `shutdown` request; returns the exit code. The caller holds the lock of
 * the service, which keeps a second one away from the store.
 */
export async function runService(paths: XcachePaths, log: Logger, config: Config): Promise<number> {
  // The kernel applies the umask of whoever makes a file; ours must not come on top.
  process.umask(0);
  await mkdir(paths.viewsDirectory, { recursive: true, mode: 0o700 });
  const store = await openStore({ directory: paths.storeDirectory, log });
  await using scope = new AsyncScope();
  scope.defer(async () => await store.close());
  const rejections = await openRejections(join(paths.storeDirectory, 'rejected.json'));
  const saved = await SavedDecisions.open({ path: paths.decisionsFile, log });
  scope.defer(async () => await saved[Symbol.asyncDispose]());
  const { decisions } = saved;
  const service = createService({ paths, store, rejections, log, config, decisions });
  const forgetMounts = installExitUnmount(() => {
    const isFree = service.views.all().map((view) => view.abandonSync());
    isFree.push(service.workspaces.abandonSync());
    return !isFree.includes(false);
  });
  scope.defer(() => {
    forgetMounts();
    return Promise.resolve();
  });
  scope.defer(async () => await service.views.close());
  scope.defer(async () => await service.workspaces.close());
  const stopped = new Promise<void>((resolve) => service.onStop(resolve));
  listenToSignals(() => service.stop());
  // Whoever waits for the service to answer may build at once, and must build inside the mounts.
  await service.views.restore();
  await service.workspaces.restore();
  const server = await startControlServer({
    socketPath: paths.socketPath,
    handlers: createHandlers(service),
    log,
  });
  scope.defer(async () => await server.close());
  service.housekeeping.start();
  scope.defer(async () => await service.housekeeping.stop());
  log.info({ store: paths.storeDirectory }, 'the service runs');
  notifySystemd('ready', log);
  await stopped;
  log.info('the service stops');
  notifySystemd('stopping', log);
  await drain(service.views);
  return 0;
}

interface ServiceParts {
  readonly paths: XcachePaths;
  readonly store: Store;
  readonly rejections: Rejections;
  readonly log: Logger;
  readonly config: Config;
  readonly decisions: DecisionLog;
}

function createService(
  parts: ServiceParts,
): Parameters<typeof createHandlers>[0] & { onStop(listener: () => void): void } {
  const { paths, store, rejections, log, config, decisions } = parts;
  const watchers = new SessionWatchers(log);
  const host = new HostFiles(() => mountPointsOf(views, workspaces));
  const pause = new PromotionPause(log, () => views.resumePromotion());
  const viewServices: ViewServices = {
    store,
    stateDirectory: paths.stateDirectory,
    blobsDirectory: store.parts.paths.blobs,
    reader: { files: host, toolchains: new ToolchainProbe(host) },
    inputs: new InputVerifier(host, store),
    host,
    rejections,
    verification: new UnitVerification(store, rejections),
    verifySample: config.verify.sample,
    damaged: (id) => rejectDamaged(store, id, log),
    decisions,
    sessions: watchers.ledger,
    log,
    isPaused: () => pause.reason !== undefined,
    pause: (reason) => {
      pause.begin(reason);
      housekeeping.makeRoom();
    },
    lost: (mountPoint, error) => {
      log.warn({ view: mountPoint, error }, 'the mount is gone');
      views.forget(mountPoint, error);
    },
    emptied: (mountPoint) => {
      views.mountAnew(mountPoint).catch((error: unknown) => {
        log.warn({ view: mountPoint, err: error }, 'not mounted again after it was emptied');
      });
    },
  };
  const views: Views = new Views(paths.viewsDirectory, viewServices);
  const workspaces: WorkspaceViews = new WorkspaceViews({
    mountDirectory: paths.autoMountDirectory,
    viewsDirectory: paths.viewsDirectory,
    services: viewServices,
    registry: views,
  });
  const housekeeping = new Housekeeping({
    ...{ store, views, log, ...paths },
    limits: config.gc,
    cleaned: () => pause.end(),
  });
  const listeners: (() => void)[] = [];
  return {
    store,
    rejections,
    views,
    workspaces,
    decisions,
    watchers,
    housekeeping,
    startedMs: Date.now(),
    storeDirectory: paths.storeDirectory,
    promotionPaused: () => pause.reason,
    resume: () => pause.end(),
    stop: () => {
      for (const listener of listeners) listener();
    },
    onStop: (listener) => void listeners.push(listener),
  };
}

/** It is a miss from this call on. */
function rejectDamaged(store: Store, id: Digest, log: Logger): void {
  store.rejectManifest(id, 'bytes of it are missing').catch((error: unknown) => {
    log.warn({ unit: id, err: error }, 'a damaged unit could not be taken out of the store');
  });
}

/** Real paths of all mounts, which this process must not touch. */
function mountPointsOf(views: Views, workspaces: WorkspaceViews): Iterable<string> {
  const perUser = workspaces.mountPoint;
  return perUser === undefined ? views.mountPoints() : [perUser, ...views.mountPoints()];
}

/** The disk is full: units stay in the upper layers until there is room again. */
class PromotionPause {
  readonly #log: Logger;
  readonly #resume: () => void;
  #reason: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger, resume: () => void) {
    this.#log = log;
    this.#resume = resume;
  }

  get reason(): string | undefined {
    return this.#reason;
  }

  begin(reason: string): void {
    if (this.#reason === undefined) this.#log.warn({ reason }, 'promotion pauses');
    this.#reason = reason;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end(), pauseMs).unref();
  }

  end(): void {
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    clearTimeout(this.#timer);
    this.#resume();
  }
}

/** A second signal ends the process at once; mounts are then taken away by the exit handler. */
function listenToSignals(stop: () => void): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // eslint-disable-next-line no-restricted-properties -- the exit handler unmounts
      if (isStopping) process.exit(1);
      isStopping = true;
      stop();
    });
  }
}

async function drain(views: Views): Promise<void> {
  const deadline = new Promise<void>((resolve) => setTimeout(resolve, drainMs).unref());
  await Promise.race([Promise.all(views.all().map(async (view) => await view.drain())), deadline]);
}

/** Releases in reverse order, all of them, whatever fails on the way. */
class AsyncScope implements AsyncDisposable {
  readonly #releases: (() => Promise<void>)[] = [];

  defer(release: () => Promise<void>): void {
    this.#releases.push(release);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const release of this.#releases.reverse()) {
      try {
        await release();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'the service did not stop cleanly');
  }
}

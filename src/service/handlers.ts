/** What the service does for each request of a command. */
import type { Digest } from '../store/manifest.js';
import type { Store } from '../store/store.js';
import { verifyStore } from '../store/verify.js';
import type { ControlHandlers } from './control/control-session.js';
import { listRejected, rejectPackage } from './rejecting.js';
import type { Rejections } from '../units/rejections.js';
import { reportDecisions } from '../units/decision-report.js';
import type { DecisionLog } from '../units/decisions.js';
import type { SessionWatchers } from '../views/session-summary-watchers.js';
import type { Housekeeping } from './housekeeping/housekeeping.js';
import type { StatsResult, StatusResult, UnitRow, UnitsResult } from './control/protocol.js';
import { parseUnitFacts } from '../units/unit-facts.js';
import { workspaceOf } from '../views/view-workspace.js';
import type { Views } from '../views/views.js';
import type { WorkspaceViews } from '../views/user-mount/workspace-views.js';

export interface HandlerServices {
  readonly store: Store;
  readonly rejections: Rejections;
  readonly views: Views;
  readonly workspaces: WorkspaceViews;
  readonly decisions: DecisionLog;
  readonly watchers: SessionWatchers;
  readonly housekeeping: Housekeeping;
  readonly startedMs: number;
  readonly storeDirectory: string;
  readonly promotionPaused: () => string | undefined;
  /** Lets promotion go on: somebody made room. */
  readonly resume: () => void;
  readonly stop: () => void;
}

export function createHandlers(services: HandlerServices): ControlHandlers {
  const { store, views, decisions } = services;
  return {
    mount: async (params, { progress }) => await views.mount(params, progress),
    unmount: async (params, { progress }) => await views.unmount(params, progress),
    autoMount: async ({ enabled }) => await services.workspaces.setEnabled(enabled),
    materialize: async (params, { progress }) =>
      await services.workspaces.materialize(params, progress),
    status: () => Promise.resolve(statusOf(services)),
    watch: async (_params, { session, signal }) => await services.watchers.watch(session, signal),
    stats: () => Promise.resolve(statsOf(services)),
    units: async () => await listUnits(store, views, services.rejections),
    reject: async (params) => {
      const attached = (): ReadonlyMap<Digest, number> => countViews(store, views);
      return await rejectPackage(params, { store, rejections: services.rejections, attached });
    },
    explain: (params) =>
      Promise.resolve(reportDecisions(decisions.rows(), params, workspacesOf(views))),
    verify: async ({ repair }, { progress, signal }) => {
      const outcome = await verifyStore(store, { repair, onProgress: progress, signal });
      return { version: 1, ...outcome };
    },
    gc: async (params, { progress, signal }) => {
      const result = await services.housekeeping.collect(params, { progress, signal });
      services.resume();
      return result;
    },
    views: async (params) => await services.housekeeping.list(params),
    forget: async ({ view }) => await services.housekeeping.forget(view),
    shutdown: () => {
      services.stop();
      return Promise.resolve({ version: 1 });
    },
  };
}

function statusOf(services: HandlerServices): StatusResult {
  const views = services.views.status();
  return {
    version: 1,
    pid: process.pid,
    startedMs: services.startedMs,
    storeDirectory: services.storeDirectory,
    views,
    pendingUnits: views.reduce((sum, view) => sum + view.pendingUnits, 0),
    promotionPaused: services.promotionPaused(),
    perUserMount: services.workspaces.status(),
  };
}

function statsOf({ store, views, decisions }: HandlerServices): StatsResult {
  const { units, blobs, physicalBytes, logicalBytes: onceBytes } = store.stats();
  const logicalBytes = onceBytes + repeatedBytes(store, views);
  const counters = store.counters();
  const { served, missed, missedSharable, missedOwn } = counters;
  const shared = served + missedSharable;
  return {
    version: 1,
    store: { units, blobs, physicalBytes, logicalBytes },
    units: {
      ...counters,
      missedUndecided: Math.max(0, missed - missedSharable - missedOwn),
      hitRate: shared === 0 ? null : served / shared,
    },
    lastBuild: reportDecisions(decisions.rows(), {}).builds.at(-1) ?? null,
  };
}

/** Those of all views that are open, whether something was decided in them or not. */
function workspacesOf(views: Views): readonly string[] {
  return views.all().map(({ workspace, mountPoint }) => workspace ?? workspaceOf(mountPoint));
}

/** What units would take in every view but the first that has them. */
function repeatedBytes(store: Store, views: Views): number {
  let bytes = 0;
  for (const [id, count] of countViews(store, views)) {
    if (count > 1) bytes += (count - 1) * store.unitBytes(id);
  }
  return bytes;
}

/** How many workspaces have each unit, mounted or not. */
function countViews(store: Store, views: Views): ReadonlyMap<Digest, number> {
  const open = views.all().filter(({ isMounted }) => isMounted);
  return store.attachedViews(new Map(open.map((view) => [view.directory.id, view.unitIds()])));
}

async function listUnits(store: Store, views: Views, rejections: Rejections): Promise<UnitsResult> {
  const attached = countViews(store, views);
  const units: UnitRow[] = [];
  for await (const unit of store.list()) {
    const manifest = store.manifest(unit.digest);
    const facts = manifest && parseUnitFacts(manifest);
    if (facts === undefined || rejections.has(facts)) continue;
    units.push({
      id: unit.digest,
      package: facts.package,
      kind: facts.kind,
      profile: facts.profilePath,
      unitHash: facts.unitHash,
      sizeBytes: unit.sizeBytes,
      buildMs: facts.built.durationMs,
      createdMs: unit.createdMs,
      lastUsedMs: unit.lastUsedMs,
      attachedViews: attached.get(unit.digest) ?? 0,
    });
  }
  return { version: 1, units, rejected: listRejected(rejections) };
}

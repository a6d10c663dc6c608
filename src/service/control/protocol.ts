/**
 * The control protocol between the commands and the service: JSON-RPC over the control socket.
 * Every result is plain data with a `version`, so that `--json` can print it as it is.
 */
import type { ExplainParams, BuildRow, ExplainResult } from '../../units/decision.js';
import type {
  MountParams,
  MountResult,
  UnmountParams,
  UnmountResult,
  ViewStatus,
  ViewsParams,
  ViewsResult,
  MaterializeParams,
  MaterializeResult,
  PerUserMount,
  AutoMountResult,
} from '../../views/view-requests.js';

// What commands see of the domain.
export type { Progress } from '../../base/progress.js';
export type { DriverName } from '../../fuse/driver-name.js';
export type * from '../../units/decision.js';
export type * from '../../views/view-requests.js';
export type { SessionSummary } from '../../views/session-summary.js';

/** Raised when a request or result changes incompatibly; both sides compare it in `hello`. */
export const protocolVersion = 2;

export interface HelloResult {
  readonly version: number;
  readonly protocolVersion: number;
  readonly pid: number;
  readonly programVersion: string;
}

export interface StatusResult {
  readonly version: 1;
  readonly pid: number;
  readonly startedMs: number;
  readonly storeDirectory: string;
  readonly views: readonly ViewStatus[];
  /** Units that wait for promotion over all views; 0 when everything written has been looked at. */
  readonly pendingUnits: number;
  /** Set while promotion pauses, in words. */
  readonly promotionPaused: string | undefined;
  readonly perUserMount?: PerUserMount | undefined;
}

export interface StatsResult {
  readonly version: 1;
  readonly store: {
    readonly units: number;
    readonly blobs: number;
    readonly physicalBytes: number;
    /** What the units would take, counted once for every view that they are attached to. */
    readonly logicalBytes: number;
  };
  readonly units: {
    readonly served: number;
    /** All misses; the next three say what they turned out to be. */
    readonly missed: number;
    /** Of units that could have been shared, and so been served. */
    readonly missedSharable: number;
    /** Of units that are never shared: the workspaces' own packages, programs, tests … */
    readonly missedOwn: number;
    /** Of units that were not built to their end, or that were not looked at yet. */
    readonly missedUndecided: number;
    /** Units that were compiled to be compared with stored ones, and those of them that differed. */
    readonly verified: number;
    readonly differed: number;
    /** Served units for each unit that was or could have been; null where there is none. */
    readonly hitRate: number | null;
    readonly promoted: number;
    readonly refused: number;
    /** Compile time that served units did not cost again. */
    readonly savedMs: number;
  };
  /** Of any workspace; null where none is remembered. */
  readonly lastBuild: BuildRow | null;
}

export interface UnitRow {
  readonly id: string;
  readonly package: string;
  readonly kind: string;
  readonly profile: string;
  readonly unitHash: string;
  readonly sizeBytes: number;
  readonly buildMs: number | undefined;
  readonly createdMs: number;
  readonly lastUsedMs: number;
  /** How many workspaces have it, mounted or not. */
  readonly attachedViews: number;
}

export interface UnitsResult {
  readonly version: 1;
  readonly units: readonly UnitRow[];
  /** Units that are never served again, oldest first. */
  readonly rejected: readonly RejectedRow[];
}

export interface RejectedRow {
  readonly package: string;
  /** Null if the place of its sources does not say. */
  readonly packageVersion: string | null;
  readonly kind: string;
  readonly profile: string;
  readonly unitHash: string;
  readonly rejectedMs: number;
  /** `verification`: what was compiled to be compared differed. */
  readonly by: 'user' | 'verification';
}

export interface RejectParams {
  /** `name`, or `name@version`. */
  readonly package: string;
  readonly allVersions: boolean;
  /** Lets rejected units be served and stored again. */
  readonly undo: boolean;
}

export interface RejectResult {
  readonly version: 1;
  readonly package: string;
  readonly versions: readonly string[];
  /** Rejected now, or with `undo` no more. */
  readonly units: number;
  /** Of those, gone from the store; the others go when no workspace has them. */
  readonly removedUnits: number;
  /** How many workspaces have the unit that most of them have. */
  readonly workspaces: number;
}

export interface VerifyParams {
  readonly repair: boolean;
}

export interface VerifyResult {
  readonly version: 1;
  readonly checkedBlobs: number;
  readonly checkedManifests: number;
  readonly problems: readonly {
    readonly kind: string;
    readonly subject: string;
    readonly message: string;
  }[];
  readonly repaired: number;
}

export interface GcParams {
  readonly maxSizeBytes?: number;
  readonly maxAgeMs?: number;
  readonly dryRun: boolean;
}

export interface GcResult {
  readonly version: 1;
  readonly dryRun: boolean;
  readonly removedUnits: number;
  readonly removedBlobs: number;
  readonly freedBytes: number;
  readonly keptBytes: number;
  /** Units planned by age and by size, counted in the units and bytes above too. */
  readonly age: { readonly units: number; readonly bytes: number };
  readonly size: { readonly units: number; readonly bytes: number };
  /** Blobs that no unit names, likewise. */
  readonly orphans: { readonly blobs: number; readonly freedBytes: number };
  /** Views that are removed; their own bytes come on top of `freedBytes`. */
  readonly views: readonly GcView[];
  /** In force for this run; null where there is none. */
  readonly limits: { readonly maxSizeBytes: number | null; readonly maxAgeMs: number | null };
}

export interface GcView {
  readonly view: string;
  /** Where it was mounted; null where its record cannot be read. */
  readonly directory: string | null;
  readonly reason: 'workspace-gone' | 'set-aside' | 'interrupted-removal';
  /** Null where measuring took too long. */
  readonly bytes: number | null;
}

export interface ForgetResult {
  readonly version: 1;
  readonly view: string;
  readonly directory: string | null;
  /** What its own files took; null where measuring took too long. */
  readonly freedBytes: number | null;
}

/** Method names with their parameters and results. */
export interface ControlMethods {
  hello: { params: { readonly protocolVersion: number }; result: HelloResult };
  mount: { params: MountParams; result: MountResult };
  unmount: { params: UnmountParams; result: UnmountResult };
  /** The per-user mount, now and at every start of the service. */
  autoMount: { params: { readonly enabled: boolean }; result: AutoMountResult };
  /** Turns a view of the per-user mount into an ordinary target directory, and ends it. */
  materialize: { params: MaterializeParams; result: MaterializeResult };
  status: { params: Record<string, never>; result: StatusResult };
  /** Tells of every cargo session that ends; answers when the service or the command ends it. */
  watch: { params: Record<string, never>; result: { readonly version: 1 } };
  stats: { params: Record<string, never>; result: StatsResult };
  units: { params: Record<string, never>; result: UnitsResult };
  reject: { params: RejectParams; result: RejectResult };
  explain: { params: ExplainParams; result: ExplainResult };
  verify: { params: VerifyParams; result: VerifyResult };
  gc: { params: GcParams; result: GcResult };
  views: { params: ViewsParams; result: ViewsResult };
  /** Removes one view, by its id, with everything that was built in it and is not stored. */
  forget: { params: { readonly view: string }; result: ForgetResult };
  /** Stops the service: drains promotions, unmounts, closes the store. */
  shutdown: { params: Record<string, never>; result: { readonly version: 1 } };
}

export type ControlMethod = keyof ControlMethods;

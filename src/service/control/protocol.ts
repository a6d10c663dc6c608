/**
 * The control protocol between the commands and the service: JSON-RPC over the control socket.
 * Every result is plain data with a `version`, so that `--json` can print it as it is.
 */

/** Raised when a request or result changes incompatibly; both sides compare it in `hello`. */
export const protocolVersion = 2;

export type DriverName = 'direct' | 'fuse-native';

export interface HelloResult {
  readonly version: number;
  readonly protocolVersion: number;
  readonly pid: number;
  readonly programVersion: string;
}

export interface MountParams {
  /** Absolute path of the mount point. */
  readonly directory: string;
  readonly driver?: DriverName;
  /** fuse-native only: correct unlinked-open semantics before speed. */
  readonly mode?: 'fast' | 'safe';
}

export interface MountResult {
  readonly version: 1;
  readonly directory: string;
  readonly view: string;
  readonly driver: DriverName;
  /** False where this view was mounted already and nothing was done. */
  readonly wasMounted: boolean;
  /** Files taken over from a directory that was not empty. */
  readonly adoptedFiles: number;
}

export interface UnmountParams {
  readonly directory: string;
  /** Leave a plain directory with all files behind instead of an empty one. */
  readonly materialize: boolean;
}

export interface UnmountResult {
  readonly version: 1;
  readonly directory: string;
  readonly materializedFiles: number;
}

export interface ViewStatus {
  readonly view: string;
  readonly directory: string;
  readonly driver: DriverName;
  /** `failed`: it should be mounted and is not; what cargo builds there is not shared. */
  readonly state: 'mounted' | 'unmounted' | 'failed';
  /** Why it failed, in words. */
  readonly problem?: string;
  readonly attachedUnits: number;
  readonly pendingUnits: number;
  /** Kernel requests served since the mount, all together and by operation. */
  readonly requests: number;
  readonly operations: Readonly<Record<string, number>>;
}

/** The mount of all workspaces, of a service that has or had one. */
export interface PerUserMount {
  readonly isMounted: boolean;
  /** It was gone although nobody gave it up; null where that never happened. */
  readonly lost: {
    readonly count: number;
    readonly lastMs: number;
    readonly reason: string;
  } | null;
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

export interface ExplainParams {
  /** A package name, `name-hash`, or a 16-digit unit hash; all units when missing. */
  readonly unit?: string;
  /** The working directory: which workspace is meant. */
  readonly directory?: string;
  /** Every build of every workspace, instead of the last one of this workspace. */
  readonly all?: boolean;
}

/** What was decided about one unit in one build. */
export interface Decision {
  readonly atMs: number;
  readonly directory: string;
  readonly workspace: string;
  /** Which of `builds` it belongs to; null for units that nobody is known to have built. */
  readonly build: string | null;
  /** `debug/serde-<hash>` */
  readonly unit: string;
  readonly package: string | null;
  readonly unitHash: string;
  /** `missed`: not served, and not compiled to its end either. */
  readonly outcome: 'served' | 'compiled' | 'missed';
  /** Why. A stable word, e.g. `unknown-unit`, `environment-differs`, `found-dirty`. */
  readonly reason: string;
  /** One sentence for people. */
  readonly message: string;
  /** Whether it is of a kind that is never shared; null while that is not known. */
  readonly isOwn: boolean | null;
  /** What became of a unit that was compiled; null while that is not known. */
  readonly became: {
    readonly outcome: 'stored' | 'kept-private';
    readonly reason: string;
    readonly message: string;
  } | null;
}

/** One cargo session in one build-dir, as far as units were decided in it. */
export interface BuildRow {
  readonly build: string;
  readonly directory: string;
  readonly workspace: string;
  /** Of the first and the last decision. */
  readonly startedMs: number;
  readonly endedMs: number;
  readonly profiles: readonly string[];
  /** Counts of units: all, and by outcome. */
  readonly units: number;
  readonly served: number;
  readonly compiled: number;
  readonly missed: number;
  /** Of the compiled ones: never shared; sharable and not served; not looked at yet. */
  readonly own: number;
  readonly notServed: number;
  readonly undecided: number;
}

export interface ExplainResult {
  readonly version: 1;
  /** The workspace that the working directory lies in; null where none is known there. */
  readonly workspace: string | null;
  /** The builds that `decisions` belong to, oldest first, each as a whole. */
  readonly builds: readonly BuildRow[];
  /** Oldest first; one for each unit and build. */
  readonly decisions: readonly Decision[];
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

export interface ViewsParams {
  /** Only this one. */
  readonly view?: string;
  /** Measure the views' own files; takes seconds where there are many. */
  readonly withSizes: boolean;
}

/** One view on the disk. What cannot be known of it is null. */
export interface ViewRow {
  readonly view: string;
  readonly directory: string | null;
  readonly workspace: string | null;
  readonly driver: DriverName | null;
  /** `set-aside`: kept from before somebody built without it; `damaged`: its record is unreadable. */
  readonly state: 'mounted' | 'unmounted' | 'set-aside' | 'damaged';
  readonly createdMs: number | null;
  readonly lastUsedMs: number;
  /** What its own files take on disk. */
  readonly ownBytes: number | null;
  /** What it shows of the store. */
  readonly servedUnits: number;
  readonly servedBytes: number;
  /** Since when its workspace is not there. */
  readonly missingSinceMs: number | null;
}

export interface ViewsResult {
  readonly version: 1;
  /** Last used first. */
  readonly views: readonly ViewRow[];
}

export interface ForgetResult {
  readonly version: 1;
  readonly view: string;
  readonly directory: string | null;
  /** What its own files took; null where measuring took too long. */
  readonly freedBytes: number | null;
}

export interface AutoMountResult {
  readonly version: 1;
  /** Real path of the per-user mount. */
  readonly directory: string;
  readonly isMounted: boolean;
}

export interface MaterializeParams {
  /** A view of the per-user mount, which must not be mounted. */
  readonly view: string;
  /** Where cargo builds its workspace without the mount. */
  readonly directory: string;
}

export interface MaterializeResult {
  readonly version: 1;
  readonly directory: string;
  readonly files: number;
  /** Units that hold the path of the mount, so that cargo builds them again. */
  readonly boundUnits: number;
  /** Files that were not moved, and where they are for 30 days; null where there are none. */
  readonly left: { readonly files: number; readonly directory: string } | null;
}

/** What one cargo session came to in one build-dir; sent while `watch` runs. */
export interface SessionSummary {
  readonly version: 1;
  readonly pid: number;
  /** The first and the last time that something was heard of it. */
  readonly startedMs: number;
  readonly endedMs: number;
  readonly directory: string;
  readonly workspace: string;
  /** Paths of profiles in the build-dir: `debug`, `x86_64-unknown-linux-musl/release`. */
  readonly profiles: readonly string[];
  readonly served: number;
  /** Units that cargo built itself. */
  readonly compiled: number;
  /** Of those: stored for others, and kept for this workspace alone. */
  readonly promoted: number;
  readonly keptPrivate: number;
  /** Compile time that served units did not cost again. */
  readonly savedMs: number;
  /** Bytes of units that were in the store already, and so were not stored twice. */
  readonly sharedBytes: number;
}

/** Sent while a long request runs. */
export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
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

/** What is asked of views, and what they answer. Plain data with a `version`. */
import type { DriverName } from '../fuse/driver-name.js';

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

export interface AutoMountResult {
  readonly version: 1;
  /** Real path of the per-user mount. */
  readonly directory: string;
  readonly isMounted: boolean;
}

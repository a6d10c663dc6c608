/** What was decided about units, as `xcache explain` asks for it. Plain data. */

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

/**
 * What passes between the service's main thread and the thread that serves a view. Messages keep
 * their order within one direction, so the main thread hears that units were attached before it is
 * asked about the units that depend on them.
 */
import type { VirtualPath } from '../base/byte-string.js';
import type { SnapshotEntry, ViewControl } from '../fs/view-control.js';
import type { NamedUnit } from './unit-files.js';
import type { LowerEntry } from '../fs/lower.js';
import type { Layout } from '../cargo/layout.js';

/** The cargo process on whose behalf a request is made; the pair outlives a reuse of the pid. */
export interface CargoProcess {
  readonly pid: number;
  /** Start time in clock ticks since boot, from /proc/<pid>/stat. */
  readonly startTicks: string;
}

/** A question of the serving thread: which stored units make this unit exist? */
export interface ResolveQuestion {
  readonly cargo: CargoProcess;
  readonly layout: Layout;
  readonly profilePath: VirtualPath;
  /** Undefined while only a package directory of the per-unit layout is looked up. */
  readonly unitHash: string | undefined;
  readonly packageName: string | undefined;
  /** The view's clock when the question was asked: what is served shows this time. */
  readonly stampNs: bigint;
}

/** An entry before it is known which time it will show. */
export type UnstampedEntry = LowerEntry extends infer E
  ? E extends LowerEntry
    ? Omit<E, 'mtimeNs'>
    : never
  : never;

/** A stored unit that may be attached, with paths and bytes but without the time it will show. */
export interface OfferedUnit {
  /** The manifest's digest. */
  readonly id: string;
  readonly unitKey: string;
  readonly requires: readonly string[];
  readonly entries: readonly UnstampedEntry[];
}

export type ResolveAnswer =
  | { readonly kind: 'units'; readonly units: readonly OfferedUnit[] }
  | { readonly kind: 'package-directory' }
  | { readonly kind: 'miss' };

/** What the serving thread reports without being asked. */
export type ViewEvent =
  /** `cargo`: the process that builds it, where that is certain. */
  | {
      readonly kind: 'unit-written';
      readonly path: VirtualPath;
      readonly cargo: CargoProcess | undefined;
    }
  /** A file of a unit was written or removed; told once until the unit is written to its end. */
  | { readonly kind: 'unit-changed'; readonly unitKey: string }
  | {
      readonly kind: 'attached';
      readonly ids: readonly string[];
      readonly refused: readonly string[];
    }
  | { readonly kind: 'spoiled'; readonly id: string }
  | { readonly kind: 'root-emptied'; readonly isDetached: boolean };

/** The operations that the main thread may ask of the serving thread. */
export type ViewCommands = Pick<
  ViewControl,
  'snapshot' | 'names' | 'prepareAdoption' | 'completeAdoption' | 'attachments' | 'backingDigests'
> & {
  /** The fingerprint JSON files of all units in the view. */
  fingerprints(): readonly VirtualPath[];
  /** All entries of each unit. */
  snapshotUnits(units: readonly NamedUnit[]): readonly (readonly SnapshotEntry[])[];
};

export type ViewCommand = keyof ViewCommands;

/** From the main thread to the serving thread. */
export interface CommandMessage {
  readonly id: number;
  readonly method: ViewCommand;
  readonly args: readonly unknown[];
}

/** How a command went. */
export type CommandReply =
  | { readonly kind: 'reply'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly message: string };

/** From the serving thread to the main thread. */
export type ViewMessage =
  | CommandReply
  | { readonly kind: 'event'; readonly event: ViewEvent }
  | { readonly kind: 'ask'; readonly sequence: number; readonly question: ResolveQuestion }
  | { readonly kind: 'log'; readonly level: 'warn' | 'error'; readonly message: string };

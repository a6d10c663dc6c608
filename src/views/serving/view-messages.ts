/**
 * What passes between the service's main thread and the thread that serves a view. Messages keep
 * their order within one direction, so the main thread hears that units were attached before it is
 * asked about the units that depend on them.
 */
import type { VirtualPath } from '../../base/byte-string.js';
import type { Layout } from '../../cargo/layout.js';
import type { OfferedUnit } from '../../units/offered-unit.js';
import type { BuilderNote } from './builder-notes.js';
import type { CargoProcess } from '../../host/process-tree.js';
import type { ViewCommand } from '../../units/view-access.js';

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
  /** What the journal says of units that are here: told once, before anything else. */
  | {
      readonly kind: 'recalled';
      readonly builders: readonly (readonly [unitKey: string, note: BuilderNote])[];
      readonly sideEffects: readonly (readonly [unitKey: string, message: string])[];
    }
  /** The run has changed the build-dir outside of its OUT_DIR; without a message it starts anew. */
  | {
      readonly kind: 'side-effect';
      readonly unitKey: string;
      readonly message: string | undefined;
    }
  | { readonly kind: 'root-emptied'; readonly isDetached: boolean };

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

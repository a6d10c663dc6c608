/** How the main thread looks at a view and changes it: by operations of the thread that serves it. */
import type { VirtualPath } from '../base/byte-string.js';
import type { SnapshotEntry, ViewControl } from '../fs/view-control.js';
import type { NamedUnit } from './unit-files.js';

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

/** Resolves when the serving thread has answered; rejects where it failed or is gone. */
export type CallView = <C extends ViewCommand>(
  method: C,
  ...args: Parameters<ViewCommands[C]>
) => Promise<ReturnType<ViewCommands[C]>>;

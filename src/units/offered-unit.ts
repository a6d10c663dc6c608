/** What the resolver offers to a view. */
import type { LowerEntry } from '../fs/lower.js';

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

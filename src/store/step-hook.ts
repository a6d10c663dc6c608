/**
 * The points between which a kill must leave the store whole. Tests stop or kill the process there;
 * nothing else uses them.
 */
export type StoreStep =
  | 'file:written'
  | 'file:visible'
  | 'commit:files-durable'
  | 'commit:indexed'
  | 'remove:unindexed'
  | 'remove:manifests-gone'
  | 'remove:blobs-gone'
  | 'reject:unindexed'
  | 'rebuild:cleared'
  | 'rebuild:units-written';

/** Called at each step. */
export type StepHook = (step: StoreStep) => void;

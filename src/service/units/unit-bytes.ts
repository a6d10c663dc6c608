/** What a stored unit takes where it is not shared. */
import type { Digest } from '../../store/manifest.js';
import type { Store } from '../../store/store.js';

/** Bytes of all files of the unit; 0 where the store does not have it. */
export function unitBytes(store: Store, id: Digest): number {
  let bytes = 0;
  for (const entry of store.manifest(id)?.entries ?? []) {
    if (entry.kind === 'file') bytes += entry.sizeBytes;
  }
  return bytes;
}

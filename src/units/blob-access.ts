/** Synchronous access to stored bytes for the resolver, which answers while the kernel waits. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Digest } from '../store/manifest.js';
import type { Store } from '../store/store.js';
import type { Rejections } from './rejections.js';
import type { ResolverStore } from './resolver.js';

/**
 * Where blobs lie, for threads that have no `Store`: the layout of `src/store/README.md`. They only
 * read there, and move finished files in.
 */
export function blobPathIn(blobsDirectory: string): (digest: string) => string {
  return (digest) => `${blobsDirectory}/${digest.slice(0, 2)}/${digest.slice(2)}`;
}

/** The store as the resolver sees it. `damaged` is told of units that have lost bytes. */
export function blobAccess(
  store: Store,
  rejections: Rejections,
  damaged: (id: Digest) => void,
): ResolverStore {
  return {
    isRejected: (facts) => rejections.has(facts),
    damaged,
    candidates: (lookupKey) => store.candidates(lookupKey),
    manifest: (digest) => store.manifest(digest),
    hasBlobsSync: (manifest) => store.hasBlobsSync(manifest),
    putBytesSync: (bytes) => store.putBytesSync(bytes),
    readBlobSync: (digest, offset, sizeBytes) =>
      readRange(store.blobPath(digest), offset, sizeBytes),
  };
}

/** Throws if the file is shorter. */
export function readRange(path: string, offset: number, sizeBytes: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(sizeBytes);
    const read = readSync(fd, bytes, 0, sizeBytes, offset);
    if (read !== sizeBytes) throw new Error(`${path} is too short`);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

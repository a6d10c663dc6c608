/** Synchronous access to stored bytes for the resolver, which answers while the kernel waits. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Store } from '../store/store.js';
import type { ResolverStore } from './resolver.js';

/** The store as the resolver sees it. */
export function blobAccess(store: Store): ResolverStore {
  return {
    candidates: (lookupKey) => store.candidates(lookupKey),
    manifest: (digest) => store.manifest(digest),
    hasBlobSync: (digest, sizeBytes) => store.hasBlobSync(digest, sizeBytes),
    putBytesSync: (bytes) => store.putBytesSync(bytes),
    readBlobSync: (digest, offset, sizeBytes) =>
      readRange(store.blobPath(digest), offset, sizeBytes),
  };
}

function readRange(path: string, offset: number, sizeBytes: number): Buffer {
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

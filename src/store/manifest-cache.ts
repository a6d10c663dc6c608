/** Recently decoded manifests, bounded by number and by encoded bytes. */
import { cachedManifestBytesMax, cachedManifestsMax } from '../base/limits.js';
import type { Digest, Manifest } from './manifest.js';

interface Cached {
  readonly manifest: Manifest;
  readonly bytes: number;
}

/** Least recently used goes first. */
export class ManifestCache {
  readonly #entries = new Map<Digest, Cached>();
  #bytes = 0;

  get(digest: Digest): Manifest | undefined {
    const cached = this.#entries.get(digest);
    if (cached === undefined) return undefined;
    // A map iterates in the order of insertion: reinsert to mark the use.
    this.#entries.delete(digest);
    this.#entries.set(digest, cached);
    return cached.manifest;
  }

  add(digest: Digest, manifest: Manifest, bytes: number): void {
    this.delete(digest);
    this.#entries.set(digest, { manifest, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      const isWithin =
        this.#entries.size <= cachedManifestsMax && this.#bytes <= cachedManifestBytesMax;
      if (isWithin) return;
      this.delete(oldest);
    }
  }

  delete(digest: Digest): void {
    const cached = this.#entries.get(digest);
    if (cached === undefined) return;
    this.#entries.delete(digest);
    this.#bytes -= cached.bytes;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}

/** What one view holds in the store: by a lease while it is mounted, by recorded references otherwise. */
import type { Digest } from '../../store/manifest.js';
import type { Lease } from '../../store/protections.js';
import type { Store } from '../../store/store.js';
import { listBackingDigests } from './materialize.js';
import type { ViewDirectory } from './view-directory.js';

export class ViewLease implements Disposable {
  readonly #store: Store;
  readonly #directory: ViewDirectory;
  #lease: Lease;

  constructor(store: Store, directory: ViewDirectory) {
    this.#store = store;
    this.#directory = directory;
    this.#lease = this.#take();
  }

  add(digests: readonly Digest[]): void {
    this.#lease.add(digests);
  }

  /** Holds nothing from now on but what is added; the result holds what was held before. */
  renew(): Disposable {
    const before = this.#lease;
    this.#lease = this.#take();
    return before;
  }

  /** Clean-up goes by these while the view is not mounted, which it must not be at the call. */
  async saveReferences(manifests: readonly Digest[]): Promise<void> {
    const blobPath = (digest: string): string => this.#store.blobPath(digest as Digest);
    const blobs = listBackingDigests(this.#directory, blobPath) as Digest[];
    await this.#store.setViewReferences(this.#directory.id, { manifests, blobs });
  }

  /** Holds nothing any more; not used afterwards. */
  [Symbol.dispose](): void {
    this.#lease[Symbol.dispose]();
  }

  #take(): Lease {
    return this.#store.lease(`view ${this.#directory.id}`, []);
  }
}

/** What one view holds in the store: by a lease while it is mounted, by recorded references otherwise. */
import type { Digest } from '../store/manifest.js';
import type { Lease } from '../store/protections.js';
import type { Store } from '../store/store.js';
import { loadBackingDigests } from '../fs/closed-view.js';
import type { ViewDirectory } from './view-directory.js';

export class ViewLease implements Disposable {
  readonly #store: Store;
  readonly #directory: ViewDirectory;
  #lease: Lease;
  /** What was held before a renewal, and somebody may have open still. */
  readonly #before = new Set<Lease>();

  constructor(store: Store, directory: ViewDirectory) {
    this.#store = store;
    this.#directory = directory;
    this.#lease = this.#take();
  }

  add(digests: readonly Digest[]): void {
    this.#lease.add(digests);
  }

  /**
   * Holds nothing from now on but what is added. What was held before is held until the result is
   * called, or to the end of the view.
   */
  renew(): () => void {
    const before = this.#lease;
    this.#before.add(before);
    this.#lease = this.#take();
    return () => {
      this.#before.delete(before);
      before[Symbol.dispose]();
    };
  }

  /** Clean-up goes by these while the view is not mounted, which it must not be at the call. */
  async saveReferences(manifests: readonly Digest[]): Promise<void> {
    const blobs = loadBackingDigests(this.#directory.journalPath) as Digest[];
    await this.#store.setViewReferences(this.#directory.id, { manifests, blobs });
  }

  /** Holds nothing any more; not used afterwards. */
  [Symbol.dispose](): void {
    for (const lease of [this.#lease, ...this.#before]) lease[Symbol.dispose]();
    this.#before.clear();
  }

  #take(): Lease {
    return this.#store.lease(`view ${this.#directory.id}`, []);
  }
}

/** Views with a mount of their own that should be mounted and are not, until somebody mounts them. */
import type { ViewStatus } from './view-requests.js';
import type { ViewRecord } from './view-directory.js';

export class MissingMounts {
  /** By mount point. */
  readonly #missing = new Map<string, ViewStatus>();

  /** @param problem why it is not mounted, in words */
  add(view: string, { mountPoint, driver }: ViewRecord, problem: string): void {
    const [firstLine] = problem.split('\n', 1);
    this.#missing.set(mountPoint, {
      ...{ view, directory: mountPoint, driver, state: 'failed', problem: firstLine ?? problem },
      ...{ attachedUnits: 0, pendingUnits: 0, requests: 0, operations: {} },
    });
  }

  has(mountPoint: string): boolean {
    return this.#missing.has(mountPoint);
  }

  /** It is mounted again, or nobody wants it any more. */
  remove(mountPoint: string): void {
    this.#missing.delete(mountPoint);
  }

  removeById(id: string): void {
    for (const { view, directory } of this.list()) if (view === id) this.remove(directory);
  }

  list(): readonly ViewStatus[] {
    return [...this.#missing.values()];
  }
}

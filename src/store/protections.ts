/**
 * What may not be removed now: leased digests (held by work in progress, in memory), attached ones
 * (named by a view, kept in the index), and blobs that were put moments ago. A protected unit protects its blobs, whatever the
 * reference counts say.
 */
import { putHoldMs } from '../base/limits.js';
import type { Digest } from './manifest.js';

/** Holds digests until it is disposed of. */
export interface Lease extends Disposable {
  readonly owner: string;
  /** Holds further digests, from this call on. */
  add(digests: Iterable<Digest>): void;
}

/** What a view serves. */
export interface ViewReferences {
  readonly manifests: readonly Digest[];
  readonly blobs: readonly Digest[];
}

/** Blobs that wait for the unit that names them. */
interface PutHold {
  readonly count: number;
  readonly untilMs: number;
}

/** Above this many holds, overdue ones are looked for. */
const putHoldsMax = 1024;

/** Counts how often each digest is held. */
export class Protections {
  /** The blobs of a unit; empty where the digest is not one of a unit. */
  readonly #blobsOf: (digest: Digest) => readonly Digest[];
  readonly #clock: () => number;
  readonly #held = new Map<Digest, number>();
  readonly #views = new Map<string, readonly Digest[]>();
  readonly #viewManifests = new Map<string, readonly Digest[]>();

  readonly #puts = new Map<Digest, PutHold>();

  constructor(blobsOf: (digest: Digest) => readonly Digest[], clock: () => number) {
    this.#blobsOf = blobsOf;
    this.#clock = clock;
  }

  /** Whether `digest` must stay. */
  isProtected(digest: Digest): boolean {
    if (this.#held.has(digest)) return true;
    const put = this.#puts.get(digest);
    if (put === undefined) return false;
    if (put.untilMs > this.#clock()) return true;
    this.#puts.delete(digest);
    return false;
  }

  /** Holds a blob that was put until `endPut`, or for a while where its unit never comes. */
  holdPut(digest: Digest): void {
    const count = (this.#puts.get(digest)?.count ?? 0) + 1;
    this.#puts.set(digest, { count, untilMs: this.#clock() + putHoldMs });
    if (this.#puts.size > putHoldsMax) this.#forgetOverduePuts();
  }

  /** Ends one hold of each blob: a unit names it now. */
  endPuts(digests: Iterable<Digest>): void {
    for (const digest of digests) {
      const put = this.#puts.get(digest);
      if (put === undefined) continue;
      if (put.count > 1) this.#puts.set(digest, { ...put, count: put.count - 1 });
      else this.#puts.delete(digest);
    }
  }

  lease(owner: string, digests: Iterable<Digest>): Lease {
    const held: Digest[] = [];
    let isOver = false;
    const add = (more: Iterable<Digest>): void => {
      if (isOver) throw new Error(`the lease of ${owner} is over`);
      const all = this.#withBlobs(more);
      this.#hold(all);
      held.push(...all);
    };
    add(digests);
    return {
      owner,
      add,
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        this.#release(held);
      },
    };
  }

  /** Replaces what `view` holds; undefined where the view is gone. */
  setView(view: string, references: ViewReferences | undefined): void {
    const before = this.#views.get(view) ?? [];
    if (references === undefined) {
      this.#views.delete(view);
      this.#viewManifests.delete(view);
    } else {
      const after = this.#withBlobs([...references.manifests, ...references.blobs]);
      this.#hold(after);
      this.#views.set(view, after);
      this.#viewManifests.set(view, references.manifests);
    }
    this.#release(before);
  }

  /** Names of the views that are known. */
  views(): readonly string[] {
    return [...this.#views.keys()];
  }

  /** How many views each unit is attached to. */
  attachedViews(): ReadonlyMap<Digest, number> {
    const counts = new Map<Digest, number>();
    for (const manifests of this.#viewManifests.values()) {
      for (const digest of new Set(manifests)) counts.set(digest, (counts.get(digest) ?? 0) + 1);
    }
    return counts;
  }

  #forgetOverduePuts(): void {
    const nowMs = this.#clock();
    for (const [digest, { untilMs }] of this.#puts) {
      if (untilMs <= nowMs) this.#puts.delete(digest);
    }
  }

  #withBlobs(digests: Iterable<Digest>): Digest[] {
    const all: Digest[] = [];
    for (const digest of digests) all.push(digest, ...this.#blobsOf(digest));
    return all;
  }

  #hold(digests: readonly Digest[]): void {
    for (const digest of digests) this.#held.set(digest, (this.#held.get(digest) ?? 0) + 1);
  }

  #release(digests: readonly Digest[]): void {
    for (const digest of digests) {
      const count = (this.#held.get(digest) ?? 0) - 1;
      if (count > 0) this.#held.set(digest, count);
      else this.#held.delete(digest);
    }
  }
}

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
  /** What each held unit holds: 200 views with the same 700 units ask the index 700 times. */
  readonly #unitBlobs = new Map<Digest, readonly Digest[]>();
  readonly #views = new Map<string, ViewReferences>();
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
      for (const digest of more) {
        this.#hold(digest);
        held.push(digest);
      }
    };
    add(digests);
    return {
      owner,
      add,
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        for (const digest of held) this.#release(digest);
      },
    };
  }

  /** Replaces what `view` holds; undefined where the view is gone. */
  setView(view: string, references: ViewReferences | undefined): void {
    const before = this.#views.get(view) ?? { manifests: [], blobs: [] };
    if (references === undefined) this.#views.delete(view);
    else {
      this.#views.set(view, references);
      for (const digest of references.manifests) this.#hold(digest);
      for (const digest of references.blobs) this.#count(digest);
    }
    for (const digest of before.manifests) this.#release(digest);
    for (const digest of before.blobs) this.#uncount(digest);
  }

  /** Names of the views that are known. */
  views(): readonly string[] {
    return [...this.#views.keys()];
  }

  /** What each view refers to. */
  viewReferences(): ReadonlyMap<string, ViewReferences> {
    return this.#views;
  }

  /** The units that `view` serves; empty where nothing is known of it. */
  manifestsOf(view: string): readonly Digest[] {
    return this.#views.get(view)?.manifests ?? [];
  }

  /**
   * How many views each unit is attached to; units of no view are left out. `open` has the units of
   * views that hold by a lease, whose references, if any, are out of date.
   */
  attachedViews(open: ReadonlyMap<string, readonly Digest[]>): ReadonlyMap<Digest, number> {
    const units = new Map<string, readonly Digest[]>();
    for (const [view, { manifests }] of this.#views) units.set(view, manifests);
    for (const [view, manifests] of open) units.set(view, manifests);
    const counts = new Map<Digest, number>();
    for (const manifests of units.values()) {
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

  /** A unit holds its blobs once, however often it is held itself. */
  #hold(digest: Digest): void {
    this.#count(digest);
    if (this.#unitBlobs.has(digest)) return;
    // A digest that is not one of a unit yet may be one the next time.
    const blobs = this.#blobsOf(digest);
    if (blobs.length === 0) return;
    this.#unitBlobs.set(digest, blobs);
    for (const blob of blobs) this.#count(blob);
  }

  #release(digest: Digest): void {
    if (this.#uncount(digest)) return;
    const blobs = this.#unitBlobs.get(digest) ?? [];
    this.#unitBlobs.delete(digest);
    for (const blob of blobs) this.#uncount(blob);
  }

  #count(digest: Digest): void {
    this.#held.set(digest, (this.#held.get(digest) ?? 0) + 1);
  }

  /** Whether it is held still. */
  #uncount(digest: Digest): boolean {
    const count = (this.#held.get(digest) ?? 0) - 1;
    if (count > 0) this.#held.set(digest, count);
    else this.#held.delete(digest);
    return count > 0;
  }
}

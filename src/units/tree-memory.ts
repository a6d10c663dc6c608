/**
 * Remembers what whole packages were, so that a package of thousands of files costs one look at each
 * file and nothing else. What is remembered never replaces a look: a tree counts as unchanged only if
 * every directory and file of it has the inode, size and times that it had when it was walked.
 */
import type { BigIntStats } from 'node:fs';
import type { HostFiles, Place } from '../host/host-files.js';
import { settledAfterMs, type WalkResult } from './input-walk.js';

/** Files and directories remembered in all; each takes some 200 bytes. */
const rememberedMax = 100_000;

/** Inode, size, mtime and ctime. */
const numbersOfPlace = 4;

interface KnownTree {
  readonly paths: readonly string[];
  /** `numbersOfPlace` for each path. */
  readonly numbers: BigInt64Array;
  readonly result: WalkResult;
}

export class TreeMemory {
  readonly #nowMs: () => number;
  /** By the real path of the tree, the least recently used first. */
  readonly #trees = new Map<string, KnownTree>();
  #places = 0;

  /** @param nowMs milliseconds since 1970 */
  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** What the tree is, if nothing in it has changed since it was remembered. */
  find(root: Place, files: HostFiles): WalkResult | undefined {
    const known = this.#trees.get(root.real);
    if (known === undefined) return undefined;
    this.#trees.delete(root.real);
    if (!isUnchanged(known, files)) {
      this.#places -= known.paths.length;
      return undefined;
    }
    this.#trees.set(root.real, known);
    return known.result;
  }

  /**
   * Keeps what a walk found.
   * @param places all directories and files that make the result, with the looks that were taken
   * before their content was read; nothing of it may be a link
   */
  remember(root: Place, places: readonly Place[], result: WalkResult): void {
    const isSettled = this.#nowMs() - Number(result.newest.atNs / 1_000_000n) > settledAfterMs;
    if (!isSettled || places.length > rememberedMax) return;
    const numbers = new BigInt64Array(places.length * numbersOfPlace);
    places.forEach(({ stats }, at) => numbers.set(numbersOf(stats), at * numbersOfPlace));
    this.#trees.set(root.real, { paths: places.map(({ real }) => real), numbers, result });
    this.#places += places.length;
    for (const [path, { paths }] of this.#trees) {
      if (this.#places <= rememberedMax) return;
      this.#trees.delete(path);
      this.#places -= paths.length;
    }
  }
}

function isUnchanged({ paths, numbers }: KnownTree, files: HostFiles): boolean {
  return paths.every((path, at) => {
    const stats = files.statPlace(path);
    const first = at * numbersOfPlace;
    return (
      stats !== undefined &&
      numbersOf(stats).every((number, offset) => numbers[first + offset] === number)
    );
  });
}

function numbersOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): readonly bigint[] {
  return [BigInt.asIntN(64, ino), size, mtimeNs, ctimeNs];
}

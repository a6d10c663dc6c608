/**
 * Digests of a unit's inputs outside of the build-dir: the crate's sources and what a build script
 * declared. A file whose identity (size, times, inode) is known is not read again.
 */
import { readdirSync, readlinkSync, type BigIntStats } from 'node:fs';
import { join, resolve } from 'node:path';
import { hashBytes } from '../../store/digest.js';
import type { InputRow } from '../../store/deferred-rows.js';
import type { Digest } from '../../store/manifest.js';
import type { Store } from '../../store/store.js';
import type { HostFiles } from '../host/host-files.js';
import type { InputSet } from './unit-facts.js';

/** Where known digests are kept between runs. */
export type InputMemory = Pick<Store, 'inputRow' | 'putInputRows'>;

/** The largest input file: sqlite3.c is 9 MB. */
const inputBytesMax = 256 << 20;

/** Files in one tree input: aws-lc-sys has about 3,000. */
const treeFilesMax = 20_000;

/** A file younger than this may be written again within one tick of the clock that stamps it. */
const settledAfterMs = 2_000;

/** How long a verified set counts as verified: one planning phase of cargo. */
const verifiedForMs = 3_000;

export class InputVerifier {
  readonly #files: HostFiles;
  readonly #memory: InputMemory;
  readonly #verified = new Map<string, number>();

  constructor(files: HostFiles, memory: InputMemory) {
    this.#files = files;
    this.#memory = memory;
  }

  /**
   * Whether the inputs have the bytes now that they had when the set was recorded. With `isFixed` a
   * look of a moment ago counts.
   */
  holds(set: InputSet, isFixed: boolean): boolean {
    const key = `${set.digest}:${set.root}`;
    const now = performance.now();
    const verifiedMs = isFixed ? this.#verified.get(key) : undefined;
    if (verifiedMs !== undefined && now - verifiedMs < verifiedForMs) return true;
    if (this.#digestOf(set)?.digest !== set.digest) return false;
    if (this.#verified.size > 10_000) this.#verified.clear();
    this.#verified.set(key, now);
    return true;
  }

  /**
   * Records a set as it is now. Undefined where an input cannot be read or is too large, or where
   * one has changed since `notAfterNs` (then it may differ from what the compiler read).
   */
  record(set: Pick<InputSet, 'kind' | 'root' | 'paths'>, notAfterNs: bigint): InputSet | undefined {
    const found = this.#digestOf(set);
    if (found === undefined || found.newestNs > notAfterNs) return undefined;
    return { ...set, paths: [...set.paths], digest: found.digest };
  }

  #digestOf(
    set: Pick<InputSet, 'kind' | 'root' | 'paths'>,
  ): { digest: Digest; newestNs: bigint } | undefined {
    const walk = new InputWalk(this.#files, this.#memory);
    if (set.kind === 'tree') walk.addTree(set.root, '');
    else for (const path of set.paths) walk.add(resolve(set.root, path), path);
    return walk.finish();
  }
}

/** Collects one line per input; the digest of all lines is the digest of the set. */
class InputWalk {
  readonly #files: HostFiles;
  readonly #memory: InputMemory;
  readonly #lines: string[] = [];
  readonly #fresh: (InputRow & { path: string })[] = [];
  #newestNs = 0n;
  #failed = false;

  constructor(files: HostFiles, memory: InputMemory) {
    this.#files = files;
    this.#memory = memory;
  }

  /** A file, a directory with all that is in it, or a name that is not there. */
  add(path: string, label: string): void {
    if (this.#files.isBelowOwnMount(path)) {
      this.#failed = true;
      return;
    }
    const stats = this.#files.stat(path);
    if (stats === undefined) this.#lines.push(JSON.stringify([label, 'absent']));
    else if (stats.isDirectory()) this.addTree(path, label);
    else this.#addFile(path, label, stats);
  }

  addTree(root: string, label: string): void {
    if (this.#lines.length > treeFilesMax || this.#failed) {
      this.#failed = true;
      return;
    }
    if (this.#files.isBelowOwnMount(root)) {
      this.#failed = true;
      return;
    }
    let entries;
    try {
      entries = readdirSync(root, { withFileTypes: true });
    } catch {
      this.#failed = true;
      return;
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = join(root, entry.name);
      const name = `${label}/${entry.name}`;
      if (entry.isDirectory()) this.addTree(path, name);
      else if (entry.isSymbolicLink()) this.#addLink(path, name);
      else this.#addFile(path, name, this.#files.stat(path));
    }
  }

  #addLink(path: string, label: string): void {
    try {
      this.#lines.push(JSON.stringify([label, readlinkSync(path)]));
    } catch {
      this.#failed = true;
    }
  }

  finish(): { digest: Digest; newestNs: bigint } | undefined {
    if (this.#fresh.length > 0) this.#memory.putInputRows(this.#fresh);
    if (this.#failed) return undefined;
    return { digest: hashBytes(Buffer.from(this.#lines.join('\n'))), newestNs: this.#newestNs };
  }

  #addFile(path: string, label: string, stats: BigIntStats | undefined): void {
    if (!stats?.isFile()) {
      this.#failed = true;
      return;
    }
    // ctime cannot be set back, so it tells of changes that kept the mtime.
    if (stats.ctimeNs > this.#newestNs) this.#newestNs = stats.ctimeNs;
    const identity = {
      sizeBytes: Number(stats.size),
      mtimeNs: stats.mtimeNs,
      ctimeNs: stats.ctimeNs,
      ino: stats.ino,
      dev: stats.dev,
    };
    const known = this.#memory.inputRow(path);
    const isKnown =
      known?.sizeBytes === identity.sizeBytes &&
      known.mtimeNs === identity.mtimeNs &&
      known.ctimeNs === identity.ctimeNs &&
      known.ino === identity.ino &&
      known.dev === identity.dev;
    const digest = isKnown ? known.digest : this.#hash(path);
    if (digest === undefined) {
      this.#failed = true;
      return;
    }
    if (!isKnown && Date.now() - Number(stats.ctimeNs / 1_000_000n) > settledAfterMs) {
      this.#fresh.push({ path, ...identity, digest });
    }
    this.#lines.push(JSON.stringify([label, digest]));
  }

  #hash(path: string): Digest | undefined {
    const bytes = this.#files.read(path, inputBytesMax);
    return bytes && hashBytes(bytes);
  }
}

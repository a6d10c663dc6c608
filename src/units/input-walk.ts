/**
 * Collects what a set of inputs is, one line for each file, link or missing name. The digest of all
 * lines is the digest of the set and part of the identity of units, so the form of a line never
 * changes without a new name of the identity's format.
 */
import { join } from 'node:path';
import type { InputRow } from '../store/deferred-rows.js';
import { hashBytes } from '../store/digest.js';
import type { Digest } from '../store/manifest.js';
import type { Store } from '../store/store.js';
import type { HostFiles, ListedEntry, Look, Place } from '../host/host-files.js';

/** Where known digests are kept between runs. */
export type InputMemory = Pick<Store, 'inputRow' | 'putInputRows'>;

/** The largest input file: sqlite3.c is 9 MB. */
const fileBytesMax = 256 << 20;

/** Bytes of one set of inputs, because the service reads them while builds wait. */
const setBytesMax = 1 << 30;

/** Entries in one set of inputs: aws-lc-sys has about 3,000. */
export const inputEntriesMax = 20_000;

/** A file younger than this may be written again within one tick of the clock that stamps it. */
export const settledAfterMs = 2_000;

/** What a set is now. */
export interface WalkResult {
  readonly kind: 'walked';
  readonly digest: Digest;
  /** The latest change that could have made another digest of it, and where. */
  readonly newest: { readonly atNs: bigint; readonly path: string };
}

export interface WalkFailure {
  readonly kind: 'failed';
  readonly isTooLarge: boolean;
  /** For people; names the path. */
  readonly why: string;
}

export class InputWalk {
  readonly files: HostFiles;
  readonly #memory: InputMemory;
  readonly #lines: string[] = [];
  readonly #fresh: (InputRow & { path: string })[] = [];
  /** Directories that are in the lines, by inode, with the label of the first visit. */
  readonly #visited = new Map<string, string>();
  /** All directories and files that were looked at; undefined where a link was followed. */
  #places: Place[] | undefined = [];
  readonly #entriesMax: number;
  #entriesLeft: number;
  #bytesLeft = setBytesMax;
  /** Files beyond the bytes that may be read count by size and times. */
  #isByTimes = false;
  #newest = { atNs: 0n, path: '' };
  #failure: WalkFailure | undefined;

  constructor(files: HostFiles, memory: InputMemory, entriesMax: number) {
    this.files = files;
    this.#memory = memory;
    this.#entriesMax = entriesMax;
    this.#entriesLeft = entriesMax;
  }

  /** What the lines were made from, if that is everything: no link was followed. */
  get places(): readonly Place[] | undefined {
    return this.#places;
  }

  /** From here on so many bytes are read; of files beyond them size and times have to do. */
  limitBytes(bytesMax: number): void {
    this.#bytesLeft = bytesMax;
    this.#isByTimes = true;
  }

  /** Nothing that is added after a failure counts. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Follows links; their times count, and a missing name is as young as the directory without it. */
  look(path: string): Look {
    const look = this.files.look(path);
    if (look.kind === 'unknown') this.fail(look.why);
    else this.note(look.wayNs, path);
    return look;
  }

  /** A file, a directory with all that is in it, or a name that is not there. */
  addPath(path: string, label: string): void {
    const look = this.look(path);
    if (look.kind === 'missing') this.line(label, 'absent');
    else if (look.kind === 'there') this.addPlace(look, label);
  }

  addPlace(place: Place, label: string): void {
    if (place.stats.isDirectory()) this.addTree(place, label, false);
    else this.addFile(place, label);
  }

  /**
   * A directory and everything below it. Links are followed, as cargo does for times; each
   * directory appears once, so loops end. In a package, what is no part of it is left out.
   */
  addTree(directory: Place, label: string, isPackage: boolean): void {
    const { stats, real } = directory;
    const inode = `${stats.dev}:${stats.ino}`;
    const visited = this.#visited.get(inode);
    if (visited !== undefined) {
      this.line(label, 'again', visited);
      return;
    }
    this.#visited.set(inode, label);
    // An entry that was removed or renamed leaves its trace here alone.
    this.note(stats.ctimeNs, real);
    this.#places?.push(directory);
    const entries = this.files.list(directory);
    if ('why' in entries) {
      this.fail(entries.why);
      return;
    }
    if (isPackage && label !== '' && isBuildDirectory(real, entries)) return;
    this.line(label, 'directory');
    for (const entry of entries) {
      if (this.hasFailed) return;
      if (isPackage && isOfCargoOrGit(entry.name)) continue;
      if (!this.#take(real)) return;
      this.#addEntry(directory, entry, { label: `${label}/${entry.name}`, isPackage });
    }
  }

  /** A file by its digest. */
  addFile(place: Place, ...label: readonly string[]): void {
    this.#places?.push(place);
    const { size, mtimeNs, ctimeNs } = place.stats;
    const bytes = Number(size);
    if (this.#isByTimes && bytes > this.#bytesLeft && place.stats.isFile()) {
      this.note(ctimeNs, place.real);
      this.line(...label, 'large', String(size), String(mtimeNs), String(ctimeNs));
      return;
    }
    this.#bytesLeft -= bytes;
    if (this.#bytesLeft < 0) this.#failTooLarge(`${place.real}: more than ${setBytesMax} bytes`);
    const digest = this.#digestOf(place);
    if (digest !== undefined) this.line(...label, digest);
  }

  line(...words: readonly string[]): void {
    this.#lines.push(JSON.stringify(words));
  }

  /** Something that the set depends on changed at that time. */
  note(atNs: bigint, path: string): void {
    if (atNs > this.#newest.atNs) this.#newest = { atNs, path };
  }

  fail(why: string): void {
    this.#failure ??= { kind: 'failed', isTooLarge: false, why };
  }

  finish(): WalkResult | WalkFailure {
    if (this.#fresh.length > 0) this.#memory.putInputRows(this.#fresh);
    if (this.#failure !== undefined) return this.#failure;
    const digest = hashBytes(Buffer.from(this.#lines.join('\n')));
    return { kind: 'walked', digest, newest: this.#newest };
  }

  #take(path: string): boolean {
    this.#entriesLeft -= 1;
    if (this.#entriesLeft >= 0) return true;
    this.#failTooLarge(`${path}: more than ${this.#entriesMax} files`);
    return false;
  }

  #failTooLarge(why: string): void {
    this.#failure ??= { kind: 'failed', isTooLarge: true, why };
  }

  #addEntry(
    directory: Place,
    entry: ListedEntry,
    { label, isPackage }: { readonly label: string; readonly isPackage: boolean },
  ): void {
    if (entry.kind === 'link') {
      this.#addLink(directory, entry.name, label);
      return;
    }
    const place = this.files.lookBelow(directory, entry);
    if (place.kind === 'unknown') this.fail(place.why);
    else if (place.stats.isDirectory()) this.addTree(place, label, isPackage);
    else this.addFile(place, label);
  }

  #addLink(directory: Place, name: string, label: string): void {
    this.#places = undefined;
    const text = this.files.linkText(directory, name);
    if (typeof text !== 'string') {
      this.fail(text.why);
      return;
    }
    this.line(label, 'link', text);
    const behind = this.look(join(directory.real, name));
    if (behind.kind === 'missing') this.line(label, 'dangling');
    else if (behind.kind === 'there') this.addPlace(behind, label);
  }

  #digestOf({ kind, real, stats, wayNs }: Place): Digest | undefined {
    // ctime cannot be set back, so it tells of changes that kept the mtime.
    this.note(stats.ctimeNs, real);
    const known = this.#memory.inputRow(real);
    // Not the number of the device: that of btrfs, overlay and NFS is another one after a remount.
    const isKnown =
      known?.ctimeNs === stats.ctimeNs &&
      known.mtimeNs === stats.mtimeNs &&
      known.ino === stats.ino &&
      known.sizeBytes === Number(stats.size);
    if (isKnown && stats.isFile()) return known.digest;
    const file = this.files.readPlace({ kind, real, stats, wayNs }, fileBytesMax);
    if (file.kind === 'unknown') {
      this.fail(file.why);
      return undefined;
    }
    const digest = hashBytes(file.bytes);
    if (Date.now() - Number(stats.ctimeNs / 1_000_000n) > settledAfterMs) {
      const { mtimeNs, ctimeNs, ino, dev } = stats;
      const sizeBytes = Number(stats.size);
      this.#fresh.push({ path: real, sizeBytes, mtimeNs, ctimeNs, ino, dev, digest });
    }
    return digest;
  }
}

/** Cargo writes its marker, and git its index, into packages that nobody changed. */
function isOfCargoOrGit(name: string): boolean {
  return name === '.git' || name === '.cargo-ok';
}

function isBuildDirectory(real: string, entries: readonly ListedEntry[]): boolean {
  return real.endsWith('/target') && entries.some(({ name }) => name === 'CACHEDIR.TAG');
}

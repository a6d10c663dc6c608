/**
 * What the owner of a view may do to its file system beside serving requests: look at what is
 * there, attach lower entries, and exchange finished upper files for immutable ones. Like every
 * request, each call runs to its end between two requests, in the thread that serves the view.
 */
import type { ByteName, VirtualPath } from '../base/byte-string.js';
import type { Ino } from './file-system.js';
import type { Attachment, Extent } from './lower.js';

/** One file, directory or symlink as it stands now. */
export interface SnapshotEntry {
  readonly path: VirtualPath;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly layer: 'upper' | 'lower';
  readonly ino: Ino;
  /** Counts the changes of content and attributes of this inode in this mount. */
  readonly generation: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  /** Permission bits. */
  readonly mode: number;
  readonly nlink: number;
  /** The real file, of an upper entry, as a byte string. */
  readonly hostPath: string | undefined;
  /** Of a symlink. */
  readonly target: string | undefined;
  /** Of a lower entry. */
  readonly attachment: string | undefined;
  readonly extent: Extent | undefined;
}

/** An upper file that is to be served from an immutable file with the same bytes from now on. */
/** A file whose bytes were taken, as it was then. */
export interface AdoptionWitness {
  readonly path: VirtualPath;
  readonly ino: Ino;
  /** The generation that was hashed; any other means that the file has changed since. */
  readonly generation: number;
}

export interface AdoptedFile extends AdoptionWitness {
  readonly extent: Extent;
  /**
   * What becomes of the upper file: `move` renames it to the backing path (it is the backing file
   * from then on; falls back to `drop` where the backing file is there already), `drop` removes it.
   */
  readonly disposal: 'move' | 'drop';
}

export interface Adoption {
  readonly attachment: string;
  readonly files: readonly AdoptedFile[];
  /**
   * Files that were copied and stay in the upper layer, because they have names elsewhere: a change
   * of one of them spoils the adoption as well.
   */
  readonly witnesses: readonly AdoptionWitness[];
}

/** How one adoption went; a changed file spoils the whole adoption. */
export type AdoptionOutcome = 'done' | 'changed';

export interface ViewControl {
  /** The entry at `path` and, below a directory, everything in it; empty where nothing is there. */
  snapshot(path: VirtualPath): readonly SnapshotEntry[];
  /** The names in a directory; empty where it is not there. */
  names(directory: VirtualPath): readonly ByteName[];
  /** Reads a small file whole; undefined where it is missing or longer than `bytesMax`. */
  readSmallFile(path: VirtualPath, bytesMax: number): Buffer | undefined;
  /**
   * Journals and adds lower entries. Returns the ids that were refused because a path was taken
   * or a required attachment is not there.
   */
  attach(attachments: readonly Attachment[]): readonly string[];
  /**
   * First step of an adoption: checks the generations and appends the intent to the journal, which
   * the owner then makes durable (`journalPath`) before the second step.
   */
  prepareAdoption(adoption: Adoption): AdoptionOutcome;
  /**
   * Second step: checks the generations again, moves or drops the upper files and serves the same
   * inodes from the backing files; inode number, times and mode stay. On `changed` the intent is
   * revoked and nothing has happened. Interrupted at any point, a later mount finds every file
   * either in the upper layer or behind its journaled extent.
   */
  completeAdoption(adoption: Adoption): AdoptionOutcome;
  /** Attachments that have at least one entry left, and whether all of their entries are untouched. */
  attachments(): readonly { readonly id: string; readonly isIntact: boolean }[];
  /** Digests of all backing files that lower entries lie in. */
  backingDigests(): readonly string[];
  /** The journal's host path, for making it durable. */
  readonly journalPath: string;
  /** Flushes and closes everything; later use throws. */
  close(): void;
}

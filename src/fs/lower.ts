/**
 * The lower layer: files that are served from immutable bytes elsewhere. The file system knows
 * nothing of cargo or of the store; it is handed *attachments* (groups of entries that appear and
 * are journaled together) and asks a `LowerLayer` when a name is missing.
 */
import type { ByteName, VirtualPath } from '../base/byte-string.js';
import type { Caller } from './file-system.js';

/** Where the bytes of a lower file lie: a range of one immutable backing file. */
export interface Extent {
  /** Hex digest of the backing file, resolved to a host path by the view's owner. */
  readonly digest: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

interface LowerEntryBase {
  readonly path: VirtualPath;
  readonly mtimeNs: bigint;
  /** The owner may take the entry away on its own account: the kernel asks for it every time. */
  readonly isTransient?: boolean;
}

export interface LowerFile extends LowerEntryBase {
  readonly kind: 'file';
  readonly extent: Extent;
  /** Permission bits; always writable for the owner (rustc refuses to replace a read-only output). */
  readonly mode: number;
  /** Entries of one attachment with the same number are hard links to one inode. */
  readonly linkGroup?: number;
}

export interface LowerDirectory extends LowerEntryBase {
  readonly kind: 'directory';
  readonly mode: number;
}

export interface LowerSymlink extends LowerEntryBase {
  readonly kind: 'symlink';
  readonly target: string;
}

export type LowerEntry = LowerFile | LowerDirectory | LowerSymlink;

/** A group of entries that is attached as a whole or not at all, in a fixed order of dependencies. */
export interface Attachment {
  /** Names the group in the journal and towards the owner; opaque here. */
  readonly id: string;
  /** Groups that must be attached already, or earlier in the same call. */
  readonly requires: readonly string[];
  /**
   * Directories come before what they hold. A directory may exist already (upper or lower); any
   * other path that exists makes the whole attachment, and those that require it, be refused.
   */
  readonly entries: readonly LowerEntry[];
}

/** What the owner of a view answers when the file system misses a name. */
export interface LowerLayer {
  /** Cheap and pure: may a unit appear under this name later? Then its absence is never cached. */
  isVolatile(directory: VirtualPath, name: ByteName): boolean;
  /**
   * Asked for volatile names only. Returns attachments that make the name exist, dependencies
   * first, or an empty list. Bounded: returns within `resolveTimeoutMs`.
   */
  resolve(directory: VirtualPath, name: ByteName, caller: Caller): readonly Attachment[];
  /** The host path of an immutable backing file. */
  backingPath(digest: string): string;
}

/**
 * What the owner of a view hears of changes. Called after the change, on the path that answers the
 * kernel: keep it short. `caller` is whoever asked for the change.
 */
export interface ChangeObserver {
  /** Attachments that `resolve` offered are in the tree, or were refused. Called before the lookup is answered. */
  attached(ids: readonly string[], refused: readonly string[]): void;
  /**
   * The content of an upper file changed: each truncation, and the first write of a process in a row;
   * repeats may be dropped. Without a caller, the kernel writes what somebody has changed through a
   * mapping of a file whose maker, or an earlier writer, was told of.
   */
  changed(path: VirtualPath, caller: Caller | undefined): void;
  /** Mode, owner or times of an entry were set. */
  attributesChanged(path: VirtualPath, caller: Caller): void;
  /** A name was removed by unlink, rmdir or rename (also the target that a rename replaced). */
  removed(
    path: VirtualPath,
    wasLower: boolean,
    attachment: string | undefined,
    caller: Caller,
  ): void;
  /** A name appeared by create, mkdir, symlink, link or rename. */
  appeared(path: VirtualPath, caller: Caller): void;
  /** A lower entry is about to change and is therefore copied up or detached; `attachment` is no longer intact. */
  detached(path: VirtualPath, attachment: string): void;
  /** A removal has emptied the root. Called before that removal is answered. */
  rootEmptied(): void;
}

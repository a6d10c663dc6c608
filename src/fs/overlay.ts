/**
 * The virtual file system of one view: an upper directory of real files and lower entries served
 * from immutable files. This class only wires; the operations live in files of their own.
 */
import type { ByteName, VirtualPath } from '../base/byte-string.js';
import { byteStringToHostPath } from '../base/byte-string.js';
import { FsError } from '../base/errors.js';
import { completeAdoption, prepareAdoption } from './adoption.js';
import { attach } from './attach.js';
import { attributesOf } from './attributes.js';
import { link, mkdir, mknod, symlink } from './create.js';
import { fsync, read, write } from './data.js';
import { loseWrites } from './lost-writes.js';
import { childrenOf } from './directory.js';
import { diskStats } from './disk-stats.js';
import type { Absent, Attr, AttrChanges, ByteRange, Caller } from './file-system.js';
import type { DirectoryEntry, FileSystem, FileSystemStats, Ino } from './file-system.js';
import type { RenameFlags } from './file-system.js';
import { symlinkType } from './inode.js';
import { assertInvariants } from './invariants.js';
import { forget, readTarget } from './lifetime.js';
import { lookup } from './lookup.js';
import type { Attachment } from './lower.js';
import { lowerEntriesByGroup } from './lower-tree.js';
import { journalOf, openState, type OverlayOptions } from './open-overlay.js';
import type { OverlayState } from './overlay-state.js';
import { opendir, readdir } from './readdir.js';
import type { RecoverySummary } from './recovery.js';
import { dropTransient, rmdir, unlink } from './remove.js';
import { rename, type NameIn } from './rename.js';
import { setattr } from './setattr.js';
import { names, readSmallFile, snapshot } from './snapshot.js';
import type { Adoption, AdoptionOutcome, SnapshotEntry, ViewControl } from './view-control.js';

/** Opens the file system of a view; the caller closes it. At most one may be open per directory. */
export function openOverlay(options: OverlayOptions): Overlay {
  const { state, recovery } = openState(options);
  return new Overlay(state, recovery);
}

export class Overlay implements FileSystem, ViewControl {
  readonly journalPath: string;
  /** What opening found and put right. */
  readonly recovery: RecoverySummary;
  readonly #state: OverlayState;
  #isClosed = false;

  constructor(state: OverlayState, recovery: RecoverySummary) {
    this.#state = state;
    this.recovery = recovery;
    this.journalPath = state.journal.path;
  }

  lookup(parent: Ino, name: ByteName, caller: Caller): Attr | Absent {
    return lookup(this.#open, parent, name, caller);
  }

  forget(ino: Ino, count: number): void {
    const state = this.#open;
    const inode = state.inodes.find(ino);
    if (inode !== undefined) forget(state, inode, count);
  }

  getattr(ino: Ino): Attr {
    const state = this.#open;
    return attributesOf(state, state.inodes.get(ino, 'getattr'));
  }

  setattr(ino: Ino, changes: AttrChanges, caller: Caller): Attr {
    const state = this.#openFor(caller);
    return setattr(state, state.inodes.get(ino, 'setattr'), changes);
  }

  readlink(ino: Ino): Buffer {
    const state = this.#open;
    const inode = state.inodes.get(ino, 'readlink');
    if (inode.fileType !== symlinkType) throw new FsError('EINVAL', 'readlink');
    return readTarget(state, inode);
  }

  symlink(parent: Ino, name: ByteName, target: Buffer, caller: Caller): Attr {
    return symlink(this.#openFor(caller), { parent, name, caller }, target);
  }

  mknod(parent: Ino, name: ByteName, mode: number, caller: Caller): Attr {
    return mknod(this.#openFor(caller), { parent, name, caller }, mode);
  }

  mkdir(parent: Ino, name: ByteName, mode: number, caller: Caller): Attr {
    return mkdir(this.#openFor(caller), { parent, name, caller }, mode);
  }

  unlink(parent: Ino, name: ByteName, caller: Caller): void {
    unlink(this.#openFor(caller), parent, name);
  }

  rmdir(parent: Ino, name: ByteName, caller: Caller): void {
    rmdir(this.#openFor(caller), parent, name);
  }

  rename(from: NameIn, to: NameIn, flags: RenameFlags, caller: Caller): void {
    rename(this.#openFor(caller), from, to, flags);
  }

  link(ino: Ino, newParent: Ino, newName: ByteName, caller: Caller): Attr {
    const state = this.#openFor(caller);
    const at = { parent: newParent, name: newName, caller };
    return link(state, state.inodes.get(ino, 'link'), at);
  }

  read(ino: Ino, target: Buffer, range: ByteRange): number {
    const state = this.#open;
    return read(state, state.inodes.get(ino, 'read'), target, range);
  }

  write(ino: Ino, source: Buffer, range: ByteRange, caller: Caller): number {
    const state = this.#openFor(caller);
    return write(state, state.inodes.get(ino, 'write'), source, range);
  }

  writeLost(ino: Ino, error: unknown): void {
    loseWrites(this.#open.inodes.get(ino, 'write'), error);
  }

  fsync(ino: Ino, isDataOnly: boolean): void {
    const state = this.#open;
    fsync(state, state.inodes.get(ino, 'fsync'), isDataOnly);
  }

  statfs(): FileSystemStats {
    const state = this.#open;
    this.#compactIfGrown();
    return diskStats(byteStringToHostPath(state.upperRoot));
  }

  opendir(ino: Ino): number {
    const state = this.#open;
    return opendir(state, state.inodes.directory(ino, 'opendir'));
  }

  readdir(handle: number): readonly DirectoryEntry[] {
    return readdir(this.#open, handle);
  }

  releasedir(handle: number): void {
    this.#open.directorySnapshots.delete(handle);
  }

  snapshot(path: VirtualPath): readonly SnapshotEntry[] {
    return snapshot(this.#open, path);
  }

  names(directory: VirtualPath): readonly ByteName[] {
    return names(this.#open, directory);
  }

  readSmallFile(path: VirtualPath, bytesMax: number): Buffer | undefined {
    return readSmallFile(this.#open, path, bytesMax);
  }

  attach(attachments: readonly Attachment[]): readonly string[] {
    const state = this.#open;
    this.#compactIfGrown();
    return attach(state, attachments);
  }

  prepareAdoption(adoption: Adoption): AdoptionOutcome {
    return prepareAdoption(this.#open, adoption);
  }

  completeAdoption(adoption: Adoption): AdoptionOutcome {
    return completeAdoption(this.#open, adoption);
  }

  attachments(): readonly { readonly id: string; readonly isIntact: boolean }[] {
    const groups = [...this.#open.attachments.values()];
    // Directories alone say nothing about a group: they may be shared with others.
    return groups
      .filter((group) => group.nameCount > 0)
      .map(({ id, isIntact }) => ({ id, isIntact }));
  }

  /**
   * For a root that was emptied and is mounted nowhere any more: nothing can be put into it from now
   * on, so that another file system may serve the same upper directory. Files that are still open
   * stay readable and writable.
   */
  retire(): void {
    const { root } = this.#open.inodes;
    if (root.directory !== undefined) root.directory.isRetired = true;
  }

  backingDigests(): readonly string[] {
    const digests = new Set<string>();
    for (const entries of lowerEntriesByGroup(this.#open).values()) {
      for (const entry of entries) if (entry.kind === 'file') digests.add(entry.extent.digest);
    }
    return [...digests];
  }

  /**
   * Takes the transient files and symlinks of an attachment out of the tree, on the owner's account:
   * the observer hears nothing of it. What is open stays readable.
   */
  dropTransient(id: string): void {
    dropTransient(this.#open, id);
  }

  /** Now, by the clock that stamps ordinary writes; never ahead of a file written later. */
  clockNs(): bigint {
    return this.#open.work.nowNs();
  }

  /** Keeps a value for the owner in the journal; null removes it. Any text is fine. */
  note(key: string, value: string | null): void {
    const state = this.#open;
    state.journal.append({ kind: 'note', key, value });
    if (value === null) state.notes.delete(key);
    else state.notes.set(key, value);
  }

  /** Whether nothing is in the root, in either layer. */
  isEmpty(): boolean {
    const state = this.#open;
    return childrenOf(state, state.inodes.root).size === 0;
  }

  /** What `note` has kept, across restarts. */
  notes(): ReadonlyMap<string, string> {
    return this.#open.notes;
  }

  /** Throws if the tables contradict each other. For tests; walks everything that is loaded. */
  assertInvariants(): void {
    assertInvariants(this.#open);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const state = this.#state;
    for (const inode of state.inodes.values()) state.backing.close(inode);
    state.backing.closeAll();
    state.journal.close();
    state.work.close();
  }

  get #open(): OverlayState {
    if (this.#isClosed) throw new FsError('EIO', 'the file system is closed');
    return this.#state;
  }

  /** The observer is told who changes something. */
  #openFor(caller: Caller): OverlayState {
    const state = this.#open;
    state.caller = caller;
    return state;
  }

  /** Only between operations, and not while a prepared adoption lives in the journal alone. */
  #compactIfGrown(): void {
    const state = this.#state;
    if (!state.journal.wantsCompaction || state.pendingAdoptions.size > 0) return;
    state.journal.rewrite(journalOf(state));
  }
}

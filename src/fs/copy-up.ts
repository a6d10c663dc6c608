/**
 * Copy-up: a lower entry becomes a file of the upper directory before anything about it changes.
 * The inode keeps its number and everything that is seen of it.
 *
 * Order: copy into the work directory, rename into place, link the other names, write the journal.
 * Until the journal has it, an upper file stands where a lower entry is recorded; recovery lets
 * the upper file win, and it has the same bytes.
 */
import { chmodSync, closeSync, constants, copyFileSync, linkSync, lstatSync } from 'node:fs';
import { lchownSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { rmSync, symlinkSync, unlinkSync, writeSync } from 'node:fs';
import { byteStringToBuffer } from '../base/byte-string.js';
import { FsError, isErrno } from '../base/errors.js';
import { keepingTimes, setTimes } from './attributes.js';
import { virtualPathOf, type Dentry, type Inode, type LowerState } from './inode.js';
import { deleteIfEmpty, releaseLowerName } from './lifetime.js';
import type { JournalRecord } from './journal-records.js';
import type { Extent } from './lower.js';
import { hostPathOf, type OverlayState } from './overlay-state.js';
import { setRealTimes } from './time-overrides.js';

const copyBufferBytes = 1 << 20;

/** Makes an inode upper, a directory with everything in it. Nothing that people see changes. */
export function materialize(state: OverlayState, inode: Inode): void {
  if (inode.directory === undefined) {
    copyUp(state, inode);
    return;
  }
  raiseDirectory(state, inode);
  // A directory that was never listed has no lower entries.
  for (const dentry of inode.directory.children?.values() ?? []) {
    if (dentry.inode !== undefined) materialize(state, dentry.inode);
  }
}

/** Makes a lower directory, and those above it, real. */
export function raiseDirectory(state: OverlayState, directory: Inode): void {
  const lower = directory.lower;
  const dentry = directory.names[0];
  if (lower === undefined || dentry === undefined) return;
  raiseDirectory(state, dentry.parent);
  state.journal.reserve();
  const path = hostPathOf(state, dentry);
  keepingTimes(state, [dentry.parent], () => {
    makeDirectory(path);
    chmodSync(path, lower.mode);
    giveToOwner(state, path);
  });
  state.journal.append({ kind: 'raise', path: virtualPathOf(dentry) });
  directory.lower = undefined;
  lower.attachment.directoryCount -= 1;
  deleteIfEmpty(state, lower.attachment);
  setTimes(state, directory, lower);
}

/** There may be an empty one already, of an attempt whose journal record could not be written. */
function makeDirectory(path: string | Buffer): void {
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

/**
 * Makes a lower file or symlink upper under all its names; does nothing for an upper one. With
 * `keepBytes` only the beginning of a file is copied, for a truncation that follows. Tells the
 * observer.
 */
export function copyUp(state: OverlayState, inode: Inode, keepBytes: number = Infinity): void {
  const lower = inode.lower;
  if (lower === undefined) return;
  if (inode.names.length === 0) {
    copyUpOrphan(state, inode, lower, keepBytes);
    return;
  }
  for (const dentry of inode.names) raiseDirectory(state, dentry.parent);
  state.journal.reserve();
  const temporary = createCopy(state, { inode, lower, keepBytes });
  const parents = new Set(inode.names.map((dentry) => dentry.parent));
  keepingTimes(state, parents, () => {
    placeCopy(state, inode, temporary);
  });
  leaveLower(state, inode, lower);
  for (const dentry of inode.names) {
    state.observer.detached(virtualPathOf(dentry), lower.attachment.id);
  }
}

/** Nobody can reach the copy by name, so it has none in the work directory either. */
function copyUpOrphan(
  state: OverlayState,
  inode: Inode,
  lower: LowerState,
  keepBytes: number,
): void {
  if (lower.extent === undefined) return;
  const temporary = createCopy(state, { inode, lower, keepBytes });
  state.backing.close(inode);
  state.backing.open(inode, temporary);
  state.backing.pin(inode);
  unlinkSync(temporary);
  inode.lower = undefined;
  setTimes(state, inode, lower);
}

interface CopySource {
  readonly inode: Inode;
  readonly lower: LowerState;
  readonly keepBytes: number;
}

/** A complete copy in the work directory, with its mode and nearly its times. */
function createCopy(state: OverlayState, { inode, lower, keepBytes }: CopySource): string {
  const temporary = state.work.temporaryPath();
  try {
    if (lower.target !== undefined) {
      symlinkSync(byteStringToBuffer(lower.target), temporary);
    } else if (lower.extent !== undefined) {
      const bytes = Math.min(keepBytes, lower.extent.sizeBytes);
      // A file without a name has a descriptor of its own; the store may have dropped its bytes.
      if (inode.fd >= 0) copyRange(inode.fd, temporary, lower.extent.offset, bytes);
      else copyExtent(state, lower.extent, bytes, temporary);
      chmodSync(temporary, lower.mode);
    }
    giveToOwner(state, temporary);
    // The exact times follow in the journal; without them a kill leaves a file that looks old.
    setRealTimes(temporary, lower.atimeNs, lower.mtimeNs);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return temporary;
}

function copyExtent(state: OverlayState, extent: Extent, bytes: number, temporary: string): void {
  const from = state.backing.lower(extent);
  const isWhole = extent.offset === 0 && state.backing.lowerSizeBytes(extent.digest) === bytes;
  if (isWhole && bytes > 0) {
    copyFileSync(state.lower.backingPath(extent.digest), temporary, constants.COPYFILE_FICLONE);
    return;
  }
  copyRange(from, temporary, extent.offset, bytes);
}

function copyRange(from: number, temporary: string, offset: number, bytes: number): void {
  const to = openSync(temporary, 'wx', 0o600);
  try {
    copyBytes(from, to, offset, bytes);
  } finally {
    closeSync(to);
  }
}

function copyBytes(from: number, to: number, offset: number, bytes: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(bytes, copyBufferBytes));
  for (let done = 0; done < bytes;) {
    const wanted = Math.min(buffer.length, bytes - done);
    const count = readSync(from, buffer, 0, wanted, offset + done);
    if (count === 0) throw new FsError('EIO', 'copy-up');
    for (let written = 0; written < count;) {
      written += writeSync(to, buffer, written, count - written, done + written);
    }
    done += count;
  }
}

/** Only root can make files of somebody else; for all others the owner is the process itself. */
function giveToOwner(state: OverlayState, path: string | Buffer): void {
  if (state.owner.uid === state.processUid) return;
  lchownSync(path, state.owner.uid, state.owner.gid);
}

/** Until the last journal record is written, failing leaves the lower entries as they were. */
function placeCopy(state: OverlayState, inode: Inode, temporary: string): void {
  const placed: (string | Buffer)[] = [];
  let source: string | Buffer = temporary;
  try {
    for (const dentry of inode.names) {
      const path = hostPathOf(state, dentry);
      if (placed.length === 0) renameSync(temporary, path);
      else linkSync(source, path);
      source = path;
      placed.push(path);
    }
    state.journal.appendAll(inode.names.map(detachRecord));
  } catch (error) {
    for (const path of [...placed, temporary]) rmSync(path, { force: true });
    throw error;
  }
}

/** Records that the lower entry of this name is gone. */
export function journalDetach(state: OverlayState, dentry: Dentry): void {
  state.journal.append(detachRecord(dentry));
}

function detachRecord(dentry: Dentry): JournalRecord {
  return { kind: 'detach', path: virtualPathOf(dentry) };
}

function leaveLower(state: OverlayState, inode: Inode, lower: LowerState): void {
  inode.lower = undefined;
  inode.reportedPid = undefined;
  for (let count = inode.names.length; count > 0; count -= 1) {
    releaseLowerName(state, inode, lower.attachment);
  }
  setTimes(state, inode, lower);
  const dentry = inode.names[0];
  if (inode.names.length < 2 || dentry === undefined) return;
  state.inodes.share(inode, lstatSync(hostPathOf(state, dentry), { bigint: true }).ino);
}

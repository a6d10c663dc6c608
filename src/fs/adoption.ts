/**
 * Adoption: finished upper files are served from immutable files with the same bytes. The intent
 * is journaled first, then the files move away one inode after the other, then the journal says
 * that it is done. A kill in between leaves each file either in the upper layer or behind its
 * journaled extent; recovery decides by looking which.
 */
import { chmodSync, linkSync, mkdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  forgetAdoption,
  registerAdoption,
  revokeAdoption,
  revokeAdoptionOf,
} from './adoption-intent.js';
import { attributesOf, keepingTimes } from './attributes.js';
import { findDentry } from './find.js';
import { deleteIfEmpty } from './lifetime.js';
import type { Attr, Ino } from './file-system.js';
import {
  regularType,
  virtualPathOf,
  type AttachmentState,
  type Dentry,
  type Inode,
} from './inode.js';
import { openGroup } from './lower-tree.js';
import type { Extent, LowerEntry } from './lower.js';
import { hostPathOf, type OverlayState, type PendingAdoption } from './overlay-state.js';
import type { AdoptedFile, Adoption, AdoptionOutcome, AdoptionWitness } from './view-control.js';

/** Blobs are immutable; the mode only guards against accidents. */
const blobMode = 0o444;
const blobDirectoryMode = 0o700;

/** One inode with all its names. */
interface Candidate {
  readonly inode: Inode;
  readonly attr: Attr;
  readonly extent: Extent;
  readonly disposal: AdoptedFile['disposal'];
  readonly dentries: Dentry[];
}

export function prepareAdoption(state: OverlayState, adoption: Adoption): AdoptionOutcome {
  const candidates = findCandidates(state, adoption);
  if (candidates === undefined) return 'changed';
  const inodes = [...candidates.values()].map(({ inode }) => inode);
  // Before the new intent is written: after it nothing may fail.
  for (const inode of inodes) revokeAdoptionOf(state, inode);
  state.counters.adoptionSequence += 1;
  const sequence = state.counters.adoptionSequence;
  const entries = [...candidates.values()].flatMap(entriesOf);
  state.journal.append({ kind: 'adopt', sequence, id: adoption.attachment, entries });
  registerAdoption(state, { sequence, id: adoption.attachment, inodes });
  return 'done';
}

/** The inodes behind the files, or undefined if anything is not as it was when it was hashed. */
function findCandidates(
  state: OverlayState,
  adoption: Adoption,
): ReadonlyMap<Ino, Candidate> | undefined {
  const candidates = new Map<Ino, Candidate>();
  for (const witness of adoption.witnesses) {
    const inode = findDentry(state, witness.path)?.inode;
    if (inode === undefined || !isUnchanged(inode, witness)) return undefined;
  }
  for (const file of adoption.files) {
    const dentry = findDentry(state, file.path);
    const inode = dentry?.inode;
    if (dentry === undefined || inode === undefined || !isUnchanged(inode, file)) return undefined;
    const known = candidates.get(inode.ino);
    if (known === undefined) candidates.set(inode.ino, newCandidate(state, inode, dentry, file));
    else if (!known.dentries.includes(dentry)) known.dentries.push(dentry);
  }
  for (const candidate of candidates.values()) {
    if (!isComplete(state, candidate)) return undefined;
  }
  return candidates;
}

function isUnchanged(inode: Inode, file: AdoptionWitness): boolean {
  return (
    inode.lower === undefined &&
    inode.fileType === regularType &&
    inode.ino === file.ino &&
    inode.generation === file.generation &&
    inode.lostWrites === undefined
  );
}

function newCandidate(
  state: OverlayState,
  inode: Inode,
  dentry: Dentry,
  file: AdoptedFile,
): Candidate {
  const { extent, disposal } = file;
  return { inode, attr: attributesOf(state, inode), extent, disposal, dentries: [dentry] };
}

/** A second name left in the upper layer would lead into the immutable file. */
function isComplete(state: OverlayState, { attr, extent, dentries }: Candidate): boolean {
  return (
    attr.nlink === dentries.length &&
    attr.sizeBytes === extent.sizeBytes &&
    attr.uid === state.owner.uid &&
    attr.gid === state.owner.gid
  );
}

function entriesOf({ inode, attr, extent, dentries }: Candidate): readonly LowerEntry[] {
  const shared = { kind: 'file', mtimeNs: attr.mtimeNs, mode: attr.mode & 0o7777, extent } as const;
  return dentries.map((dentry) => {
    const entry = { ...shared, path: virtualPathOf(dentry) };
    return dentries.length > 1 ? { ...entry, linkGroup: inode.ino } : entry;
  });
}

export function completeAdoption(state: OverlayState, adoption: Adoption): AdoptionOutcome {
  const pending = findPending(state, adoption);
  if (pending === undefined) return 'changed';
  const candidates = findCandidates(state, adoption);
  if (candidates === undefined || !isBacked(state, candidates)) {
    revokeAdoption(state, pending.sequence);
    return 'changed';
  }
  // Throws on a full disk: the intent must then stay, to be revoked by the next change.
  state.journal.reserve();
  forgetAdoption(state, pending.sequence);
  const list = [...candidates.values()];
  keepingTimes(state, parentsOf(list), () => {
    swapAll(state, pending, list);
  });
  return 'done';
}

function parentsOf(candidates: readonly Candidate[]): ReadonlySet<Inode> {
  return new Set(candidates.flatMap(({ dentries }) => dentries.map(({ parent }) => parent)));
}

/** Prepared for exactly these inodes and not revoked since. */
function findPending(state: OverlayState, adoption: Adoption): PendingAdoption | undefined {
  const wanted = new Set(adoption.files.map((file) => file.ino));
  for (const pending of state.pendingAdoptions.values()) {
    const isSame =
      pending.id === adoption.attachment &&
      pending.inodes.length === wanted.size &&
      pending.inodes.every((inode) => wanted.has(inode.ino));
    if (isSame) return pending;
  }
  return undefined;
}

/** Only what is to be moved may lack its backing file; nothing is dropped without one. */
function isBacked(state: OverlayState, candidates: ReadonlyMap<Ino, Candidate>): boolean {
  const moved = new Set<string>();
  for (const { extent, disposal } of candidates.values()) {
    const size = backingSizeBytes(state, extent.digest);
    if (size !== undefined && size < extent.offset + extent.sizeBytes) return false;
    if (size !== undefined || moved.has(extent.digest)) continue;
    if (disposal === 'drop' || extent.offset !== 0) return false;
    moved.add(extent.digest);
  }
  return true;
}

/** Undefined where nothing is there. */
function backingSizeBytes(state: OverlayState, digest: string): number | undefined {
  return statSync(state.lower.backingPath(digest), { throwIfNoEntry: false })?.size;
}

/**
 * On an error, what was not swapped yet stays upper. The journal then names the rest alone; until
 * it does, recovery would look at each file.
 */
function swapAll(
  state: OverlayState,
  { sequence, id }: PendingAdoption,
  candidates: readonly Candidate[],
): void {
  const group = state.attachments.get(id) ?? openGroup(state, id, []);
  if (group.nameCount === 0) group.isIntact = true;
  const done: Candidate[] = [];
  try {
    for (const candidate of candidates) {
      removeUpperFiles(state, candidate);
      serveFromStore(state, group, candidate);
      done.push(candidate);
    }
    for (const { extent, disposal } of done) {
      if (disposal === 'move') chmodSync(state.lower.backingPath(extent.digest), blobMode);
    }
  } catch (error) {
    group.isIntact = false;
    const entries = done.flatMap(entriesOf);
    const { requires } = group;
    // Before the journal, which may fail as well.
    deleteIfEmpty(state, group);
    state.journal.appendAll([
      { kind: 'attach', id, requires, isIntact: false, entries },
      { kind: 'revoked', sequence },
    ]);
    throw error;
  }
  state.journal.append({ kind: 'adopted', sequence });
  for (const { inode } of done) state.times.clear(inode);
}

function serveFromStore(state: OverlayState, group: AttachmentState, candidate: Candidate): void {
  const { inode, attr, extent } = candidate;
  state.inodes.unshare(inode);
  inode.lower = {
    attachment: group,
    extent,
    target: undefined,
    mode: attr.mode & 0o7777,
    isTransient: false,
    mtimeNs: attr.mtimeNs,
    atimeNs: attr.atimeNs,
    ctimeNs: attr.ctimeNs,
  };
  group.nameCount += inode.names.length;
}

/**
 * The first name goes last, and it is the one that may become the backing file: at no time does
 * another name lead into that. Recovery links missing names to one that is there.
 */
function removeUpperFiles(state: OverlayState, candidate: Candidate): void {
  const { inode, dentries, extent, disposal } = candidate;
  state.backing.close(inode);
  const [firstPath, ...otherPaths] = dentries.map((dentry) => hostPathOf(state, dentry));
  if (firstPath === undefined) return;
  const removed: (string | Buffer)[] = [];
  try {
    for (const path of otherPaths) {
      unlinkSync(path);
      removed.push(path);
    }
    const backingPath = state.lower.backingPath(extent.digest);
    const isThere = backingSizeBytes(state, extent.digest) !== undefined;
    if (disposal === 'drop' || isThere) unlinkSync(firstPath);
    else moveToStore(firstPath, backingPath);
  } catch (error) {
    for (const path of removed) linkSync(firstPath, path);
    throw error;
  }
}

function moveToStore(upperPath: string | Buffer, backingPath: string): void {
  mkdirSync(dirname(backingPath), { recursive: true, mode: blobDirectoryMode });
  renameSync(upperPath, backingPath);
}

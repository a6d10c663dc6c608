/**
 * Opening a view: the journal is reduced to its state and brought in line with what is really on
 * disk. An upper file stands before a lower entry of the same path; lower entries whose bytes are
 * gone disappear with their group; what a kill interrupted is ended or undone.
 */
import { chmodSync, linkSync, lstatSync, renameSync } from 'node:fs';
import { byteStringToHostPath, type ByteString, type VirtualPath } from '../base/byte-string.js';
import { missingBacking } from './attach.js';
import { insertEntries, openGroup } from './lower-tree.js';
import type { LowerEntry } from './lower.js';
import type { OverlayState } from './overlay-state.js';
import { applyAdoption } from './replay.js';
import type { ExchangeRecord, Replay, ReplayedAdoption, ReplayedGroup } from './replay.js';

/** What opening a view found and put right; all zero and empty after a clean close. */
export interface RecoverySummary {
  /** Journal lines that were torn or corrupt. */
  readonly skippedLines: number;
  /** Attachments that were dropped because a backing file is missing or too short. */
  readonly droppedAttachments: readonly string[];
  /** Lower entries that an upper file of the same path hides for good. */
  readonly hiddenEntries: number;
  /** Adoptions that were interrupted between preparation and completion. */
  readonly interruptedAdoptions: number;
}

/** Ends or undoes exchanges; before any directory is listed. */
export function recoverExchanges(replay: Replay, upperRoot: ByteString, workPath: string): void {
  for (const record of replay.exchanges) recoverExchange(record, upperRoot, workPath);
}

function recoverExchange(record: ExchangeRecord, upperRoot: ByteString, workPath: string): void {
  const held = `${workPath}/${record.temporary}`;
  if (!exists(held)) return;
  const first = hostPath(upperRoot, record.first);
  const second = hostPath(upperRoot, record.second);
  if (!exists(first)) renameSync(held, first);
  else if (!exists(second)) renameSync(held, second);
}

/** Decides what an interrupted adoption came to, file by file. */
export function recoverAdoptions(state: OverlayState, replay: Replay): number {
  const interrupted = [...replay.adoptions.values()];
  for (const adoption of interrupted) {
    linkMissingNames(state, adoption);
    protectMoved(state, adoption);
    const moved = adoption.entries.filter((entry) => {
      return !exists(hostPath(state.upperRoot, entry.path));
    });
    applyAdoption(replay, { ...adoption, entries: moved });
    if (moved.length < adoption.entries.length) spoil(replay, adoption.id);
  }
  return interrupted.length;
}

function spoil(replay: Replay, id: string): void {
  const group = replay.groups.get(id);
  if (group !== undefined) group.isIntact = false;
}

/** Of a file with several names either all or none of them stay upper. */
function linkMissingNames(state: OverlayState, adoption: ReplayedAdoption): void {
  const groups = new Map<number, (string | Buffer)[]>();
  for (const entry of adoption.entries) {
    if (entry.kind !== 'file' || entry.linkGroup === undefined) continue;
    const paths = groups.get(entry.linkGroup) ?? [];
    paths.push(hostPath(state.upperRoot, entry.path));
    groups.set(entry.linkGroup, paths);
  }
  for (const paths of groups.values()) {
    const there = paths.find(exists);
    if (there === undefined) continue;
    for (const path of paths) if (!exists(path)) linkSync(there, path);
  }
}

/** The mode of a moved file is set after its rename. */
function protectMoved(state: OverlayState, adoption: ReplayedAdoption): void {
  for (const entry of adoption.entries) {
    if (entry.kind !== 'file') continue;
    const path = state.lower.backingPath(entry.extent.digest);
    if (exists(path)) chmodSync(path, 0o444);
  }
}

/** Puts the replayed lower entries into the tree. */
export function attachReplayed(
  state: OverlayState,
  replay: Replay,
): Pick<RecoverySummary, 'droppedAttachments' | 'hiddenEntries'> {
  const dropped = findDropped(state, replay);
  const entriesByGroup = new Map<ReplayedGroup, LowerEntry[]>();
  for (const { group, entry } of replay.entries.values()) {
    const entries = entriesByGroup.get(group);
    if (entries === undefined) entriesByGroup.set(group, [entry]);
    else entries.push(entry);
  }
  let hiddenEntries = 0;
  for (const group of replay.groups.values()) {
    const entries = entriesByGroup.get(group);
    if (entries === undefined || dropped.has(group.id)) continue;
    const open = openGroup(state, group.id, group.requires);
    open.isIntact = group.isIntact;
    hiddenEntries += insertEntries(state, open, entries);
    if (open.nameCount === 0 && open.directoryCount === 0) state.attachments.delete(open.id);
  }
  return { droppedAttachments: [...dropped], hiddenEntries };
}

/** Groups of which bytes are gone, and all that were built on them. */
function findDropped(state: OverlayState, replay: Replay): ReadonlySet<string> {
  const all = [...replay.entries.values()];
  const missing = missingBacking(
    state,
    all.map(({ entry }) => entry),
  );
  const dropped = new Set<string>();
  if (missing.size === 0) return dropped;
  for (const { group, entry } of all) {
    if (entry.kind !== 'file' || !missing.has(entry.extent.digest)) continue;
    // A file that was copied up just before a kill needs no backing any more.
    if (!exists(hostPath(state.upperRoot, entry.path))) dropped.add(group.id);
  }
  // The order of attaching puts dependencies first, except for groups attached again.
  for (let before = -1; before !== dropped.size;) {
    before = dropped.size;
    for (const group of replay.groups.values()) {
      if (group.requires.some((id) => dropped.has(id))) dropped.add(group.id);
    }
  }
  return dropped;
}

function exists(path: string | Buffer): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function hostPath(upperRoot: ByteString, path: VirtualPath): string | Buffer {
  return byteStringToHostPath(`${upperRoot}/${path}` as ByteString);
}

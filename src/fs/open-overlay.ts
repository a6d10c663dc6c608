/** Opens a view's file system: recovers, compacts the journal, and wires the parts together. */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { byteStringFromText, type ByteString } from '../base/byte-string.js';
import { isErrno } from '../base/errors.js';
import { backingFdsMax } from '../base/limits.js';
import { BackingFds } from './backing-fds.js';
import { InodeTable } from './inode-table.js';
import { Journal, loadJournal } from './journal.js';
import type { JournalRecord } from './journal-records.js';
import { lowerEntriesByGroup } from './lower-tree.js';
import type { ChangeObserver, LowerLayer } from './lower.js';
import type { OverlayState } from './overlay-state.js';
import { attachReplayed, recoverAdoptions, recoverExchanges } from './recovery.js';
import type { RecoverySummary } from './recovery.js';
import { replayJournal } from './replay.js';
import { TimeOverrides } from './time-overrides.js';
import { WorkDirectory } from './work-directory.js';

export interface OverlayOptions {
  /** Created when missing. `<upperDirectory>.work` beside it is private to this module. */
  readonly upperDirectory: string;
  readonly journalPath: string;
  readonly lower: LowerLayer;
  readonly observer: ChangeObserver;
  /** Who owns lower entries; this process when left out. */
  readonly attributeOwner?: { readonly uid: number; readonly gid: number };
  /** Added to all inode numbers, where several file systems share a mount; 0 when left out. */
  readonly inoBase?: number;
  /** Hears of errors that a build must not notice: a resolver that threw counts as a miss. */
  readonly reportFault?: (error: unknown) => void;
}

export interface OpenedState {
  readonly state: OverlayState;
  readonly recovery: RecoverySummary;
}

/** Throws `XcacheError` for a journal of a newer version; any other damage is skipped and told. */
export function openState(options: OverlayOptions): OpenedState {
  const upperDirectory = resolve(options.upperDirectory);
  mkdirSync(upperDirectory, { recursive: true, mode: 0o755 });
  const upperRoot = byteStringFromText(upperDirectory);
  const loaded = loadJournal(options.journalPath);
  const replay = replayJournal(loaded.records);
  const work = new WorkDirectory(`${upperDirectory}.work`);
  recoverExchanges(replay, upperRoot, work.path);
  const journal = new Journal(options.journalPath);
  const state = createState(options, { upperRoot, work, journal, replay });
  const interruptedAdoptions = recoverAdoptions(state, replay);
  const attached = attachReplayed(state, replay);
  const recovery = { skippedLines: loaded.skippedLines, interruptedAdoptions, ...attached };
  writeJournal(state, recovery);
  return { state, recovery };
}

/** Compacts, unless the disk is full and the old journal is still right. */
function writeJournal(state: OverlayState, recovery: RecoverySummary): void {
  try {
    state.journal.rewrite(journalOf(state));
  } catch (error) {
    const isFull = isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT');
    const isRight = recovery.hiddenEntries === 0 && recovery.interruptedAdoptions === 0;
    if (!isFull || !isRight) throw error;
    state.journal.reuse();
  }
}

interface Parts {
  readonly upperRoot: ByteString;
  readonly work: WorkDirectory;
  readonly journal: Journal;
  readonly replay: ReturnType<typeof replayJournal>;
}

function createState(options: OverlayOptions, parts: Parts): OverlayState {
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  return {
    upperRoot: parts.upperRoot,
    inodes: new InodeTable(options.inoBase ?? 0),
    backing: new BackingFds(backingFdsMax, (digest) => options.lower.backingPath(digest)),
    work: parts.work,
    journal: parts.journal,
    times: new TimeOverrides(parts.journal, parts.replay.times),
    notes: parts.replay.notes,
    lower: options.lower,
    observer: options.observer,
    caller: { pid: 0, uid, gid },
    owner: options.attributeOwner ?? { uid, gid },
    processUid: uid,
    attachments: new Map(),
    pendingAdoptions: new Map(),
    directorySnapshots: new Map(),
    counters: { directoryHandle: 0, adoptionSequence: 0 },
    reportFault: options.reportFault ?? ignoreFault,
  };
}

function ignoreFault(): void {
  // The owner chose not to hear of faults.
}

/** The records that make up the whole state: what a compacted journal holds. */
export function* journalOf(state: OverlayState): Generator<JournalRecord> {
  for (const [key, value] of state.notes) yield { kind: 'note', key, value };
  for (const [group, entries] of lowerEntriesByGroup(state)) {
    const { id, requires, isIntact } = group;
    yield { kind: 'attach', id, requires, isIntact, entries };
  }
  for (const times of state.times.values()) {
    yield { kind: 'times', realIno: times.realIno, times };
  }
}

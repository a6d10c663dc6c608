/** What a journal amounts to: its records in order, reduced to the state they leave. */
import type { VirtualPath } from '../base/byte-string.js';
import type { JournalRecord } from './journal-records.js';
import type { LowerEntry } from './lower.js';
import type { TimeOverride } from './inode.js';

export interface ReplayedGroup {
  readonly id: string;
  requires: readonly string[];
  isIntact: boolean;
}

export interface ReplayedEntry {
  readonly group: ReplayedGroup;
  readonly entry: LowerEntry;
}

export interface ReplayedAdoption {
  readonly sequence: number;
  readonly id: string;
  readonly entries: readonly LowerEntry[];
}

export type ExchangeRecord = Extract<JournalRecord, { kind: 'exchange' }>;

export interface Replay {
  /** In the order in which the groups were attached. */
  readonly groups: Map<string, ReplayedGroup>;
  readonly entries: Map<VirtualPath, ReplayedEntry>;
  /** Prepared, neither completed nor revoked. */
  readonly adoptions: Map<number, ReplayedAdoption>;
  readonly exchanges: readonly ExchangeRecord[];
  readonly times: Map<bigint, TimeOverride>;
  readonly notes: Map<string, string>;
}

export function replayJournal(records: readonly JournalRecord[]): Replay {
  const exchanges: ExchangeRecord[] = [];
  const replay: Replay = {
    groups: new Map(),
    entries: new Map(),
    adoptions: new Map(),
    exchanges,
    times: new Map(),
    notes: new Map(),
  };
  for (const record of records) {
    if (record.kind === 'exchange') exchanges.push(record);
    else apply(replay, record);
  }
  return replay;
}

function apply(replay: Replay, record: Exclude<JournalRecord, { kind: 'exchange' }>): void {
  switch (record.kind) {
    case 'journal':
      return;
    case 'attach': {
      const group = groupOf(replay, record.id, record.requires);
      group.isIntact = record.isIntact;
      addEntries(replay, group, record.entries);
      return;
    }
    case 'detach':
    case 'raise':
      removeEntry(replay, record);
      return;
    case 'adopt':
      replay.adoptions.set(record.sequence, record);
      return;
    case 'adopted': {
      const adoption = replay.adoptions.get(record.sequence);
      if (adoption !== undefined) applyAdoption(replay, adoption);
      return;
    }
    case 'revoked':
      replay.adoptions.delete(record.sequence);
      return;
    case 'times':
      if (record.times === undefined) replay.times.delete(record.realIno);
      else replay.times.set(record.realIno, { realIno: record.realIno, ...record.times });
      return;
    case 'note':
      if (record.value === null) replay.notes.delete(record.key);
      else replay.notes.set(record.key, record.value);
  }
}

function groupOf(replay: Replay, id: string, requires: readonly string[]): ReplayedGroup {
  const known = replay.groups.get(id);
  if (known !== undefined) {
    known.requires = requires;
    return known;
  }
  const group = { id, requires, isIntact: true };
  replay.groups.set(id, group);
  return group;
}

function addEntries(replay: Replay, group: ReplayedGroup, entries: readonly LowerEntry[]): void {
  for (const entry of entries) {
    const known = replay.entries.get(entry.path);
    // A directory of several groups belongs to the first; it keeps its place before its content.
    if (known?.entry.kind === 'directory' && entry.kind === 'directory') continue;
    replay.entries.set(entry.path, { group, entry });
  }
}

function removeEntry(
  replay: Replay,
  record: Extract<JournalRecord, { kind: 'detach' | 'raise' }>,
): void {
  const known = replay.entries.get(record.path);
  if (known === undefined) return;
  replay.entries.delete(record.path);
  if (record.kind === 'detach') known.group.isIntact = false;
}

/** Ends a prepared adoption: its entries are lower from here on. */
export function applyAdoption(replay: Replay, adoption: ReplayedAdoption): void {
  replay.adoptions.delete(adoption.sequence);
  if (adoption.entries.length === 0) return;
  const group = replay.groups.get(adoption.id) ?? groupOf(replay, adoption.id, []);
  addEntries(replay, group, adoption.entries);
}

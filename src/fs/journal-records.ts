/**
 * What the journal of a view says: everything about it that a directory tree cannot. One record is
 * one line, `<crc32 of the JSON text, 8 hex digits> <JSON array>`. The table of records is in
 * README.md of this folder.
 */
import { crc32 } from 'node:zlib';
import type { VirtualPath } from '../base/byte-string.js';
import {
  MalformedRecord,
  toBigint,
  toCount,
  toEntry,
  toExchangeName,
  toList,
  toPath,
  toText,
  type Fields,
} from './journal-fields.js';
import type { LowerEntry } from './lower.js';

/** Raised when old programs could misread new journals. */
export const journalVersion = 1;

export type JournalRecord =
  | { readonly kind: 'journal'; readonly version: number }
  | {
      readonly kind: 'attach';
      readonly id: string;
      readonly requires: readonly string[];
      readonly isIntact: boolean;
      readonly entries: readonly LowerEntry[];
    }
  /** The entry is gone or has become an upper file of its own; its group is no longer intact. */
  | { readonly kind: 'detach'; readonly path: VirtualPath }
  /** The lower directory has become an upper one. */
  | { readonly kind: 'raise'; readonly path: VirtualPath }
  | {
      readonly kind: 'adopt';
      readonly sequence: number;
      readonly id: string;
      readonly entries: readonly LowerEntry[];
    }
  | { readonly kind: 'adopted'; readonly sequence: number }
  | { readonly kind: 'revoked'; readonly sequence: number }
  | {
      readonly kind: 'exchange';
      readonly first: VirtualPath;
      readonly second: VirtualPath;
      /** Name in the work directory that holds `first` meanwhile. */
      readonly temporary: string;
    }
  | {
      readonly kind: 'times';
      readonly realIno: bigint;
      /** Undefined when the file is gone. */
      readonly times: JournaledTimes | undefined;
    }
  | { readonly kind: 'note'; readonly key: string; readonly value: string | null };

export interface JournaledTimes {
  readonly realMtimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly realAtimeNs: bigint;
  readonly atimeNs: bigint;
}

/** One line with its newline. Byte strings and any other text survive, JSON being well-formed. */
export function encodeRecord(record: JournalRecord): Buffer {
  const json = Buffer.from(JSON.stringify(toArray(record)), 'utf8');
  return Buffer.concat([Buffer.from(`${checksum(json)} `), json, Buffer.from('\n')]);
}

/** Undefined for a torn or corrupt line and for records of a shape this version does not know. */
export function decodeRecord(line: Buffer): JournalRecord | undefined {
  if (line.length < 11 || line[8] !== 0x20) return undefined;
  const json = line.subarray(9);
  if (line.toString('latin1', 0, 8) !== checksum(json)) return undefined;
  const fields = parseFields(json);
  if (fields === undefined) return undefined;
  try {
    return fromArray(fields);
  } catch (error) {
    if (error instanceof MalformedRecord) return undefined;
    throw error;
  }
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}

function toArray(record: JournalRecord): readonly unknown[] {
  switch (record.kind) {
    case 'journal':
      return ['journal', record.version];
    case 'attach':
      return [
        'attach',
        record.id,
        record.requires,
        record.isIntact ? 1 : 0,
        record.entries.map(entryToArray),
      ];
    case 'detach':
    case 'raise':
      return [record.kind, record.path];
    case 'adopt':
      return ['adopt', record.sequence, record.id, record.entries.map(entryToArray)];
    case 'adopted':
    case 'revoked':
      return [record.kind, record.sequence];
    case 'exchange':
      return ['exchange', record.first, record.second, record.temporary];
    case 'times':
      return timesToArray(record.realIno, record.times);
    case 'note':
      return ['note', record.key, record.value];
  }
}

function timesToArray(realIno: bigint, times: JournaledTimes | undefined): readonly string[] {
  const all =
    times === undefined
      ? [realIno]
      : [realIno, times.realMtimeNs, times.mtimeNs, times.realAtimeNs, times.atimeNs];
  return ['times', ...all.map(String)];
}

function entryToArray(entry: LowerEntry): readonly unknown[] {
  const mtime = String(entry.mtimeNs);
  switch (entry.kind) {
    case 'file': {
      const { digest, offset, sizeBytes } = entry.extent;
      const { path, mode, linkGroup = 0, isTransient = false } = entry;
      const flags = isTransient ? 1 : 0;
      return ['f', path, mtime, mode, digest, offset, sizeBytes, linkGroup, flags];
    }
    case 'directory':
      return ['d', entry.path, mtime, entry.mode];
    case 'symlink':
      return ['l', entry.path, mtime, entry.target, entry.isTransient === true ? 1 : 0];
  }
}

/** Throws `MalformedRecord`; undefined for a kind that this version does not know. */
function fromArray(fields: Fields): JournalRecord | undefined {
  const [kind, a, b, c, d] = fields;
  switch (kind) {
    case 'journal':
      return { kind, version: toCount(a) };
    case 'attach':
      return {
        kind,
        id: toText(a),
        requires: toList(b, toText),
        isIntact: c === 1,
        entries: toList(d, toEntry),
      };
    case 'detach':
    case 'raise':
      return { kind, path: toPath(a) };
    case 'adopt':
      return { kind, sequence: toCount(a), id: toText(b), entries: toList(c, toEntry) };
    case 'adopted':
    case 'revoked':
      return { kind, sequence: toCount(a) };
    case 'exchange':
      return { kind, first: toPath(a), second: toPath(b), temporary: toExchangeName(c) };
    case 'times':
      return { kind, realIno: toBigint(a), times: timesFromArray(fields) };
    case 'note':
      return { kind, key: toText(a), value: b === null ? null : toText(b) };
    default:
      return undefined;
  }
}

function timesFromArray(fields: Fields): JournaledTimes | undefined {
  if (fields.length === 2) return undefined;
  return {
    realMtimeNs: toBigint(fields[2]),
    mtimeNs: toBigint(fields[3]),
    realAtimeNs: toBigint(fields[4]),
    atimeNs: toBigint(fields[5]),
  };
}

/** Undefined where the bytes are no JSON array. */
function parseFields(json: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(json.toString('utf8'));
    return Array.isArray(value) ? value : undefined;
  } catch {
    // No JSON: the record is skipped like any other that is damaged.
    return undefined;
  }
}

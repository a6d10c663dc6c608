/**
 * What the journal of a view says: everything about it that a directory tree cannot. One record is
 * one line, `<crc32 of the JSON text, 8 hex digits> <JSON array>`. The table of records is in
 * README.md of this folder.
 */
import { crc32 } from 'node:zlib';
import type { ByteString, VirtualPath } from '../base/byte-string.js';
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

/** Undefined for a torn or corrupt line and for records this version does not know. */
export function decodeRecord(line: Buffer): JournalRecord | undefined {
  if (line.length < 11 || line[8] !== 0x20) return undefined;
  const json = line.subarray(9);
  if (line.toString('latin1', 0, 8) !== checksum(json)) return undefined;
  return fromArray(JSON.parse(json.toString('utf8')) as readonly unknown[]);
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

/** The checksum has vouched for the line, so its shape is what `toArray` made of it. */
function fromArray(fields: readonly unknown[]): JournalRecord | undefined {
  const [kind, a, b, c, d] = fields;
  switch (kind) {
    case 'journal':
      return { kind, version: a as number };
    case 'attach':
      return {
        kind,
        id: a as string,
        requires: b as readonly string[],
        isIntact: c === 1,
        entries: (d as readonly (readonly unknown[])[]).map(entryFromArray),
      };
    case 'detach':
    case 'raise':
      return { kind, path: a as VirtualPath };
    case 'adopt':
      return {
        kind,
        sequence: a as number,
        id: b as string,
        entries: (c as readonly (readonly unknown[])[]).map(entryFromArray),
      };
    case 'adopted':
    case 'revoked':
      return { kind, sequence: a as number };
    case 'exchange':
      return {
        kind,
        first: a as VirtualPath,
        second: b as VirtualPath,
        temporary: c as string,
      };
    case 'times':
      return { kind, realIno: BigInt(a as string), times: timesFromArray(fields) };
    case 'note':
      return { kind, key: a as string, value: b as string | null };
    default:
      return undefined;
  }
}

function timesFromArray(fields: readonly unknown[]): JournaledTimes | undefined {
  if (fields.length < 6) return undefined;
  const [realMtimeNs, mtimeNs, realAtimeNs, atimeNs] = fields.slice(2).map((field) => {
    return BigInt(field as string);
  }) as [bigint, bigint, bigint, bigint];
  return { realMtimeNs, mtimeNs, realAtimeNs, atimeNs };
}

function entryFromArray(fields: readonly unknown[]): LowerEntry {
  const path = fields[1] as VirtualPath;
  const mtimeNs = BigInt(fields[2] as string);
  if (fields[0] === 'd') return { kind: 'directory', path, mtimeNs, mode: fields[3] as number };
  if (fields[0] === 'l') {
    const target = fields[3] as ByteString;
    return { kind: 'symlink', path, mtimeNs, target, isTransient: fields[4] === 1 };
  }
  const [mode, digest, offset, sizeBytes, linkGroup, flags] = fields.slice(3) as [
    number,
    string,
    number,
    number,
    number,
    number,
  ];
  const extent = { digest, offset, sizeBytes };
  const entry = { kind: 'file', path, mtimeNs, mode, extent, isTransient: flags === 1 } as const;
  return linkGroup === 0 ? entry : { ...entry, linkGroup };
}

/**
 * The fields of a journal record, checked one by one. A checksum vouches for the bytes of a line,
 * not for the program that wrote it: a line with a field of another shape, or with a path that
 * leads out of the view, is one that this version does not know.
 */
import type { VirtualPath } from '../base/byte-string.js';
import { nameBytesMax } from '../base/limits.js';
import type { LowerEntry } from './lower.js';

/** Thrown by everything here; `decodeRecord` turns it into "no record". */
export class MalformedRecord extends Error {}

export type Fields = readonly unknown[];

const modeMax = 0o7777;
const digestPattern = /^[0-9a-z]{1,128}$/;
/** As `WorkDirectory.exchangeName` makes them. */
const exchangePattern = /^exchange-[0-9-]{1,80}$/;
const notByteString = /[^\u0001-\u00ff]/;

export function toText(value: unknown): string {
  if (typeof value !== 'string') throw new MalformedRecord();
  return value;
}

export function toCount(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new MalformedRecord();
  return value as number;
}

/** A decimal number as text: nanoseconds, inode numbers. */
export function toBigint(value: unknown): bigint {
  const text = toText(value);
  if (!/^-?[0-9]{1,20}$/.test(text)) throw new MalformedRecord();
  return BigInt(text);
}

/** A path below the root, which stays there. */
export function toPath(value: unknown): VirtualPath {
  const path = toText(value);
  if (notByteString.test(path) || !path.split('/').every(isName)) throw new MalformedRecord();
  return path as VirtualPath;
}

/** The name of what waits in the work directory while two names are exchanged. */
export function toExchangeName(value: unknown): string {
  const name = toText(value);
  if (!exchangePattern.test(name)) throw new MalformedRecord();
  return name;
}

export function toList<T>(value: unknown, item: (value: unknown) => T): readonly T[] {
  if (!Array.isArray(value)) throw new MalformedRecord();
  return value.map((each) => item(each));
}

/** `["f",…]`, `["d",…]` or `["l",…]`, as README.md of this folder has them. */
export function toEntry(value: unknown): LowerEntry {
  if (!Array.isArray(value)) throw new MalformedRecord();
  const fields: Fields = value;
  const path = toPath(fields[1]);
  const mtimeNs = toBigint(fields[2]);
  switch (fields[0]) {
    case 'f':
      return toFile(path, mtimeNs, fields);
    case 'd':
      return { kind: 'directory', path, mtimeNs, mode: toMode(fields[3]) };
    case 'l': {
      const target = toText(fields[3]);
      if (target === '' || notByteString.test(target)) throw new MalformedRecord();
      return {
        kind: 'symlink',
        path,
        mtimeNs,
        target: target,
        isTransient: fields[4] === 1,
      };
    }
    default:
      throw new MalformedRecord();
  }
}

function toFile(path: VirtualPath, mtimeNs: bigint, fields: Fields): LowerEntry {
  const digest = toText(fields[4]);
  if (!digestPattern.test(digest)) throw new MalformedRecord();
  const extent = { digest, offset: toCount(fields[5]), sizeBytes: toCount(fields[6]) };
  toCount(extent.offset + extent.sizeBytes);
  const linkGroup = toCount(fields[7]);
  const isTransient = fields[8] === 1;
  const mode = toMode(fields[3]);
  const entry = { kind: 'file', path, mtimeNs, mode, extent, isTransient } as const;
  return linkGroup === 0 ? entry : { ...entry, linkGroup };
}

function toMode(value: unknown): number {
  const mode = toCount(value);
  if (mode > modeMax) throw new MalformedRecord();
  return mode;
}

function isName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && name.length <= nameBytesMax;
}

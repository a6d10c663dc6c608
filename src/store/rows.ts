/**
 * The rows of the index: their keys, their values, and the frame around each value. The table of
 * keys is in README.md. A frame is one version byte, a CRC-32 of key and value, and the value; a row
 * whose frame or value is not understood counts as missing.
 */
import { crc32 } from 'node:zlib';
import * as v from 'valibot';
import type { Digest } from './manifest.js';

/** Prefixes of the keys, each followed by a digest, key or path. */
export const rowPrefix = {
  manifest: 'm!',
  unit: 's!',
  lookup: 'k!',
  blob: 'b!',
  marker: 'x!',
  lastUse: 'u!',
  view: 'v!',
  input: 'i!',
} as const;

export const totalsKey = 't!totals';
export const countersKey = 't!counters';

const rowVersion = 1;
const frameBytes = 5;

/** What the index says of one unit without its manifest. */
export interface UnitRow {
  readonly lookupKey: string;
  readonly createdMs: number;
  readonly sizeBytes: number;
  /** What the manifest file takes on disk. */
  readonly allocatedBytes: number;
  readonly blobs: readonly Digest[];
  readonly markers: readonly string[];
}

/** What the index says of a blob; `references` is the number of units that name it. */
export interface BlobRow {
  readonly references: number;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
}

/** Sums over all units and blobs; see `unit-rows.ts` for the set hash. */
export interface TotalsRow {
  readonly units: number;
  readonly setHash: string;
  readonly blobs: number;
  readonly physicalBytes: number;
  readonly logicalBytes: number;
}

/** Statistics over the life of the store. */
export interface CountersRow {
  readonly served: number;
  readonly missed: number;
  /** Misses of units that turned out to be fit for the store, and of units that never are. */
  readonly missedSharable: number;
  readonly missedOwn: number;
  /** Units that were compiled to be compared with stored ones, and those of them that differed. */
  readonly verified: number;
  readonly differed: number;
  readonly promoted: number;
  readonly refused: number;
  /** Compile time that served units did not cost again. */
  readonly savedMs: number;
}

/** What a source file was when its digest was taken. */
export interface StoredInputRow {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly digest: Digest;
  /** When the row was written. */
  readonly seenMs: number;
}

/** The value of each kind of row. */
interface RowTypes {
  readonly unit: UnitRow;
  /** Units under one key, newest first. */
  readonly lookup: { readonly manifests: readonly Digest[] };
  readonly blob: BlobRow;
  readonly marker: { readonly references: number };
  readonly lastUse: { readonly atMs: number };
  readonly view: { readonly manifests: readonly Digest[]; readonly blobs: readonly Digest[] };
  readonly input: StoredInputRow;
  readonly totals: TotalsRow;
  readonly counters: CountersRow;
}

/** Which kind of row a key belongs to. */
export type RowKind = keyof RowTypes;

/** The value of a row of kind `K`. */
export type Row<K extends RowKind> = RowTypes[K];

const digest = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{64}$/),
  v.transform((text) => text as Digest),
);
/**
 * A view names thousands, and hundreds of views are read before the store is open: their characters
 * are vouched for by the checksum of the row, and they are keys of maps alone, never parts of paths.
 */
const digests = v.custom<readonly Digest[]>(
  (value) =>
    Array.isArray(value) && value.every((text) => typeof text === 'string' && text.length === 64),
);
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const time = v.pipe(
  v.string(),
  v.regex(/^-?\d{1,20}$/),
  v.transform((text) => BigInt(text)),
);

const schemas: { readonly [K in RowKind]: v.GenericSchema<unknown, RowTypes[K]> } = {
  unit: v.strictObject({
    lookupKey: v.string(),
    createdMs: count,
    sizeBytes: count,
    allocatedBytes: count,
    blobs: v.array(digest),
    markers: v.array(v.string()),
  }),
  lookup: v.strictObject({ manifests: v.array(digest) }),
  blob: v.strictObject({ references: count, sizeBytes: count, allocatedBytes: count }),
  marker: v.strictObject({ references: count }),
  lastUse: v.strictObject({ atMs: count }),
  view: v.strictObject({ manifests: digests, blobs: digests }),
  input: v.strictObject({
    sizeBytes: count,
    mtimeNs: time,
    ctimeNs: time,
    ino: time,
    dev: time,
    digest,
    seenMs: count,
  }),
  totals: v.strictObject({
    units: count,
    setHash: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
    blobs: count,
    physicalBytes: count,
    logicalBytes: count,
  }),
  counters: v.strictObject({
    served: count,
    missed: count,
    // Rows of before these were counted lack them.
    missedSharable: v.optional(count, 0),
    missedOwn: v.optional(count, 0),
    verified: v.optional(count, 0),
    differed: v.optional(count, 0),
    promoted: count,
    refused: count,
    savedMs: count,
  }),
};

/** Frames `value` as the row of `key`. */
export function encodeRow<K extends RowKind>(_kind: K, key: string, value: Row<K>): Buffer {
  return frameRow(key, Buffer.from(JSON.stringify(value, bigintAsText)));
}

/** The value of a row, or undefined where it is damaged or of an unknown version. */
export function decodeRow<K extends RowKind>(
  kind: K,
  key: string,
  framed: Buffer,
): Row<K> | undefined {
  const bytes = unframeRow(key, framed);
  if (bytes === undefined) return undefined;
  const parsed = v.safeParse(schemas[kind], parseJson(bytes));
  return parsed.success ? parsed.output : undefined;
}

/** Puts the frame around the raw bytes of a row. */
export function frameRow(key: string, bytes: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(frameBytes + bytes.length);
  framed[0] = rowVersion;
  framed.writeUInt32LE(checksum(key, bytes), 1);
  bytes.copy(framed, frameBytes);
  return framed;
}

/** The raw bytes in a frame, or undefined where version or checksum are not as they should be. */
export function unframeRow(key: string, framed: Buffer): Buffer | undefined {
  if (framed.length < frameBytes || framed[0] !== rowVersion) return undefined;
  const bytes = framed.subarray(frameBytes);
  return framed.readUInt32LE(1) === checksum(key, bytes) ? bytes : undefined;
}

/** The checksum covers the key too: a value under a wrong key is as bad as a wrong value. */
function checksum(key: string, bytes: Buffer): number {
  return crc32(bytes, crc32(key));
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    // The schema refuses it.
    return undefined;
  }
}

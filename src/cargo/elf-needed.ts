/** Which shared libraries a linked file asks for (System V ABI, dynamic section). */

export interface DynamicNames {
  /** What the loader looks for, in order. */
  readonly needed: readonly string[];
  /** The name under which others ask for this file. */
  readonly soname: string | undefined;
}

const loadType = 1;
const dynamicType = 2;
const neededTag = 1n;
const stringsTag = 5n;
const sonameTag = 14n;
/** Programs have a dozen segments, and some thirty entries; a library of Qt has a hundred. */
const entriesMax = 4_096;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly size: number;
}

/**
 * Undefined for what is not an ELF file of 64 bits with the lower byte first, or is cut off. A file
 * that needs nothing has an empty list.
 */
export function dynamicNames(bytes: Buffer): DynamicNames | undefined {
  const isRead =
    bytes.length >= 64 && bytes.readUInt32BE(0) === 0x7f454c46 && bytes[4] === 2 && bytes[5] === 1;
  if (!isRead) return undefined;
  const segments = segmentsOf(bytes);
  if (segments === undefined) return undefined;
  const dynamic = segments.find(({ type }) => type === dynamicType);
  if (dynamic === undefined) return { needed: [], soname: undefined };
  const tags = tagsOf(bytes, dynamic);
  const address = tags?.find(([tag]) => tag === stringsTag)?.[1];
  const strings = address === undefined ? undefined : offsetOf(segments, address);
  if (tags === undefined || strings === undefined) return undefined;
  const named = (wanted: bigint): readonly string[] =>
    tags.flatMap(([tag, value]) =>
      tag === wanted ? [textAt(bytes, strings + Number(value))] : [],
    );
  return { needed: named(neededTag), soname: named(sonameTag)[0] };
}

function segmentsOf(bytes: Buffer): readonly Segment[] | undefined {
  const start = Number(bytes.readBigUInt64LE(32));
  const [size, count] = [bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  if (size < 56 || start + size * count > bytes.length) return undefined;
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: bytes.readUInt32LE(at),
      offset: Number(bytes.readBigUInt64LE(at + 8)),
      address: bytes.readBigUInt64LE(at + 16),
      size: Number(bytes.readBigUInt64LE(at + 32)),
    };
  });
}

function tagsOf(
  bytes: Buffer,
  { offset, size }: Segment,
): readonly (readonly [bigint, bigint])[] | undefined {
  if (offset + size > bytes.length || size > entriesMax * 16) return undefined;
  const tags: [bigint, bigint][] = [];
  for (let at = offset; at + 16 <= offset + size; at += 16) {
    const tag = bytes.readBigInt64LE(at);
    if (tag === 0n) break;
    tags.push([tag, bytes.readBigUInt64LE(at + 8)]);
  }
  return tags;
}

function offsetOf(segments: readonly Segment[], address: bigint): number | undefined {
  const found = segments.find(
    ({ type, address: start, size }) =>
      type === loadType && address >= start && address < start + BigInt(size),
  );
  return found && found.offset + Number(address - found.address);
}

function textAt(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at);
  return bytes.toString('latin1', at, end < 0 ? bytes.length : end);
}

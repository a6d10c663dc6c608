/** Compares two 64-bit little-endian ELF files, as they are and with one path replaced. */
import { readFileSync } from 'node:fs';

export interface SectionDifference {
  readonly section: string;
  readonly sizeBytes: number;
  /** Bytes that differ at equal offsets; undefined where the sizes differ. */
  readonly differingBytes: number | undefined;
  /** Whether both hold the same set of NUL-terminated strings, in whatever order. */
  readonly hasSameStrings: boolean;
}

export interface Comparison {
  readonly areEqual: boolean;
  /** Occurrences of the other paths in the right file. */
  readonly occurrences: number;
  /** Equal once every occurrence of another path in the right file is replaced. */
  readonly areEqualAfterReplacement: boolean;
  /** Bytes that differ before the replacement; undefined where the sizes differ. */
  readonly differingBytes: number | undefined;
  /** Sections that differ after the replacement. */
  readonly sections: readonly SectionDifference[];
}

/**
 * Compares `leftPath` with `rightPath`, in which one of `otherPaths` stands where the left has
 * `path`. All must have the same length: otherwise every offset behind an occurrence would differ,
 * and the comparison would prove nothing.
 */
export function compareBinaries(
  leftPath: string,
  rightPath: string,
  replaced: { readonly path: string; readonly otherPaths: readonly string[] },
): Comparison {
  const path = Buffer.from(replaced.path);
  const otherPaths = replaced.otherPaths.map((other) => Buffer.from(other));
  if (otherPaths.some(({ length }) => length !== path.length)) {
    throw new Error('the paths differ in length');
  }
  const left = readFileSync(leftPath);
  const right = readFileSync(rightPath);
  const areEqual = left.equals(right);
  const differingBytes = countDifferingBytes(left, right);
  const occurrences = otherPaths.reduce((sum, other) => sum + replaceAll(right, other, path), 0);
  const areEqualAfterReplacement = left.equals(right);
  const sections = areEqualAfterReplacement ? [] : compareSections(left, right);
  return { areEqual, occurrences, areEqualAfterReplacement, differingBytes, sections };
}

/** Overwrites in place and returns the number of occurrences. */
function replaceAll(bytes: Buffer, from: Buffer, to: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + to.length)) {
    to.copy(bytes, at);
    count += 1;
  }
  return count;
}

/** Most of two such files is equal; only chunks that differ are looked at byte by byte. */
const chunkBytes = 1 << 16;

function countDifferingBytes(left: Buffer, right: Buffer): number | undefined {
  if (left.length !== right.length) return undefined;
  let count = 0;
  for (let start = 0; start < left.length; start += chunkBytes) {
    const end = Math.min(start + chunkBytes, left.length);
    if (left.compare(right, start, end, start, end) === 0) continue;
    for (let at = start; at < end; at++) if (left[at] !== right[at]) count += 1;
  }
  return count;
}

function compareSections(left: Buffer, right: Buffer): readonly SectionDifference[] {
  const rightSections = readSections(right);
  const differences: SectionDifference[] = [];
  for (const [section, bytes] of readSections(left)) {
    const other = rightSections.get(section) ?? Buffer.alloc(0);
    rightSections.delete(section);
    if (bytes.equals(other)) continue;
    differences.push({
      section,
      sizeBytes: bytes.length,
      differingBytes: countDifferingBytes(bytes, other),
      hasSameStrings: sortStrings(bytes) === sortStrings(other),
    });
  }
  for (const [section, bytes] of rightSections) {
    const sizeBytes = bytes.length;
    differences.push({ section, sizeBytes, differingBytes: undefined, hasSameStrings: false });
  }
  return differences;
}

function sortStrings(bytes: Buffer): string {
  return bytes.toString('latin1').split('\0').sort().join('\0');
}

/** Sections with contents by name (ELF-64 specification, section header table). */
function readSections(file: Buffer): Map<string, Buffer> {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    throw new Error('not a 64-bit little-endian ELF file');
  }
  const tableAt = Number(file.readBigUInt64LE(0x28));
  const entryBytes = file.readUInt16LE(0x3a);
  const count = file.readUInt16LE(0x3c);
  const headers = Array.from({ length: count }, (_, index) => {
    const at = tableAt + index * entryBytes;
    return {
      nameAt: file.readUInt32LE(at),
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 0x18)),
      size: Number(file.readBigUInt64LE(at + 0x20)),
    };
  });
  const names = headers[file.readUInt16LE(0x3e)]!;
  const sections = new Map<string, Buffer>();
  const noContents = 8;
  for (const { nameAt, type, offset, size } of headers) {
    if (type === noContents || size === 0) continue;
    const start = names.offset + nameAt;
    const name = file.toString('latin1', start, file.indexOf(0, start));
    sections.set(name, file.subarray(offset, offset + size));
  }
  return sections;
}

/** The sections of a Mach-O file, and which of them are for debuggers (`<mach-o/loader.h>`). */
import type { FilePart } from './file-part.js';

const segmentCommand = 0x1;
const segmentCommand64 = 0x19;
/** Types of sections that have no bytes in the file. */
const emptyTypes: ReadonlySet<number> = new Set([0x1, 0xc, 0x12]);

/** Undefined where a load command or a section lies outside of the file. */
export function machParts(bytes: Buffer): readonly FilePart[] | undefined {
  const isLittle = bytes[3] === 0xfe;
  const is64 = bytes[isLittle ? 0 : 3] === 0xcf;
  const headerLength = is64 ? 32 : 28;
  if (bytes.length < headerLength) return undefined;
  const word = (at: number): number => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const commandsEnd = headerLength + word(20);
  if (commandsEnd > bytes.length) return undefined;
  const parts: FilePart[] = [];
  let at = headerLength;
  for (let left = word(16); left > 0; left -= 1) {
    if (at + 8 > commandsEnd) return undefined;
    const [command, size] = [word(at), word(at + 4)];
    if (size < 8 || at + size > commandsEnd) return undefined;
    if (command === segmentCommand || command === segmentCommand64) {
      const sections = sectionsOf(bytes, { at, size, word, is64: command === segmentCommand64 });
      if (sections === undefined) return undefined;
      parts.push(...sections);
    }
    at += size;
  }
  return parts;
}

interface Segment {
  readonly at: number;
  readonly size: number;
  readonly word: (at: number) => number;
  readonly is64: boolean;
}

function sectionsOf(bytes: Buffer, segment: Segment): FilePart[] | undefined {
  const { at, size, word, is64 } = segment;
  const [headerLength, sectionLength] = is64 ? [72, 80] : [56, 68];
  if (size < headerLength) return undefined;
  const count = word(at + headerLength - 8);
  if (headerLength + count * sectionLength > size) return undefined;
  const parts: FilePart[] = [];
  for (let index = 0; index < count; index += 1) {
    const section = at + headerLength + index * sectionLength;
    const name = nameAt(bytes, section);
    const segmentName = nameAt(bytes, section + 16);
    const sizeAt = section + (is64 ? 40 : 36);
    const length = is64 ? long(word, sizeAt, bytes) : word(sizeAt);
    const start = word(section + (is64 ? 48 : 40));
    if (emptyTypes.has(word(section + (is64 ? 64 : 56)) & 0xff)) continue;
    if (start + length > bytes.length) return undefined;
    const kind =
      segmentName === '__DWARF' ? 'hidden' : segmentName === '__LLVM' ? 'opaque' : 'visible';
    parts.push({ name: `${segmentName},${name}`, start, end: start + length, kind });
  }
  return parts;
}

function long(word: (at: number) => number, at: number, bytes: Buffer): number {
  const isLittle = bytes[3] === 0xfe;
  const [low, high] = isLittle ? [word(at), word(at + 4)] : [word(at + 4), word(at)];
  return high * 2 ** 32 + low;
}

function nameAt(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at, at + 16).split('\0', 1)[0] ?? '';
}

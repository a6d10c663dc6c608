/** The sections of an ELF file, and which of them a program never sees (System V ABI, `<elf.h>`). */
import type { FilePart } from './file-part.js';

const nullType = 0;
const noBitsType = 8;
const llvmLtoType = 0x6fff4c0c;
const allocatedFlag = 0x2;
const compressedFlag = 0x800;
const extendedIndex = 0xffff;
/** Numbers of sections in real files end far below; each costs an object. */
const sectionsMax = 1 << 20;

/**
 * Sections that are not loaded and that no linker reads for their text: debug information, symbols,
 * relocations, notes. Other sections that are not loaded may be read by a linker or by rustc.
 */
const hiddenNames =
  /^\.(?:z?debug_.*|gnu\.debuglto_.*|debug|line|stab.*|gdb_index|gnu_debuglink|gnu_debugdata|gnu_debugaltlink|symtab.*|strtab|shstrtab|dynsym|rela?(?:\..*)?|comment|note.*|GCC\.command\.line|llvm_addrsig|llvm\.call-graph-profile|group|riscv\.attributes|ARM\.attributes|gnu\.attributes)$/;

/** Encoded forms of what the linker makes code of. */
const opaqueNames = /^\.(?:gnu\.lto_.*|llvmbc|llvm\.lto)$/;

interface Section {
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly start: number;
  readonly size: number;
  readonly link: number;
}

/** Undefined where a header or a section lies outside of the file, or is none. */
export function elfParts(bytes: Buffer): readonly FilePart[] | undefined {
  const read = readerOf(bytes);
  if (read === undefined) return undefined;
  const { half, long, is64 } = read;
  const headersAt = long(is64 ? 40 : 32);
  const entrySize = half(is64 ? 58 : 46) ?? 0;
  let count = half(is64 ? 60 : 48);
  let namesIndex = half(is64 ? 62 : 50);
  // Without sections everything is visible.
  if (headersAt === 0) return [];
  if (headersAt === undefined || entrySize < headerLength(is64)) return undefined;
  const sectionAt = (index: number): Section | undefined =>
    readSection(read, headersAt + index * entrySize, bytes.length);
  const first = sectionAt(0);
  if (first === undefined) return undefined;
  if (count === 0) count = first.size;
  if (namesIndex === extendedIndex) namesIndex = first.link;
  if (count === undefined || namesIndex === undefined || count > sectionsMax) return undefined;
  const names = sectionAt(namesIndex);
  if (names === undefined || names.start + names.size > bytes.length) return undefined;
  const table = bytes.subarray(names.start, names.start + names.size);
  return listParts(count, sectionAt, { table, length: bytes.length });
}

function listParts(
  count: number,
  sectionAt: (index: number) => Section | undefined,
  { table, length }: { readonly table: Buffer; readonly length: number },
): readonly FilePart[] | undefined {
  const parts: FilePart[] = [];
  for (let index = 1; index < count; index += 1) {
    const section = sectionAt(index);
    const end = section === undefined ? Infinity : endOf(section);
    if (section === undefined || end > length) return undefined;
    if (end < section.start) continue;
    const name = nameIn(table, section.nameOffset);
    parts.push({ name, start: section.start, end, kind: kindOf(section, name) });
  }
  return parts;
}

function readSection(
  { word, long, is64 }: Reader,
  at: number,
  length: number,
): Section | undefined {
  if (at + headerLength(is64) > length) return undefined;
  return {
    nameOffset: word(at) ?? 0,
    type: word(at + 4) ?? 0,
    // The flags that count are in the lower half.
    flags: (is64 ? low(long(at + 8)) : word(at + 8)) ?? 0,
    start: long(at + (is64 ? 24 : 16)) ?? Infinity,
    size: long(at + (is64 ? 32 : 20)) ?? Infinity,
    link: word(at + (is64 ? 40 : 24)) ?? 0,
  };
}

/** Before its start for a section that has no bytes in the file. */
function endOf({ type, start, size }: Section): number {
  return type === nullType || type === noBitsType ? -1 : start + size;
}

/** Of one section. */
function headerLength(is64: boolean): number {
  return is64 ? 64 : 40;
}

function kindOf({ type, flags }: Section, name: string): FilePart['kind'] {
  if (type === llvmLtoType || opaqueNames.test(name)) return 'opaque';
  const isLoaded = (flags & allocatedFlag) !== 0;
  if (!isLoaded && hiddenNames.test(name)) return 'hidden';
  return (flags & compressedFlag) === 0 ? 'visible' : 'opaque';
}

const nameLengthMax = 256;

function nameIn(table: Buffer, offset: number): string {
  const from = Math.min(offset, table.length);
  const text = table.toString('latin1', from, Math.min(from + nameLengthMax, table.length));
  return text.split('\0', 1)[0] ?? '';
}

interface Reader {
  readonly is64: boolean;
  readonly half: (at: number) => number | undefined;
  readonly word: (at: number) => number | undefined;
  /** An offset or size; those beyond 2^53 lie outside of every file. */
  readonly long: (at: number) => number | undefined;
}

function readerOf(bytes: Buffer): Reader | undefined {
  const [width, order] = [bytes[4], bytes[5]];
  if ((width !== 1 && width !== 2) || (order !== 1 && order !== 2)) return undefined;
  const is64 = width === 2;
  const isLittle = order === 1;
  if (bytes.length < (is64 ? 64 : 52)) return undefined;
  const within = <T>(at: number, length: number, read: () => T): T | undefined =>
    at + length <= bytes.length ? read() : undefined;
  const half = (at: number): number | undefined =>
    within(at, 2, () => (isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)));
  const word = (at: number): number | undefined =>
    within(at, 4, () => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)));
  const long = (at: number): number | undefined => {
    if (!is64) return word(at);
    return within(at, 8, () =>
      Number(isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)),
    );
  };
  return { is64, half, word, long };
}

function low(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value % 2 ** 32;
}

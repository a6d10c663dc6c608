/**
 * Whether object code holds some bytes (a path) where a program could see them, or only where a
 * debugger looks. Reads ELF, Mach-O and `ar` archives of either kind of names. Everything that is
 * not known to be for debuggers alone counts as visible. What is compressed or encoded, and what is
 * not formed as expected, cannot be looked into and is `unknown`.
 */
import { parseArchive } from './archive-members.js';
import { elfParts } from './elf-parts.js';
import type { FilePart } from './file-part.js';
import { machParts } from './mach-parts.js';

export type ObjectSearch =
  | { readonly verdict: 'unnamed' }
  /** `where` names the member of an archive and the section, as far as there is one. */
  | { readonly verdict: 'named' | 'unknown'; readonly where: string };

/** Whether the bytes hold what is looked for; called for parts of a file, each byte once or twice. */
export type Finder = (part: Buffer) => boolean;

/**
 * Undefined for what is not object code. Takes time in proportion to the size, and never throws.
 * `unnamed` is said only of what was looked through as a whole.
 */
export function searchObjectCode(bytes: Buffer, isNamedIn: Finder): ObjectSearch | undefined {
  if (startsWith(bytes, '!<thin>\n')) {
    return { verdict: 'unknown', where: 'a thin archive, whose members are other files' };
  }
  return startsWith(bytes, '!<arch>\n')
    ? searchArchive(bytes, isNamedIn)
    : searchObject(bytes, isNamedIn);
}

function searchArchive(bytes: Buffer, isNamedIn: Finder): ObjectSearch {
  const members = parseArchive(bytes);
  if (members === undefined) return { verdict: 'unknown', where: 'an archive of an unknown form' };
  // Names of members and what else lies between their contents.
  const between = complement(members, bytes.length);
  if (between.some(([start, end]) => isNamedIn(bytes.subarray(start, end)))) {
    return { verdict: 'named', where: 'the names of its members' };
  }
  for (const { name, start, end } of members) {
    const content = bytes.subarray(start, end);
    const found = isArchive(content)
      ? ({ verdict: 'unknown', where: 'an archive in an archive' } as const)
      : (searchObject(content, isNamedIn) ?? searchPlain(content, isNamedIn));
    if (found.verdict !== 'unnamed') return { ...found, where: `${name}, ${found.where}` };
  }
  return { verdict: 'unnamed' };
}

/** Undefined where the content has none of the forms known here. */
function searchObject(bytes: Buffer, isNamedIn: Finder): ObjectSearch | undefined {
  if (startsWith(bytes, 'BC\xc0\xde') || startsWith(bytes, '\xde\xc0\x17\x0b')) {
    return { verdict: 'unknown', where: 'code of LLVM, which is encoded' };
  }
  if (isUniversal(bytes)) return { verdict: 'unknown', where: 'code for several processors' };
  const parts = partsOf(bytes);
  if (parts === undefined) return undefined;
  if (parts === 'odd') return { verdict: 'unknown', where: 'object code of an unknown form' };
  const opaque = parts.find(({ kind }) => kind === 'opaque');
  if (opaque !== undefined)
    return { verdict: 'unknown', where: `${opaque.name}, which is encoded` };
  const hidden = parts.filter(({ kind }) => kind === 'hidden');
  const visible = parts.filter(({ kind }) => kind === 'visible');
  if (overlap(hidden, visible)) return { verdict: 'unknown', where: 'sections that overlap' };
  for (const [start, end] of complement(hidden, bytes.length)) {
    if (!isNamedIn(bytes.subarray(start, end))) continue;
    const inside = visible.filter((part) => part.start >= start && part.end <= end);
    const section = sectionThatNames(bytes, inside, isNamedIn);
    return { verdict: 'named', where: section ?? 'what is no section' };
  }
  return { verdict: 'unnamed' };
}

/** For the message: sections that overlap each other are not looked through again and again. */
function sectionThatNames(
  bytes: Buffer,
  sections: readonly FilePart[],
  isNamedIn: Finder,
): string | undefined {
  let left = bytes.length;
  for (const { name, start, end } of sections) {
    left -= end - start;
    if (left < 0) return undefined;
    if (isNamedIn(bytes.subarray(start, end))) return name;
  }
  return undefined;
}

function searchPlain(bytes: Buffer, isNamedIn: Finder): ObjectSearch {
  return isNamedIn(bytes) ? { verdict: 'named', where: 'its content' } : { verdict: 'unnamed' };
}

function partsOf(bytes: Buffer): readonly FilePart[] | 'odd' | undefined {
  if (startsWith(bytes, '\x7fELF')) return elfParts(bytes) ?? 'odd';
  const isMach = ['\xcf\xfa\xed\xfe', '\xce\xfa\xed\xfe', '\xfe\xed\xfa\xcf', '\xfe\xed\xfa\xce'];
  if (isMach.some((magic) => startsWith(bytes, magic))) return machParts(bytes) ?? 'odd';
  return undefined;
}

/** Class files of Java begin in the same way; their version is larger than any number of parts. */
function isUniversal(bytes: Buffer): boolean {
  if (startsWith(bytes, '\xca\xfe\xba\xbf')) return true;
  return startsWith(bytes, '\xca\xfe\xba\xbe') && bytes.length >= 8 && bytes.readUInt32BE(4) < 45;
}

function isArchive(bytes: Buffer): boolean {
  return startsWith(bytes, '!<arch>\n') || startsWith(bytes, '!<thin>\n');
}

function startsWith(bytes: Buffer, magic: string): boolean {
  return bytes.subarray(0, magic.length).equals(Buffer.from(magic, 'latin1'));
}

type Range = Pick<FilePart, 'start' | 'end'>;

/** What lies in none of the ranges, in order. */
function complement(
  ranges: readonly Range[],
  length: number,
): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  let at = 0;
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    if (start > at) found.push([at, start]);
    at = Math.max(at, end);
  }
  if (at < length) found.push([at, length]);
  return found;
}

/** Whether a range of the one list has bytes in common with one of the other. */
function overlap(one: readonly Range[], other: readonly Range[]): boolean {
  const all = [...one.map((range) => ({ ...range, isOne: true })), ...other].sort(
    (a, b) => a.start - b.start,
  );
  let oneEnd = 0;
  let otherEnd = 0;
  for (const range of all) {
    if (range.start === range.end) continue;
    const isOne = 'isOne' in range;
    if (range.start < (isOne ? otherEnd : oneEnd)) return true;
    if (isOne) oneEnd = Math.max(oneEnd, range.end);
    else otherEnd = Math.max(otherEnd, range.end);
  }
  return false;
}

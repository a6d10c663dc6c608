/** The members of an `ar` archive (GNU, BSD and System V: `<ar.h>`, the format of static libraries). */

export interface ArchiveMember {
  /** As far as it can be told; for messages. */
  readonly name: string;
  /** Of its content. */
  readonly start: number;
  readonly end: number;
}

const magicLength = 8;
const headerLength = 60;

/** Undefined where the bytes are not one well-formed archive from the first to the last. */
export function parseArchive(bytes: Buffer): readonly ArchiveMember[] | undefined {
  const members: ArchiveMember[] = [];
  let longNames: Buffer | undefined;
  for (let at = magicLength; at < bytes.length;) {
    // Contents begin at even places.
    if (at + 1 === bytes.length && bytes[at] === 0x0a) break;
    if (at + headerLength > bytes.length) return undefined;
    const header = bytes.toString('latin1', at, at + headerLength);
    const size = /^[0-9]{1,10} *$/.test(header.slice(48, 58)) ? Number(header.slice(48, 58)) : NaN;
    const start = at + headerLength;
    const end = start + size;
    // What is not a number is not below either.
    if (!header.endsWith('`\n') || !(end <= bytes.length)) return undefined;
    const name = header.slice(0, 16).trimEnd();
    if (name === '//') longNames = bytes.subarray(start, end);
    const inName = /^#1\/([0-9]{1,10})$/.exec(name)?.[1];
    const nameLength = Number(inName ?? 0);
    if (nameLength > size) return undefined;
    members.push({
      name: inName === undefined ? gnuName(name, longNames) : bsdName(bytes, start, nameLength),
      start: start + nameLength,
      end,
    });
    at = end + (size & 1);
  }
  return members;
}

const shownMax = 200;

function gnuName(name: string, longNames: Buffer | undefined): string {
  const offset = /^\/([0-9]{1,10})$/.exec(name)?.[1];
  if (offset === undefined || longNames === undefined) return name.replace(/(?<=.)\/$/, '');
  const from = Math.min(Number(offset), longNames.length);
  const text = longNames.toString('latin1', from, Math.min(from + shownMax, longNames.length));
  return text.split(/\/?\n/, 1)[0] ?? '';
}

function bsdName(bytes: Buffer, start: number, length: number): string {
  const text = bytes.toString('latin1', start, start + Math.min(length, shownMax));
  return text.replace(/\0+$/, '');
}

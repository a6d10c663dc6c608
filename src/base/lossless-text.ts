/**
 * Bytes of the system (variables, arguments) as text. What is UTF-8 is decoded as such; each other
 * byte becomes a character of its own from a private range, so that different bytes never give equal
 * texts, and the text can still be encoded, hashed and stored like any other.
 */

/** Bytes that are not UTF-8 become `escapeBase` plus their value: U+10FF80 to U+10FFFF. */
const escapeBase = 0x10ff00;

const escapes = /[\u{10ff00}-\u{10ffff}]/u;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function losslessText(bytes: Uint8Array): string {
  const text = decodeStrictly(bytes);
  if (text !== undefined && !escapes.test(text)) return text;
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const { point, length } = characterAt(bytes, at);
    pieces.push(String.fromCodePoint(point));
    at += length;
  }
  return pieces.join('');
}

/** Whether the text stands for bytes that are not UTF-8: no path can be made of it. */
export function hasForeignBytes(text: string): boolean {
  return escapes.test(text);
}

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    // It is not UTF-8, which is an answer.
    return undefined;
  }
}

interface Character {
  readonly point: number;
  /** In bytes. */
  readonly length: number;
}

/** The character at `at` (RFC 3629), or the escape of the one byte there. */
function characterAt(bytes: Uint8Array, at: number): Character {
  const first = bytes[at] ?? 0;
  const escape = { point: escapeBase + first, length: 1 };
  if (first < 0x80) return { point: first, length: 1 };
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0) return escape;
  let point = first & (0x7f >> length);
  for (let next = at + 1; next < at + length; next += 1) {
    const byte = bytes[next] ?? 0;
    if (byte >> 6 !== 0b10) return escape;
    point = (point << 6) | (byte & 0x3f);
  }
  const isOverlong = (length === 3 && point < 0x800) || (length === 4 && point < 0x10000);
  const isSurrogate = point >= 0xd800 && point <= 0xdfff;
  return isOverlong || isSurrogate || point >= escapeBase ? escape : { point, length };
}

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
  let result = '';
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    const character = length === 0 ? undefined : decodeStrictly(bytes.subarray(at, at + length));
    if (character !== undefined && !escapes.test(character)) {
      result += character;
      at += length;
    } else {
      result += String.fromCodePoint(escapeBase + (bytes[at] ?? 0));
      at += 1;
    }
  }
  return result;
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

/** Bytes of the character that starts at `at`, as its first byte says; 0 for what starts none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return at + length <= bytes.length ? length : 0;
}

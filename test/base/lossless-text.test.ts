import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasForeignBytes, losslessText } from '../../src/base/lossless-text.js';

describe('bytes as text', () => {
  test('are decoded where they are UTF-8', () => {
    for (const text of ['', 'plain', 'é – 漢字 🦀', '\uFEFFmark']) {
      expect(losslessText(Buffer.from(text))).toBe(text);
      expect(hasForeignBytes(losslessText(Buffer.from(text)))).toBe(false);
    }
  });

  test('that differ never give equal texts, not even once encoded', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      // What the escapes themselves look like.
      fc
        .array(fc.constantFrom(0xf4, 0x8f, 0xbe, 0xbf, 0x80, 0xff, 0x41), { maxLength: 9 })
        .map((each) => Uint8Array.from(each)),
    );
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const isEqual = Buffer.compare(a, b) === 0;
        const [left, right] = [losslessText(a), losslessText(b)];
        expect(left === right).toBe(isEqual);
        expect(Buffer.from(left).equals(Buffer.from(right))).toBe(isEqual);
      }),
    );
  });

  test('that are not UTF-8 are known', () => {
    expect(hasForeignBytes(losslessText(Buffer.from('/a\xff', 'latin1')))).toBe(true);
    expect(losslessText(Buffer.from('é\xffé', 'latin1'))).not.toContain('\uFFFD');
  });

  test('of any length take time in proportion', () => {
    const bytes = Buffer.alloc(1 << 20, 0xff);
    expect(losslessText(bytes)).toHaveLength(2 << 20);
  });
});

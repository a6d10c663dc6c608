import { describe, expect, it } from 'vitest';
import {
  chooseBlake3,
  createDigester,
  digestImplementation,
  hashBytes,
  loadNative,
  loadReference,
  parseDigest,
} from '../../src/store/digest.js';

const emptyDigest = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';

describe('digests', () => {
  it('are BLAKE3 as its authors define it', () => {
    expect(hashBytes(new Uint8Array())).toBe(emptyDigest);
    // From the official test vectors: 1023 bytes of the sequence 0, 1, … 250, 0, …
    const input = Uint8Array.from({ length: 1023 }, (_, index) => index % 251);
    expect(hashBytes(input)).toBe(
      '10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11',
    );
  });

  it('agree between both packages on every length around a chunk', () => {
    const [reference, native] = [loadReference(), loadNative()];
    for (const length of [0, 1, 63, 64, 1023, 1024, 1025, 2048, 65_537, 3_000_001]) {
      const bytes = Buffer.alloc(length, length & 0xff);
      expect(native.hash(bytes)).toBe(reference.hash(bytes));
    }
  });

  it('do not depend on how the bytes are cut', () => {
    const bytes = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7) & 0xff));
    for (const implementation of [loadReference(), loadNative()]) {
      const digester = implementation.createDigester();
      for (let at = 0; at < bytes.length; at += 777) digester.update(bytes.subarray(at, at + 777));
      expect(digester.finish()).toBe(hashBytes(bytes));
    }
  });

  it('are computed by the native package where it agrees', () => {
    expect(digestImplementation()).toBe('blake-hash');
    const digester = createDigester();
    digester.update(Buffer.from(''));
    expect(digester.finish()).toBe(emptyDigest);
  });

  it('fall back to the reference where the native package is missing', () => {
    const reference = loadReference();
    const missing = (): never => {
      throw new Error('not installed');
    };
    expect(chooseBlake3(reference, missing)).toBe(reference);
  });

  it('fall back to the reference where the native package disagrees', () => {
    const reference = loadReference();
    const wrong = { ...loadNative(), hash: () => emptyDigest };
    expect(chooseBlake3(reference, () => wrong)).toBe(reference);
  });

  it('are read from exactly 64 lower-case hex digits', () => {
    expect(parseDigest(emptyDigest)).toBe(emptyDigest);
    expect(parseDigest(emptyDigest.toUpperCase())).toBeUndefined();
    expect(parseDigest(emptyDigest.slice(1))).toBeUndefined();
    expect(parseDigest(`${emptyDigest}\n`)).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { hashText } from '../../src/cargo/fingerprint.js';
import { HashInput } from '../../src/cargo/hash-input.js';
import { stableHash } from '../../src/cargo/stable-hasher.js';

/** SipHash-1-3-128 in BigInt arithmetic, straight from the definition. */
function referenceHash(bytes: Uint8Array): bigint {
  const mask = (1n << 64n) - 1n;
  const rotl = (x: bigint, n: bigint): bigint => ((x << n) | (x >> (64n - n))) & mask;
  let v0 = 0x736f6d6570736575n;
  let v1 = 0x646f72616e646f6dn ^ 0xeen;
  let v2 = 0x6c7967656e657261n;
  let v3 = 0x7465646279746573n;
  const round = (): void => {
    v0 = (v0 + v1) & mask;
    v1 = rotl(v1, 13n) ^ v0;
    v0 = rotl(v0, 32n);
    v2 = (v2 + v3) & mask;
    v3 = rotl(v3, 16n) ^ v2;
    v0 = (v0 + v3) & mask;
    v3 = rotl(v3, 21n) ^ v0;
    v2 = (v2 + v1) & mask;
    v1 = rotl(v1, 17n) ^ v2;
    v2 = rotl(v2, 32n);
  };
  const padded = Buffer.alloc((bytes.length & ~7) + 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    v3 ^= word;
    round();
    v0 ^= word;
  }
  v2 ^= 0xeen;
  for (let n = 0; n < 3; n += 1) round();
  const low = v0 ^ v1 ^ v2 ^ v3;
  v1 ^= 0xddn;
  for (let n = 0; n < 3; n += 1) round();
  return (low * 3n + (v0 ^ v1 ^ v2 ^ v3)) & mask;
}

describe('the stable hasher', () => {
  it('agrees with SipHash-1-3-128 in plain 64-bit arithmetic for every length up to 300 bytes', () => {
    let seed = 12345;
    for (let length = 0; length <= 300; length += 1) {
      const bytes = Buffer.alloc(length);
      for (let at = 0; at < length; at += 1) {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        bytes[at] = seed >>> 16;
      }
      expect(stableHash(bytes)).toBe(referenceHash(bytes));
    }
  });

  it('reads the bytes of a view that does not start at its buffer', () => {
    const whole = Buffer.from('xxxhello, world');
    expect(stableHash(whole.subarray(3))).toBe(stableHash(Buffer.from('hello, world')));
  });

  it('takes a growing input of any size', () => {
    const input = new HashInput(1);
    for (let n = 0; n < 1000; n += 1) input.writeString(`piece ${n}`);
    expect(input.finish()).toBe(input.finish());
  });

  it('hashes equal paths equally however they are written', () => {
    const hashPath = (path: string): bigint => {
      const input = new HashInput();
      input.writePath(path);
      return input.finish();
    };
    expect(hashPath('a/./b//c/')).toBe(hashPath('a/b/c'));
    expect(hashPath('ab/c')).not.toBe(hashPath('a/bc'));
    expect(hashPath('./a')).not.toBe(hashPath('a'));
  });

  it('tells texts apart by their ends', () => {
    expect(hashText('a')).not.toBe(hashText('a\n'));
  });
});

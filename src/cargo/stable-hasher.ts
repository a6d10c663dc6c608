/**
 * Cargo's `StableHasher`: SipHash-1-3 with a 128-bit result, keys 0 and 0, folded to 64 bits
 * (crate rustc-stable-hash 0.1.2, `sip128.rs` and `hashers/mod.rs`; `src/cargo/util/hasher.rs` at
 * f2d3ce0bd). Every number of a fingerprint file comes out of this function.
 *
 * The 64-bit lanes are pairs of 32-bit halves: BigInt arithmetic allocates for each step and is
 * about 100 times slower.
 */

/** The four lanes: low and high half of v0, v1, v2, v3. */
type Lanes = Int32Array;

const u64Mask = (1n << 64n) - 1n;

/** Hashes a finished byte sequence; the result is an unsigned 64-bit number. */
export function stableHash(bytes: Uint8Array): bigint {
  const lanes = initialLanes();
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wholeBytes = bytes.byteLength & ~7;
  for (let at = 0; at < wholeBytes; at += 8) {
    absorb(lanes, words.getInt32(at, true), words.getInt32(at + 4, true));
  }
  const tail = new DataView(new ArrayBuffer(8));
  for (let at = wholeBytes; at < bytes.byteLength; at += 1) {
    tail.setUint8(at - wholeBytes, words.getUint8(at));
  }
  tail.setUint8(7, bytes.byteLength & 0xff);
  absorb(lanes, tail.getInt32(0, true), tail.getInt32(4, true));
  return finish(lanes);
}

/** Start values: "somepseudorandomlygeneratedbytes", v1 marked for the 128-bit variant. */
function initialLanes(): Lanes {
  return Int32Array.of(
    0x70736575,
    0x736f6d65,
    0x6e646f6d ^ 0xee,
    0x646f7261,
    0x6e657261,
    0x6c796765,
    0x79746573,
    0x74656462,
  );
}

function absorb(lanes: Lanes, low: number, high: number): void {
  lanes[6] = (lanes[6] ?? 0) ^ low;
  lanes[7] = (lanes[7] ?? 0) ^ high;
  sipRounds(lanes, 1);
  lanes[0] = (lanes[0] ?? 0) ^ low;
  lanes[1] = (lanes[1] ?? 0) ^ high;
}

function finish(lanes: Lanes): bigint {
  lanes[4] = (lanes[4] ?? 0) ^ 0xee;
  sipRounds(lanes, 3);
  const first = combined(lanes);
  lanes[2] = (lanes[2] ?? 0) ^ 0xdd;
  sipRounds(lanes, 3);
  const second = combined(lanes);
  return (first * 3n + second) & u64Mask;
}

function combined(lanes: Lanes): bigint {
  let low = 0;
  let high = 0;
  for (let lane = 0; lane < 8; lane += 2) {
    low ^= lanes[lane] ?? 0;
    high ^= lanes[lane + 1] ?? 0;
  }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** The SipHash round, `count` times, on local variables: typed array access in between costs. */
function sipRounds(lanes: Lanes, count: number): void {
  let a = lanes[0] ?? 0; // v0 low
  let A = lanes[1] ?? 0; // v0 high
  let b = lanes[2] ?? 0;
  let B = lanes[3] ?? 0;
  let c = lanes[4] ?? 0;
  let C = lanes[5] ?? 0;
  let d = lanes[6] ?? 0;
  let D = lanes[7] ?? 0;
  let t = 0;
  for (let round = 0; round < count; round += 1) {
    // v0 += v1; v1 = rotl(v1, 13) ^ v0; v0 = rotl(v0, 32)
    t = (a + b) | 0;
    A = (A + B + carry(a, b, t)) | 0;
    a = t;
    t = ((b << 13) | (B >>> 19)) ^ a;
    B = ((B << 13) | (b >>> 19)) ^ A;
    b = t;
    t = a;
    a = A;
    A = t;
    // v2 += v3; v3 = rotl(v3, 16) ^ v2
    t = (c + d) | 0;
    C = (C + D + carry(c, d, t)) | 0;
    c = t;
    t = ((d << 16) | (D >>> 16)) ^ c;
    D = ((D << 16) | (d >>> 16)) ^ C;
    d = t;
    // v0 += v3; v3 = rotl(v3, 21) ^ v0
    t = (a + d) | 0;
    A = (A + D + carry(a, d, t)) | 0;
    a = t;
    t = ((d << 21) | (D >>> 11)) ^ a;
    D = ((D << 21) | (d >>> 11)) ^ A;
    d = t;
    // v2 += v1; v1 = rotl(v1, 17) ^ v2; v2 = rotl(v2, 32)
    t = (c + b) | 0;
    C = (C + B + carry(c, b, t)) | 0;
    c = t;
    t = ((b << 17) | (B >>> 15)) ^ c;
    B = ((B << 17) | (b >>> 15)) ^ C;
    b = t;
    t = c;
    c = C;
    C = t;
  }
  lanes[0] = a;
  lanes[1] = A;
  lanes[2] = b;
  lanes[3] = B;
  lanes[4] = c;
  lanes[5] = C;
  lanes[6] = d;
  lanes[7] = D;
}

/** The carry out of the 32-bit addition `left + right = sum`. */
function carry(left: number, right: number, sum: number): number {
  return ((left & right) | ((left | right) & ~sum)) >>> 31;
}

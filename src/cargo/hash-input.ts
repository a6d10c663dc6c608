/**
 * Writes values as Rust's `Hash` implementations feed them to cargo's `StableHasher` on a 64-bit
 * little-endian target (rustc-stable-hash 0.1.2 `stable_hasher.rs`; std's `impl Hash`).
 */
import { stableHash } from './stable-hasher.js';

/** Collects the bytes of one hash; take the result with `finish`, which may be called repeatedly. */
export class HashInput {
  #bytes: Buffer;
  #length = 0;

  constructor(capacityBytes: number = 1024) {
    this.#bytes = Buffer.alloc(capacityBytes);
  }

  /** `u64` and `usize`. */
  writeU64(value: bigint): void {
    this.#reserve(8);
    this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, value), this.#length);
    this.#length += 8;
  }

  /** The length prefix of a sequence. */
  writeLength(count: number): void {
    this.writeU64(BigInt(count));
  }

  writeBool(value: boolean): void {
    this.#writeByte(value ? 1 : 0);
  }

  /** The number of an enum variant: an `isize`, which takes one byte below 0xff. */
  writeDiscriminant(index: number): void {
    this.#writeByte(index);
  }

  /** `str`: the UTF-8 bytes and 0xff. */
  writeString(text: string): void {
    this.#writeBytes(Buffer.from(text, 'utf8'));
    this.#writeByte(0xff);
  }

  /**
   * `std::path::Path`: the bytes of the components without separators, then a running sum of their
   * lengths; a `.` component after a separator is skipped (std `path.rs`, `impl Hash for Path`).
   */
  writePath(path: string): void {
    const bytes = Buffer.from(path, 'utf8');
    let lengths = 0n;
    const component = (from: number, to: number): void => {
      if (from >= to) return;
      this.#writeBytes(bytes.subarray(from, to));
      const sum = BigInt.asUintN(64, lengths + BigInt(to - from));
      lengths = BigInt.asUintN(64, (sum >> 2n) | (sum << 62n));
    };
    let start = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      if (bytes[at] !== slash) continue;
      component(start, at);
      start = at + 1;
      const isCurrentDirectory =
        bytes[start] === dot && (start + 1 === bytes.length || bytes[start + 1] === slash);
      if (isCurrentDirectory) start += 1;
    }
    component(start, bytes.length);
    this.writeU64(lengths);
  }

  /** The 64-bit hash of everything written so far. */
  finish(): bigint {
    return stableHash(this.#bytes.subarray(0, this.#length));
  }

  #writeByte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  #writeBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.byteLength;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

const slash = 0x2f;
const dot = 0x2e;

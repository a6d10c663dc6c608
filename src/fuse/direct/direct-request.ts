/** The buffer that requests are read into, and how to take them apart. */
import { FsError } from '../../base/errors.js';
import type { ByteName } from '../../base/byte-string.js';
import { messageBytesMax, nameBytesMax } from '../../base/limits.js';
import type { Caller, Ino } from '../../fs/file-system.js';
import { requestBodyWord, requestHeader } from './protocol.js';

/** Room for headers beside the largest WRITE; the kernel refuses a read into a smaller buffer. */
const headerRoomBytes = 4096;

const wordSpan = 4294967296;

export class DirectRequest {
  readonly buffer: Buffer;
  readonly #words: Uint32Array;
  readonly #signed: BigInt64Array;
  #lengthBytes = 0;

  constructor() {
    const memory = new ArrayBuffer(messageBytesMax + headerRoomBytes);
    this.buffer = Buffer.from(memory);
    this.#words = new Uint32Array(memory);
    this.#signed = new BigInt64Array(memory);
  }

  /** Takes the message that was just read; false where it is too short to be one. */
  accept(lengthBytes: number): boolean {
    this.#lengthBytes = lengthBytes;
    return lengthBytes >= requestHeader.bytes && this.u32(0) === lengthBytes;
  }

  get opcode(): number {
    return this.u32(requestHeader.opcodeWord);
  }

  get ino(): Ino {
    return this.u64(requestHeader.nodeIdWord);
  }

  get uniqueLow(): number {
    return this.u32(requestHeader.uniqueWord);
  }

  get uniqueHigh(): number {
    return this.u32(requestHeader.uniqueWord + 1);
  }

  /** A new object each time, because the file system may keep it. */
  caller(): Caller {
    return {
      pid: this.u32(requestHeader.pidWord),
      uid: this.u32(requestHeader.uidWord),
      gid: this.u32(requestHeader.gidWord),
    };
  }

  /** A word of the whole message. */
  u32(word: number): number {
    return this.#words[word] as number;
  }

  /** A word of the body. */
  body(word: number): number {
    return this.#words[requestBodyWord + word] as number;
  }

  /** Two words of the whole message; exact up to 2^53. */
  u64(word: number): number {
    return (this.#words[word] as number) + (this.#words[word + 1] as number) * wordSpan;
  }

  /** Two words of the body. */
  body64(word: number): number {
    return this.u64(requestBodyWord + word);
  }

  /** A signed 64-bit field of the body that starts at an even word. */
  bodySigned(word: number): bigint {
    return this.#signed[(requestBodyWord + word) >> 1] as bigint;
  }

  /** The NUL-terminated bytes that start at byte `from`. */
  bytes(from: number): Buffer {
    const end = this.buffer.indexOf(0, from);
    if (end < 0 || end >= this.#lengthBytes) throw new FsError('EINVAL', 'unterminated name');
    return this.buffer.subarray(from, end);
  }

  /** The name that starts at byte `from`, ends with a NUL and ends the message. */
  lastName(from: number): ByteName {
    return this.#name(from, this.#lengthBytes - 1);
  }

  /** A name that is followed by another. */
  name(from: number): ByteName {
    return this.#name(from, this.buffer.indexOf(0, from));
  }

  /** The kernel's own limit is FUSE_NAME_MAX, 1024 bytes, longer than any backing file system's. */
  #name(from: number, end: number): ByteName {
    if (end <= from || end >= this.#lengthBytes) throw new FsError('EINVAL', 'malformed name');
    if (end - from > nameBytesMax) throw new FsError('ENAMETOOLONG', 'name');
    return this.buffer.toString('latin1', from, end) as ByteName;
  }
}

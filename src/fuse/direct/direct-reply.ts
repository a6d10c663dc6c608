/** The buffer that replies are built in, and how they leave: one write each. */
import { writeSync } from 'node:fs';
import { isErrno } from '../../base/errors.js';
import { kernelCacheTtlSeconds, messageBytesMax, preferredBlockBytes } from '../../base/limits.js';
import type { Attr } from '../../fs/file-system.js';
import { attrWord, bodyBytes, replyBodyWord, replyHeader } from './protocol.js';

const wordSpan = 4294967296;
const nsPerSecond = 1_000_000_000n;

/** `fuse_entry_out` in words of its body. */
const entryWord = { nodeId: 0, entryValid: 4, attrValid: 6, attr: 10 };
/** `fuse_attr_out` in words of its body. */
const attrOutWord = { attrValid: 0, attr: 4 };

export class DirectReply {
  /** Bodies of variable length are written here from byte `replyHeader.bytes`. */
  readonly buffer: Buffer;
  readonly #fd: number;
  readonly #words: Uint32Array;
  readonly #signed: BigInt64Array;
  #isOpen = false;

  constructor(fd: number) {
    const memory = new ArrayBuffer(messageBytesMax + 4096);
    this.#fd = fd;
    this.buffer = Buffer.from(memory);
    this.#words = new Uint32Array(memory);
    this.#signed = new BigInt64Array(memory);
  }

  /** Starts the answer to a request. */
  begin(uniqueLow: number, uniqueHigh: number): void {
    this.#words[replyHeader.uniqueWord] = uniqueLow;
    this.#words[replyHeader.uniqueWord + 1] = uniqueHigh;
    this.#isOpen = true;
  }

  /** True from `begin` until the answer is sent. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Declares that the request expects no answer. */
  abandon(): void {
    this.#isOpen = false;
  }

  /** Sends `length` bytes of body. Returns false where nobody waits for them any more. */
  send(length: number): boolean {
    this.#words[replyHeader.errorWord] = 0;
    return this.#write(replyHeader.bytes + length);
  }

  sendError(errno: number): boolean {
    this.#words[replyHeader.errorWord] = -errno >>> 0;
    return this.#write(replyHeader.bytes);
  }

  /** A name that is there; the kernel counts one lookup of it. */
  sendEntry(attr: Attr): boolean {
    const base = replyBodyWord;
    this.#words.fill(0, base, base + entryWord.attr);
    this.set64(entryWord.nodeId, attr.ino);
    this.set(entryWord.entryValid, attr.isTransient === true ? 0 : kernelCacheTtlSeconds);
    this.set(entryWord.attrValid, kernelCacheTtlSeconds);
    this.#setAttr(entryWord.attr, attr);
    return this.send(bodyBytes.entry);
  }

  /** A name that is not there, which the kernel may remember: node 0 with a time to live. */
  sendNegativeEntry(): boolean {
    this.clearBody(bodyBytes.entry);
    this.set(entryWord.entryValid, kernelCacheTtlSeconds);
    return this.send(bodyBytes.entry);
  }

  sendAttr(attr: Attr): boolean {
    this.#words.fill(0, replyBodyWord, replyBodyWord + attrOutWord.attr);
    this.set(attrOutWord.attrValid, kernelCacheTtlSeconds);
    this.#setAttr(attrOutWord.attr, attr);
    return this.send(bodyBytes.attr);
  }

  /** Zeroes the first `length` bytes of the body. */
  clearBody(length: number): void {
    this.#words.fill(0, replyBodyWord, replyBodyWord + length / 4);
  }

  /** Sets a word of the body. */
  set(word: number, value: number): void {
    this.#words[replyBodyWord + word] = value;
  }

  /** Sets two words of the body; exact up to 2^53. */
  set64(word: number, value: number): void {
    this.#words[replyBodyWord + word] = value % wordSpan;
    this.#words[replyBodyWord + word + 1] = value / wordSpan;
  }

  #setAttr(at: number, attr: Attr): void {
    this.set64(at + attrWord.ino, attr.ino);
    this.set64(at + attrWord.size, attr.sizeBytes);
    this.set64(at + attrWord.blocks, attr.blocks);
    this.#setTime(at + attrWord.mtime, at + attrWord.mtimeNsec, attr.mtimeNs);
    if (attr.ctimeNs === attr.mtimeNs) {
      this.#copyTime(at, attrWord.ctime, attrWord.ctimeNsec);
    } else this.#setTime(at + attrWord.ctime, at + attrWord.ctimeNsec, attr.ctimeNs);
    if (attr.atimeNs === attr.mtimeNs) {
      this.#copyTime(at, attrWord.atime, attrWord.atimeNsec);
    } else this.#setTime(at + attrWord.atime, at + attrWord.atimeNsec, attr.atimeNs);
    this.set(at + attrWord.mode, attr.mode);
    this.set(at + attrWord.nlink, attr.nlink);
    this.set(at + attrWord.uid, attr.uid);
    this.set(at + attrWord.gid, attr.gid);
    this.set(at + attrWord.rdev, attr.rdev);
    this.set(at + attrWord.blockBytes, preferredBlockBytes);
    this.set(at + attrWord.flags, 0);
  }

  /** Seconds are rounded down, so that nanoseconds stay positive before 1970 too. */
  #setTime(word: number, nsecWord: number, timeNs: bigint): void {
    let seconds = timeNs / nsPerSecond;
    let nsec = timeNs - seconds * nsPerSecond;
    if (nsec < 0n) {
      seconds -= 1n;
      nsec += nsPerSecond;
    }
    this.#signed[(replyBodyWord + word) >> 1] = seconds;
    this.set(nsecWord, Number(nsec));
  }

  #copyTime(at: number, to: number, toNsec: number): void {
    const base = replyBodyWord + at;
    this.#words[base + to] = this.#words[base + attrWord.mtime] as number;
    this.#words[base + to + 1] = this.#words[base + attrWord.mtime + 1] as number;
    this.#words[base + toNsec] = this.#words[base + attrWord.mtimeNsec] as number;
  }

  /**
   * ENOENT means that the request is gone because the connection was aborted; ENODEV, that the
   * mount is gone. Both end in ENODEV at the next read. Anything else is a malformed reply.
   */
  #write(length: number): boolean {
    this.#words[replyHeader.lengthWord] = length;
    this.#isOpen = false;
    try {
      writeSync(this.#fd, this.buffer, 0, length);
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOENT') || isErrno(error, 'ENODEV')) return false;
      this.#isOpen = true;
      throw new Error(`the kernel refused a reply of ${length} bytes`, { cause: error });
    }
  }
}

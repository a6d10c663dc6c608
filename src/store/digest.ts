/**
 * BLAKE3, the name of every blob and manifest. Two implementations: `blake3` (WebAssembly, always
 * there) and `@napi-rs/blake-hash` (native, optional, about eight times faster). The native one is
 * used only after it has agreed with the other on inputs around BLAKE3's chunk and tree limits.
 * Both are loaded at the first hash, not at import.
 */
import { createRequire } from 'node:module';
import { hashChunkBytes } from '../base/limits.js';
import type { Digest } from './manifest.js';

/** An incremental hash. Ended by `finish`, or by dispose where the bytes could not be read. */
export interface Digester extends Disposable {
  update(bytes: Uint8Array): void;
  /** The digest of all bytes; nothing may be called afterwards. */
  finish(): Digest;
}

/** The package that computes the digests of this process. */
export type DigestImplementation = 'blake-hash' | 'blake3';

/** One way to compute BLAKE3. */
export interface Blake3 {
  readonly name: DigestImplementation;
  hash(bytes: Uint8Array): string;
  createDigester(): Digester;
}

const digestPattern = /^[0-9a-f]{64}$/;
const require = createRequire(import.meta.url);
let loaded: Blake3 | undefined;

/** The digest written as `text`, or undefined where it is none. */
export function parseDigest(text: string): Digest | undefined {
  return digestPattern.test(text) ? (text as Digest) : undefined;
}

/** The digest of `bytes`. */
export function hashBytes(bytes: Uint8Array): Digest {
  return implementation().hash(bytes) as Digest;
}

/** Starts an incremental hash. */
export function createDigester(): Digester {
  return implementation().createDigester();
}

/** Which package is in use; loads it where that has not happened. */
export function digestImplementation(): DigestImplementation {
  return implementation().name;
}

function implementation(): Blake3 {
  loaded ??= chooseBlake3(loadReference(), loadNative);
  return loaded;
}

/**
 * The native implementation where it loads and agrees with the reference on every probe, else the
 * reference.
 */
export function chooseBlake3(reference: Blake3, loadFast: () => Blake3): Blake3 {
  try {
    const fast = loadFast();
    return agrees(reference, fast) ? fast : reference;
  } catch {
    // Not installed, or no binary for this platform: the reference is always right.
    return reference;
  }
}

/** Lengths at the edges of a BLAKE3 chunk (1 KiB) and of a deeper tree. */
const probeLengths = [0, 1, 1024, 1025, 65_537];

function agrees(reference: Blake3, fast: Blake3): boolean {
  return probeLengths.every((length) => {
    const probe = new Uint8Array(length);
    for (let index = 0; index < length; index += 1) probe[index] = index % 251;
    const expected = reference.hash(probe);
    const digester = fast.createDigester();
    digester.update(probe.subarray(0, length >> 1));
    digester.update(probe.subarray(length >> 1));
    return fast.hash(probe) === expected && digester.finish() === expected;
  });
}

/** The WebAssembly implementation. */
export function loadReference(): Blake3 {
  const { createHash } = require('blake3') as typeof import('blake3');
  return {
    name: 'blake3',
    hash(bytes) {
      const hash = createHash();
      // In pieces, because a whole input would be copied into WebAssembly memory, which never shrinks.
      for (let at = 0; at < bytes.length; at += hashChunkBytes) {
        hash.update(bytes.subarray(at, at + hashChunkBytes));
      }
      return hash.digest('hex');
    },
    createDigester() {
      const hash = createHash();
      return {
        update: (bytes) => void hash.update(bytes),
        finish: () => hash.digest('hex') as Digest,
        [Symbol.dispose]: () => {
          hash.dispose();
        },
      };
    },
  };
}

/** The native implementation; throws where it is not installed for this platform. */
export function loadNative(): Blake3 {
  const native = require('@napi-rs/blake-hash') as typeof import('@napi-rs/blake-hash');
  return {
    name: 'blake-hash',
    hash: (bytes) => native.blake3(bytes).toString('hex'),
    createDigester() {
      const hasher = new native.Blake3Hasher();
      return {
        update: (bytes) => void hasher.update(bytes),
        finish: () => hasher.digest('hex') as Digest,
        [Symbol.dispose]: () => undefined,
      };
    },
  };
}

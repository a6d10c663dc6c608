/**
 * Cargo's own dep-info files (`dep-lib-x` and so on), which it reads to decide whether a unit is
 * fresh (cargo 1.95.0, f2d3ce0bd, `core/compiler/fingerprint/dep_info.rs`, `EncodedDepInfo`;
 * unchanged in 1.100):
 *
 *     01 00 00 00 ff  version=01  count { type path checksum? }*  count { key value? }*
 *
 * Counts and lengths are 32-bit little-endian.
 */
import { byteStringFromBuffer } from '../base/byte-string.js';
import type { ByteString } from '../base/byte-string.js';
import { cargoFileBytesMax } from '../base/limits.js';

export interface DepInfoFile {
  /** What a relative `path` is relative to; an absolute path stands for itself. */
  readonly type: 'package-root' | 'build-root';
  readonly path: ByteString;
  /** Written under `-Z checksum-freshness` alone. */
  readonly checksum: { readonly sizeBytes: bigint; readonly value: string } | undefined;
}

export interface DepInfo {
  readonly files: readonly DepInfoFile[];
  /** Variables that `env!` read and cargo tracks; undefined for "was not set". */
  readonly env: readonly (readonly [name: string, value: string | undefined])[];
}

/** Undefined where cargo would not read the file either, and where bytes follow its end. */
export function parseDepInfo(bytes: Uint8Array): DepInfo | undefined {
  if (bytes.byteLength > cargoFileBytesMax) return undefined;
  try {
    const reader = new Reader(bytes);
    reader.expect(magic);
    const files = reader.list(readFile);
    const env = reader.list(readVariable);
    return reader.isAtEnd() ? { files, env } : undefined;
  } catch (error) {
    if (error instanceof MalformedDepInfo) return undefined;
    throw error;
  }
}

class MalformedDepInfo extends Error {}

/** The marker that makes older cargos stop reading, and version 1. */
const magic = [1, 0, 0, 0, 0xff, 1];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readFile(reader: Reader): DepInfoFile {
  const type = reader.oneOf(['package-root', 'build-root'] as const);
  const path = byteStringFromBuffer(reader.bytes());
  const hasChecksum = reader.oneOf([false, true]);
  const checksum = hasChecksum ? { sizeBytes: reader.u64(), value: reader.text() } : undefined;
  return { type, path, checksum };
}

function readVariable(reader: Reader): readonly [string, string | undefined] {
  const name = reader.text();
  return [name, reader.oneOf([false, true]) ? reader.text() : undefined];
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  expect(values: readonly number[]): void {
    for (const value of values) {
      if (this.#view.getUint8(this.#take(1)) !== value) throw new MalformedDepInfo();
    }
  }

  list<T>(item: (reader: Reader) => T): readonly T[] {
    const items: T[] = [];
    for (let rest = this.#u32(); rest > 0; rest -= 1) items.push(item(this));
    return items;
  }

  /** The value that a byte selects. */
  oneOf<T>(values: readonly [T, T]): T {
    const index = this.#view.getUint8(this.#take(1));
    if (index > 1) throw new MalformedDepInfo();
    return values[index === 0 ? 0 : 1];
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  bytes(): Uint8Array {
    const length = this.#u32();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(): string {
    try {
      return utf8.decode(this.bytes());
    } catch (cause) {
      throw new MalformedDepInfo('not UTF-8', { cause });
    }
  }

  #u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** Where the next `count` bytes start. */
  #take(count: number): number {
    const start = this.#at;
    if (count > this.#bytes.byteLength - start) throw new MalformedDepInfo();
    this.#at = start + count;
    return start;
  }
}

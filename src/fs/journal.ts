/**
 * The journal of a view: an append-only file beside the upper directory. Each record is one
 * `write` without `fsync`, so it survives a killed process; who needs it to survive a power cut
 * calls `sync`, or makes the file durable by its path.
 *
 * Records are written over space that was reserved with newlines before, so that a full disk does
 * not stop what frees space (removing a lower entry writes a record).
 */
import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { replaceFileSync, syncDirectorySync } from '../base/atomic-file.js';
import { isErrno, XcacheError } from '../base/errors.js';
import {
  decodeRecord,
  encodeRecord,
  journalVersion,
  type JournalRecord,
} from './journal-records.js';

const reserveBytes = 64 * 1024;
const reserveLowBytes = 16 * 1024;
/** A journal that has grown this much since it was last compacted is compacted again. */
const growthBytesMax = 8 * 1024 * 1024;
const newline = 0x0a;

export interface JournalContent {
  readonly records: readonly JournalRecord[];
  /** Lines that were torn, corrupt or of an unknown kind. */
  readonly skippedLines: number;
}

/** Reads what is there; a missing journal is an empty one. Refuses newer versions. */
export function loadJournal(path: string): JournalContent {
  const records: JournalRecord[] = [];
  let skippedLines = 0;
  const bytes = readFileOrEmpty(path);
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    if (end > start) {
      const record = decodeRecord(bytes.subarray(start, end));
      if (record === undefined) skippedLines += 1;
      else if (record.kind === 'journal') checkVersion(record.version, path);
      else records.push(record);
    }
    start = end + 1;
  }
  return { records, skippedLines };
}

function readFileOrEmpty(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  }
}

function checkVersion(version: number, path: string): void {
  if (version === journalVersion) return;
  throw new XcacheError(
    'XC_STORE_VERSION',
    `the journal ${path} has version ${version}, this program knows ${journalVersion}`,
    { hint: 'use the newer version of xcache for this view' },
  );
}

export class Journal {
  readonly path: string;
  #fd = -1;
  #endBytes = 0;
  #reservedBytes = 0;
  #compactedBytes = 0;
  #isSynced = true;
  /** Whether a file that took the place of an older one keeps its name after a cut of power. */
  #isNameSynced = true;

  /** Nothing can be appended before the first `rewrite`; what stands at `path` counts until then. */
  constructor(path: string) {
    this.path = path;
  }

  append(record: JournalRecord): void {
    this.#write(encodeRecord(record));
  }

  /** One write for all, so that a disk that fails it has none of them. */
  appendAll(records: readonly JournalRecord[]): void {
    this.#write(Buffer.concat(records.map(encodeRecord)));
  }

  /** Makes every record that was appended durable. */
  sync(): void {
    if (!this.#isSynced) fsyncSync(this.#fd);
    this.#isSynced = true;
    this.#syncName();
  }

  /** Makes room for records of one operation, so that none of them fails half-way on a full disk. */
  reserve(): void {
    if (this.#reservedBytes - this.#endBytes < reserveLowBytes) this.#extend(reserveBytes);
  }

  get wantsCompaction(): boolean {
    return this.#endBytes - this.#compactedBytes > growthBytesMax;
  }

  /**
   * Compacts: a new file with these records takes the place of the old one, durable at return. Where
   * only its name could not be made durable it is in use all the same, and `sync` tries again.
   */
  rewrite(records: Iterable<JournalRecord>): void {
    const lines = [encodeRecord({ kind: 'journal', version: journalVersion })];
    for (const record of records) lines.push(encodeRecord(record));
    const bytes = Buffer.concat(lines);
    const old = this.#fd;
    this.#fd = replaceFileSync(this.path, bytes);
    this.#isSynced = true;
    this.#isNameSynced = false;
    this.#endBytes = bytes.length;
    this.#reservedBytes = bytes.length;
    this.#compactedBytes = bytes.length;
    if (old >= 0) closeSync(old);
    this.#syncName();
  }

  /**
   * Goes on with the file that is there, for when a full disk admits no new one. The caller has
   * found that its records still tell the whole truth.
   */
  reuse(): void {
    // Left open by a `rewrite` that could not make its name durable.
    this.close();
    this.#fd = openSync(this.path, constants.O_RDWR);
    this.#isSynced = false;
    this.#isNameSynced = false;
    const bytes = readFileSync(this.#fd);
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === newline) end -= 1;
    // The last line may be torn: the next one must not continue it.
    if (end === bytes.length) writeAll(this.#fd, Buffer.from('\n'), end);
    this.#endBytes = end + 1;
    this.#reservedBytes = Math.max(bytes.length, end + 1);
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  #syncName(): void {
    if (this.#isNameSynced) return;
    syncDirectorySync(dirname(this.path));
    this.#isNameSynced = true;
  }

  #write(line: Buffer): void {
    const free = this.#reservedBytes - this.#endBytes;
    if (free < line.length) this.#extend(line.length + reserveBytes);
    else if (free < reserveLowBytes) this.#tryExtend();
    this.#isSynced = false;
    writeAll(this.#fd, line, this.#endBytes);
    this.#endBytes += line.length;
  }

  #extend(bytes: number): void {
    writeAll(this.#fd, Buffer.alloc(bytes, newline), this.#reservedBytes);
    this.#reservedBytes += bytes;
  }

  #tryExtend(): void {
    try {
      this.#extend(reserveBytes);
    } catch (error) {
      if (!isErrno(error, 'ENOSPC') && !isErrno(error, 'EDQUOT')) throw error;
    }
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

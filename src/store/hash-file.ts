/**
 * Hashes one file. Runs in the hash worker, where blocking is the purpose, and as the fallback in
 * this thread where no worker can be started; then it yields between chunks.
 */
import { closeSync, constants, fdatasyncSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { hashChunkBytes } from '../base/limits.js';
import { createDigester } from './digest.js';
import type { Digest } from './manifest.js';

/** A file to be hashed. */
export interface HashRequest {
  /** Host path; a buffer where the name is not UTF-8. */
  readonly path: string | Uint8Array;
  /** Whether the bytes must be on disk before the digest is reported. */
  readonly sync: boolean;
}

/** What a file held. */
export interface HashResult {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

// A symlink in the place of an upper file or blob is never followed, a FIFO is never waited for.
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Hashes a file, blocking this thread; `chunk` is a buffer to reuse. */
export function hashFileSync(request: HashRequest, chunk: Uint8Array): HashResult {
  const fd = openSync(hostPath(request.path), openFlags);
  try {
    requireFile(fstatSync(fd));
    if (request.sync) fdatasyncSync(fd);
    using digester = createDigester();
    let sizeBytes = 0;
    for (;;) {
      const count = readSync(fd, chunk, 0, chunk.length, sizeBytes);
      if (count === 0) return { digest: digester.finish(), sizeBytes };
      digester.update(chunk.subarray(0, count));
      sizeBytes += count;
    }
  } finally {
    closeSync(fd);
  }
}

/** Hashes a file and lets other work run between its chunks. */
export async function hashFile(request: HashRequest): Promise<HashResult> {
  const file = await open(hostPath(request.path), openFlags);
  try {
    requireFile(await file.stat());
    if (request.sync) await file.datasync();
    const chunk = Buffer.allocUnsafe(hashChunkBytes);
    using digester = createDigester();
    let sizeBytes = 0;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, sizeBytes);
      if (bytesRead === 0) return { digest: digester.finish(), sizeBytes };
      digester.update(chunk.subarray(0, bytesRead));
      sizeBytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}

function requireFile(stats: Stats): void {
  if (!stats.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EINVAL' });
}

/** A path that crossed a thread boundary is a plain Uint8Array; `node:fs` wants a Buffer. */
function hostPath(path: string | Uint8Array): string | Buffer {
  return typeof path === 'string'
    ? path
    : Buffer.from(path.buffer, path.byteOffset, path.byteLength);
}

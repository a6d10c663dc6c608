/**
 * A directory of immutable files named by digest, `ab/cdef…`: the blobs, and the manifests. A file
 * is written in `staging`, made durable and then renamed, so a name always stands for whole bytes.
 * File system calls on single names block: each takes microseconds, and the resolver that needs
 * them must answer without suspending.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory, syncDirectorySync } from '../base/atomic-file.js';
import { isErrno } from '../base/errors.js';
import { parseDigest } from './digest.js';
import type { Digest } from './manifest.js';
import type { StepHook } from './step-hook.js';

/** What lies under one name of the directory. */
export interface FoundFile {
  readonly path: string;
  /** Undefined where the name is not one of a digest. */
  readonly digest: Digest | undefined;
}

const shardPattern = /^[0-9a-f]{2}$/;
const newFileFlags =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
let temporaryCount = 0;

/** Files named by digest below `root`; invariant: every file at a digest's path was complete and durable. */
export class DigestDirectory {
  readonly root: string;
  readonly #staging: string;
  readonly #step: StepHook;
  /** Shards known to exist. */
  readonly #shards = new Set<string>();
  /** How many shards were added to the set, and how many of them a sync of `root` has covered. */
  #shardCount = 0;
  #syncedShardCount = 0;

  constructor(root: string, staging: string, step: StepHook) {
    this.root = root;
    this.#staging = staging;
    this.#step = step;
  }

  /** Where the file of `digest` is or would be. */
  pathOf(digest: Digest): string {
    return `${this.root}/${digest.slice(0, 2)}/${digest.slice(2)}`;
  }

  /** The file of `digest`, without following symlinks; undefined where there is no regular file. */
  lstatSync(digest: Digest): Stats | undefined {
    const stats = lstatSync(this.pathOf(digest), { throwIfNoEntry: false });
    return stats?.isFile() === true ? stats : undefined;
  }

  /** Like `lstatSync`, without blocking. */
  async lstat(digest: Digest): Promise<Stats | undefined> {
    try {
      const stats = await lstat(this.pathOf(digest));
      return stats.isFile() ? stats : undefined;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Whether the file of `digest` is there with these very bytes. */
  async holds(digest: Digest, bytes: Uint8Array): Promise<boolean> {
    if ((await this.lstat(digest))?.size !== bytes.length) return false;
    try {
      return (await readFile(this.pathOf(digest))).equals(bytes);
    } catch {
      // Not to be read: whoever stores it writes it anew.
      return false;
    }
  }

  /** Like `holds`, blocking. */
  holdsSync(digest: Digest, bytes: Uint8Array): boolean {
    if (this.lstatSync(digest)?.size !== bytes.length) return false;
    try {
      return readFileSync(this.pathOf(digest)).equals(bytes);
    } catch {
      return false;
    }
  }

  /** Makes the directory that holds the file of `digest`. */
  ensureShardSync(digest: Digest): void {
    const shard = digest.slice(0, 2);
    if (this.#shards.has(shard)) return;
    mkdirSync(join(this.root, shard), { recursive: true, mode: 0o700 });
    this.#addShard(shard);
  }

  /** One that was there already counts as new, too: a killed process may not have synced it. */
  #addShard(shard: string): void {
    if (this.#shards.has(shard)) return;
    this.#shards.add(shard);
    this.#shardCount += 1;
  }

  /**
   * Writes `bytes` under their digest, replacing what is there. The bytes are durable at return,
   * the name after `syncShards`. Returns the file's allocated bytes.
   */
  async publish(digest: Digest, bytes: Uint8Array): Promise<number> {
    const temporary = this.#temporaryPath();
    const file = await open(temporary, newFileFlags, 0o600);
    let allocatedBytes: number;
    try {
      await file.writeFile(bytes);
      await file.chmod(0o444);
      await file.sync();
      allocatedBytes = (await file.stat()).blocks * 512;
    } catch (error) {
      await file.close();
      await unlink(temporary);
      throw error;
    }
    await file.close();
    this.#step('file:written');
    this.ensureShardSync(digest);
    await rename(temporary, this.pathOf(digest));
    this.#step('file:visible');
    return allocatedBytes;
  }

  /**
   * Like `publish` with `syncShards`, blocking for about a millisecond: for the few small files that
   * the resolver makes while the kernel waits for its answer.
   */
  publishSync(digest: Digest, bytes: Uint8Array): void {
    const temporary = this.#temporaryPath();
    const fd = openSync(temporary, newFileFlags, 0o600);
    try {
      writeFileSync(fd, bytes);
      fchmodSync(fd, 0o444);
      fsyncSync(fd);
    } catch (error) {
      unlinkSync(temporary);
      throw error;
    } finally {
      closeSync(fd);
    }
    this.#step('file:written');
    this.ensureShardSync(digest);
    const path = this.pathOf(digest);
    renameSync(temporary, path);
    syncDirectorySync(dirname(path));
    const shardCount = this.#shardCount;
    if (shardCount > this.#syncedShardCount) {
      syncDirectorySync(this.root);
      this.#syncedShardCount = shardCount;
    }
    this.#step('file:visible');
  }

  /** Makes the names of `digests` durable. */
  async syncShards(digests: Iterable<Digest>): Promise<void> {
    const directories = new Set<string>();
    for (const digest of digests) {
      const shard = digest.slice(0, 2);
      directories.add(join(this.root, shard));
      // The file system makes shards too, for the files that it moves here.
      this.#addShard(shard);
    }
    const shardCount = this.#shardCount;
    if (shardCount > this.#syncedShardCount) directories.add(this.root);
    await Promise.all([...directories].map(syncDirectory));
    // Only now: whoever comes meanwhile syncs the root as well, and after a failure somebody must.
    this.#syncedShardCount = Math.max(this.#syncedShardCount, shardCount);
  }

  /**
   * Takes the file of `digest` away at once, so that nothing can come between the caller's last look
   * and the removal; the returned path is for the caller to unlink, which may take its time with a
   * large file. Undefined where there is no file.
   */
  detachSync(digest: Digest): string | undefined {
    const detached = this.#temporaryPath();
    try {
      renameSync(this.pathOf(digest), detached);
      return detached;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Removes the file of `digest`; returns whether it was there. */
  async remove(digest: Digest): Promise<boolean> {
    try {
      await unlink(this.pathOf(digest));
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    }
  }

  /** Moves the file of `digest` to `target`; returns whether it was there. */
  async moveAway(digest: Digest, target: string): Promise<boolean> {
    try {
      await rename(this.pathOf(digest), target);
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    }
  }

  /** Everything below the root, shard by shard; what does not belong there has no digest. */
  async *files(): AsyncGenerator<FoundFile> {
    for (const shard of (await readdir(this.root)).sort()) {
      const directory = join(this.root, shard);
      if (!shardPattern.test(shard) || !(await lstat(directory)).isDirectory()) {
        yield { path: directory, digest: undefined };
        continue;
      }
      for (const name of (await readdir(directory)).sort()) {
        yield { path: join(directory, name), digest: parseDigest(shard + name) };
      }
    }
  }

  #temporaryPath(): string {
    return join(this.#staging, `${process.pid}-${(temporaryCount += 1)}`);
  }
}

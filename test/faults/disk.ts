/** An ext4 of its own for the state of a world, on a loop device: small, and able to fail. */
import { chmodSync, mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { must } from '../e2e/lifecycle-support.js';
import type { World } from '../support/world.js';

/** The disk has room for a few builds of a small program. */
const sizeBytes = 96 << 20;

/** The reason to skip where `Disk.create` has none to give. */
export const noLoopDevice = 'no file can be mounted as a disk here';

export class Disk implements AsyncDisposable {
  readonly #world: World;
  readonly #image: string;
  readonly #point: string;
  readonly #filler: string;
  #length = 0;

  private constructor(world: World) {
    this.#world = world;
    this.#image = join(world.path, 'disk.img');
    this.#point = join(world.path, 'home');
    this.#filler = join(this.#point, 'filler');
  }

  /**
   * Mounts it where the world's store, upper layers and index will be; nothing may run yet.
   * Undefined where there is no loop device, as in many containers.
   */
  static create(world: World): Disk | undefined {
    const disk = new Disk(world);
    writeFileSync(disk.#image, '');
    truncateSync(disk.#image, sizeBytes);
    must('mkfs.ext4', '-q', '-m', '0', '-E', 'lazy_itable_init=0', disk.#image);
    mkdirSync(disk.#point, { mode: 0o700 });
    const mounted = spawnSync('mount', ['-o', 'loop', disk.#image, disk.#point]);
    if (mounted.status !== 0) return undefined;
    chmodSync(disk.#point, 0o700);
    return disk;
  }

  mount(): void {
    must('mount', '-o', 'loop', this.#image, this.#point);
  }

  /** The service must have ended. */
  unmount(): void {
    must('umount', this.#point);
  }

  /** Repairs what an abort has left; the disk is not mounted. */
  check(): void {
    const { status, stderr } = spawnSync('e2fsck', ['-fp', this.#image], { encoding: 'utf8' });
    // 1: errors were corrected, which here is the journal that had to be replayed.
    if (status !== 0 && status !== 1) throw new Error(`e2fsck: ${status} ${stderr}`);
  }

  /** Takes everything but so many bytes. */
  fill(leftBytes: number): void {
    this.free();
    for (let round = 0; round < 4; round += 1) {
      const { bavail, bsize } = statfsSync(this.#point);
      const bytes = bavail * bsize - leftBytes;
      if (bytes <= 0) return;
      spawnSync('fallocate', ['-o', String(this.#length), '-l', String(bytes), this.#filler]);
      this.#length += bytes;
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true });
    this.#length = 0;
  }

  /** As after an error of the disk: from now on it is read-only, also for what is open. */
  abort(): void {
    must('mount', '-o', 'remount,abort', this.#point);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#world.xcache('service', 'stop');
    must('umount', this.#point);
  }
}

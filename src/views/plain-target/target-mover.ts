/** Moves the files of a build-dir into a target directory that may hold files of its own. */
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  rmdir,
  symlink,
  writeFile,
} from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import type { VirtualPath } from '../../base/byte-string.js';
import { isErrno, XcacheError } from '../../base/errors.js';
import { exchangeProblem } from '../../host/replaceable-path.js';
import { parseUnitPath } from '../../cargo/layout.js';
import { touch } from '../materialize.js';
import { rewriteFile } from '../../units/output-rewriting.js';

export interface TargetMoverOptions {
  /** Directories on one file system. */
  readonly from: string;
  readonly to: string;
  /** Where the units were so far; what `outputs` (files and links) say of it is replaced by `to`. */
  readonly buildDir: string;
  /** What stays: keys of units, and paths. */
  readonly bound: readonly string[];
  readonly outputs: readonly string[];
}

export class TargetMover {
  readonly #options: TargetMoverOptions;
  readonly #bound: ReadonlySet<string>;
  #files = 0;
  #leftFiles = 0;

  constructor(options: TargetMoverOptions) {
    this.#options = options;
    this.#bound = new Set(options.bound);
  }

  /** Moves what is not there yet; what stays is counted and keeps its place. */
  async moveAll(): Promise<{ readonly files: number; readonly leftFiles: number }> {
    await this.#moveInto('');
    return { files: this.#files, leftFiles: this.#leftFiles };
  }

  async #moveInto(directory: string): Promise<void> {
    for (const name of await this.#list(directory)) {
      await this.#move(directory === '' ? name : `${directory}/${name}`);
    }
  }

  async #move(path: string): Promise<void> {
    const unit = parseUnitPath(path as VirtualPath);
    const from = this.#at('from', path);
    const stats = await lstat(from, { bigint: true });
    if (this.#bound.has(unit?.unitKey ?? path)) {
      this.#leftFiles += await this.#count(path, stats);
      return;
    }
    const to = this.#at('to', path);
    const there = await lookAt(to);
    const isThere = there !== undefined;
    // Other directories hold several units, some of which stay.
    const isWhole = unit !== undefined || !stats.isDirectory() || isIncremental(path);
    if (isWhole && !isThere) {
      for (const output of this.#options.outputs) {
        if (output.startsWith(`${path}/`)) await this.#rewrite(output);
      }
      const count = await this.#count(path, stats);
      await rename(from, to);
      this.#files += count;
      return;
    }
    if (!stats.isDirectory()) {
      if (!isCargosOwn(path)) this.#leftFiles += 1;
      return;
    }
    if (there !== undefined) assertOwnDirectory(to, there);
    else {
      await mkdir(to, { mode: 0o700 });
      await chmod(to, Number(stats.mode) & 0o7777);
    }
    await this.#moveInto(path);
    await removeEmpty(from);
  }

  /** Right before its unit is moved: until then the view could be mounted again. */
  async #rewrite(path: string): Promise<void> {
    const { buildDir, to } = this.#options;
    const unit = parseUnitPath(path as VirtualPath);
    if (unit?.packageName === undefined) throw new Error(`${path} belongs to no unit`);
    const place = { ...unit, buildDir, package: unit.packageName };
    const file = this.#at('from', path);
    const stats = await lookAt(file);
    // Gone since the plan was made, which an interrupted move goes on with.
    if (stats === undefined) return;
    if (stats.isSymbolicLink()) {
      const target = await readlink(file, { encoding: 'buffer' });
      const temporary = Buffer.concat([file, Buffer.from('.xcache-new')]);
      await rm(temporary, { force: true });
      await symlink(rewriteFile(path, target, place, to), temporary);
      await rename(temporary, file);
    } else await writeFile(file, rewriteFile(path, await readFile(file), place, to));
    // By the time of `output` cargo judges the script's inputs.
    await touch(stats.mtimeNs, [file.toString('latin1')]);
  }

  /** What cargo takes for a finished unit comes last. */
  async #list(directory: string): Promise<readonly string[]> {
    const names = await readdir(this.#at('from', directory), { encoding: 'latin1' });
    const rank = (name: string): number => (name === '.fingerprint' ? 1 : 0);
    return names.sort((a, b) => rank(a) - rank(b));
  }

  async #count(path: string, stats: BigIntStats): Promise<number> {
    if (!stats.isDirectory()) return 1;
    let count = 0;
    for (const name of await this.#list(path)) {
      const below = `${path}/${name}`;
      count += await this.#count(below, await lstat(this.#at('from', below), { bigint: true }));
    }
    return count;
  }

  #at(side: 'from' | 'to', path: string): Buffer {
    return Buffer.concat([Buffer.from(`${this.#options[side]}/`), Buffer.from(path, 'latin1')]);
  }
}

/** Files without content of the user's, which cargo makes in every target directory. */
function isCargosOwn(path: string): boolean {
  return /(?:^|\/)(?:\.cargo-lock|CACHEDIR\.TAG|\.rustc_info\.json)$/.test(path);
}

/** The compiler's own state; it compares what it knows with what it finds. */
function isIncremental(path: string): boolean {
  return path.split('/').includes('incremental');
}

/**
 * Files are moved into it by its path: others must not be able to lead that elsewhere. Symlinks of
 * the user are no place either, nothing can be renamed to another disk.
 */
export function assertOwnDirectory(path: Buffer | string, stats: BigIntStats): void {
  const { uid, gid, mode } = stats;
  const problem = stats.isDirectory()
    ? exchangeProblem({ uid: Number(uid), gid: Number(gid), mode: Number(mode) })
    : 'is not a directory';
  if (problem === undefined) return;
  throw new XcacheError('XC_MOUNT_POINT', `${path.toString()} ${problem}`, {
    hint: 'move it away and try again',
  });
}

async function lookAt(path: Buffer): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function removeEmpty(directory: Buffer): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY')) throw error;
  }
}

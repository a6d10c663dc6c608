/**
 * Changes files of a build-dir one after the other, most of which come from the store, and knows
 * what each must hold: after a change that has returned, the new bytes; after the one that a kill
 * cut short, the old or the new ones.
 */
import { createHash } from 'node:crypto';
import {
  chmod,
  link,
  open,
  readdir,
  readFile,
  rename,
  stat,
  truncate,
  unlink,
  utimes,
} from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../src/base/errors.js';
import type { Random } from './random.js';

/** Bytes of a file; undefined where there is none. */
type Content = Buffer | undefined;

/** Path → what may be there. */
type Expected = Map<string, readonly Content[]>;

export class Scribbler {
  readonly #directory: string;
  readonly #random: Random;
  readonly #expected: Expected = new Map();

  constructor(directory: string, random: Random) {
    this.#directory = directory;
    this.#random = random;
  }

  /** Goes on until the file system is gone or every file was changed twice. */
  async run(): Promise<void> {
    try {
      const files = this.#random.shuffled(await this.#files());
      for (const path of [...files, ...files]) {
        // A second name has been made: what changes one would change the other.
        if (this.#expected.has(otherName(path))) continue;
        // What changes one of several names would change the others: those only come and go.
        const isLinked = (await stat(path).catch(() => undefined))?.nlink !== 1;
        const content = await contentOf(path);
        this.#expected.set(path, [content]);
        if (content !== undefined) await this.#change(path, content, isLinked);
      }
    } catch (error) {
      // What a file system answers whose server was killed.
      if (!isErrno(error, 'ENOTCONN') && !isErrno(error, 'ECONNABORTED')) throw error;
    }
  }

  /** Files that are not as they must be, in words. */
  async losses(): Promise<readonly string[]> {
    const losses: string[] = [];
    for (const [path, contents] of this.#expected) {
      const now = await contentOf(path);
      const isExpected = contents.some((content) =>
        content === undefined ? now === undefined : now?.equals(content) === true,
      );
      if (isExpected) continue;
      losses.push(`${path} is ${describe(now)}, may be ${contents.map(describe).join(' or ')}`);
    }
    return losses;
  }

  async #files(): Promise<string[]> {
    const entries = await readdir(this.#directory, { withFileTypes: true, recursive: true });
    const files = entries.filter((entry) => entry.isFile() && entry.name !== '.cargo-lock');
    return files.map(({ parentPath, name }) => join(parentPath, name));
  }

  async #change(path: string, content: Buffer, isLinked: boolean): Promise<void> {
    const other = otherName(path);
    const harmless = isLinked ? 3 : 0;
    const change = harmless + this.#random.below(content.length === 0 ? 1 : isLinked ? 3 : 7);
    if (change === 0) {
      const longer = Buffer.concat([content, Buffer.from('more')]);
      await this.#replace({ [path]: longer }, () => writeAt(path, 'more', content.length));
    } else if (change === 1) {
      const changed = Buffer.from(content);
      changed.fill(0xff, 0, 1);
      await this.#replace({ [path]: changed }, () => writeAt(path, changed.subarray(0, 1), 0));
    } else if (change === 2) {
      const length = this.#random.below(content.length + 1);
      await this.#replace({ [path]: content.subarray(0, length) }, () => truncate(path, length));
    } else if (change === 3) {
      await chmod(path, 0o600);
      await utimes(path, 1_600_000_000, 1_600_000_000);
    } else if (change === 4) {
      await this.#replace({ [path]: undefined, [other]: content }, () => rename(path, other));
    } else if (change === 5) {
      await this.#replace({ [path]: undefined }, () => unlink(path));
    } else {
      await this.#replace({ [path]: content, [other]: content }, () => link(path, other));
    }
  }

  /** Between the two states anything of both may be seen, as from any file system. */
  async #replace(
    after: Readonly<Record<string, Content>>,
    act: () => Promise<void>,
  ): Promise<void> {
    for (const [path, content] of Object.entries(after)) {
      const before = this.#expected.get(path) ?? [undefined];
      this.#expected.set(path, [...before, content]);
    }
    await act();
    for (const [path, content] of Object.entries(after)) this.#expected.set(path, [content]);
  }
}

function otherName(path: string): string {
  return `${path}.scribbled`;
}

async function writeAt(path: string, bytes: string | Buffer, position: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(Buffer.from(bytes), 0, undefined, position);
  } finally {
    await file.close();
  }
}

async function contentOf(path: string): Promise<Content> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function describe(content: Content): string {
  if (content === undefined) return 'missing';
  return `${content.length} bytes ${createHash('sha256').update(content).digest('hex').slice(0, 12)}`;
}

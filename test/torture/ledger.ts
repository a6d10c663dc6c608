/** Digests of files that were closed, to be compared with what is there after a kill. */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { isErrno } from '../../src/base/errors.js';

/** Path → digest. */
export type Digests = ReadonlyMap<string, string>;

/**
 * Size and digest of a file, as one word. Throws where fewer bytes come than the file has: a read
 * that a kill cuts short returns what it had, and node's readFile takes that for the end.
 */
export async function digestOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const bytes = await file.readFile();
    if (bytes.length !== size) throw new Error(`${path}: ${bytes.length} bytes of ${size}`);
    return `${size}:${createHash('sha256').update(bytes).digest('hex')}`;
  } finally {
    await file.close();
  }
}

/** Every regular file below a directory by its relative path; nothing where it is missing. */
export async function digestsBelow(directory: string): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  let entries;
  try {
    entries = await readdir(directory, { withFileTypes: true, recursive: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return digests;
    throw error;
  }
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    digests.set(relative(directory, path), await digestOf(path));
  }
  return digests;
}

/** What of `before` is not in the directory now, in words. */
export async function lossesIn(directory: string, before: Digests): Promise<readonly string[]> {
  const losses: string[] = [];
  for (const [path, digest] of before) {
    let now: string;
    try {
      now = await digestOf(join(directory, path));
    } catch (error) {
      losses.push(`${path}: ${(error as Error).message}`);
      continue;
    }
    if (now !== digest) losses.push(`${path} was ${digest} and is ${now}`);
  }
  return losses;
}

/**
 * Files that cargo reports as made, read at the time of the report: rustc has closed them then. Must
 * be given the process at once; the digests are complete when its output has ended.
 */
export class ArtifactLedger {
  readonly #digests = new Map<string, string>();
  readonly #reads: Promise<void>[] = [];
  readonly #directory: string;

  /** Paths are noted relative to `directory`; files elsewhere are not. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  readonly listen = (cargo: ChildProcess): Promise<void> => {
    if (cargo.stdout === null) throw new Error('the output of cargo is not a pipe');
    createInterface({ input: cargo.stdout }).on('line', (line) => {
      if (!line.includes('"compiler-artifact"')) return;
      const { filenames } = JSON.parse(line) as { readonly filenames: readonly string[] };
      for (const path of filenames) this.#reads.push(this.#note(path));
    });
    return Promise.resolve();
  };

  async digests(): Promise<Digests> {
    await Promise.all(this.#reads);
    return this.#digests;
  }

  async #note(path: string): Promise<void> {
    const name = relative(this.#directory, path);
    if (name.startsWith('..')) return;
    try {
      this.#digests.set(name, await digestOf(path));
    } catch {
      // The kill came first.
    }
  }
}

/** A package that did not change costs looks alone; one that changed is never taken for unchanged. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HostFiles } from '../../src/host/host-files.js';
import { InputVerifier } from '../../src/units/input-verifier.js';
import { TreeMemory } from '../../src/units/tree-memory.js';
import type { InputSet } from '../../src/units/unit-facts.js';
import { createTempDirectory } from '../support/tmp.js';

const farAwayNs = 1n << 62n;

/** An hour later than it is: everything on the disk counts as settled. */
const later = (): number => Date.now() + 3_600_000;

/** A package with a verifier; `asked` counts the files whose digests were looked up. */
class Package implements AsyncDisposable {
  readonly #directory: AsyncDisposable;
  readonly #verifier: InputVerifier;
  readonly path: string;
  readonly mounts: string[] = [];
  asked = 0;

  constructor(directory: AsyncDisposable & { readonly path: string }, nowMs: () => number) {
    this.#directory = directory;
    this.path = join(directory.path, 'package');
    const memory = {
      inputRow: () => {
        this.asked += 1;
        return undefined;
      },
      putInputRows: () => undefined,
    };
    const files = new HostFiles(() => this.mounts);
    this.#verifier = new InputVerifier(files, memory, undefined, new TreeMemory(nowMs));
    this.write('src/lib.rs', 'one');
    this.write('src/deep/er/table.txt', 'two');
  }

  write(name: string, text: string): void {
    mkdirSync(join(this.path, name, '..'), { recursive: true });
    writeFileSync(join(this.path, name), text);
  }

  at(name: string): string {
    return join(this.path, name);
  }

  /** The clock that stamps files has gone on since the file was last touched. */
  tick(name: string): void {
    const probe = this.at('../probe');
    do writeFileSync(probe, '');
    while (ctimeNs(probe) <= ctimeNs(this.at(name)));
  }

  record(): InputSet {
    const set = this.#verifier.record({ kind: 'tree', root: this.path, paths: [] }, farAwayNs);
    if (set.kind === 'unrecorded') throw new Error(set.why);
    return set;
  }

  isSame(set: InputSet): boolean {
    return this.#verifier.difference(set) === undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}

function ctimeNs(path: string): bigint {
  return lstatSync(path, { bigint: true }).ctimeNs;
}

async function createPackage(nowMs: () => number = later): Promise<Package> {
  return new Package(await createTempDirectory(), nowMs);
}

test('an unchanged package is not walked again', async () => {
  await using it = await createPackage();
  const set = it.record();
  expect(it.asked).toBe(2);
  expect(it.isSame(set)).toBe(true);
  expect(it.record()).toEqual(set);
  expect(it.asked).toBe(2);
});

test('a package that was written a moment ago is', async () => {
  await using it = await createPackage(Date.now);
  const set = it.record();
  expect(it.isSame(set)).toBe(true);
  expect(it.asked).toBe(4);
});

const changes: readonly [string, (it: Package) => void][] = [
  ['another content', (it) => it.write('src/lib.rs', 'longer')],
  ['a content of the same size', (it) => it.write('src/deep/er/table.txt', 'owt')],
  [
    'a content of the same size and time',
    (it) => {
      const { atime, mtime } = lstatSync(it.at('src/lib.rs'));
      it.write('src/lib.rs', 'eno');
      utimesSync(it.at('src/lib.rs'), atime, mtime);
    },
  ],
  ['one more file', (it) => it.write('src/deep/er/more', '')],
  ['one more directory', (it) => mkdirSync(it.at('src/deep/empty'))],
  ['a file less', (it) => rmSync(it.at('src/deep/er/table.txt'))],
  ['another name', (it) => renameSync(it.at('src/deep'), it.at('src/deeper'))],
  [
    'a link in the place of a file',
    (it) => {
      renameSync(it.at('src/lib.rs'), it.at('../lib.rs'));
      symlinkSync('../../elsewhere', it.at('src/lib.rs'));
    },
  ],
  ['a mount of xcache in the place of a directory', (it) => it.mounts.push(it.at('src/deep'))],
];

test.each(changes)('%s is seen', async (_name, change) => {
  await using it = await createPackage();
  const set = it.record();
  for (const name of ['src/lib.rs', 'src/deep/er/table.txt', 'src/deep/er', 'src']) it.tick(name);
  change(it);
  expect(it.isSame(set)).toBe(false);
  expect(it.isSame(set)).toBe(false);
});

test('a package with links is walked each time, because they lead anywhere', async () => {
  await using it = await createPackage();
  it.write('../elsewhere', 'one');
  symlinkSync('../elsewhere', it.at('link'));
  const set = it.record();
  it.write('../elsewhere', 'other');
  expect(it.isSame(set)).toBe(false);
});

test('a mode is no content', async () => {
  await using it = await createPackage();
  const set = it.record();
  it.tick('src/lib.rs');
  chmodSync(it.at('src/lib.rs'), 0o600);
  expect(it.isSame(set)).toBe(true);
});

/** Operations on a small view of upper and lower files, and what may be seen of it afterwards. */
import { constants, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { VirtualPath } from '../../src/base/byte-string.js';
import type { Extent } from '../../src/fs/lower.js';
import type { AdoptedFile } from '../../src/fs/view-control.js';
import { attachmentOf, b, digestOf, lowerDirectory, lowerFile, put, unitTimeNs } from './world.js';
import { World } from './world.js';

export interface Scenario {
  readonly name: string;
  readonly act: (world: World) => void;
  /** Bytes that the store must have before. */
  readonly stored?: readonly string[];
}

const keptTimeNs = 1_650_000_000_111_222_333n;

/** What every scenario starts from: upper and lower files, links in both layers, a shared pack. */
export function prepare(world: World): void {
  world.isVolatile = () => true;
  const pack = world.store('packed first, packed second');
  world.overlay.attach([
    attachmentOf('unit', [
      lowerDirectory('lower'),
      lowerFile('lower/whole', world.store('whole content')),
      lowerFile('lower/first', { ...pack, sizeBytes: 12 }),
      lowerFile('lower/second', { ...pack, offset: 14, sizeBytes: 13 }),
      lowerFile('lower/link1', world.store('linked content'), { linkGroup: 1 }),
      lowerFile('lower/link2', world.store('linked content'), { linkGroup: 1 }),
      { kind: 'symlink', path: b('lower/symlink'), mtimeNs: unitTimeNs, target: 'whole' },
    ]),
  ]);
  world.driver.mkdir(b('upper'));
  put(world, 'upper/a', 'content of a');
  put(world, 'upper/b', 'content of b');
  world.driver.link(b('upper/b'), b('upper/b2'));
  for (const path of ['upper/a', 'upper/b']) {
    world.driver.setattr(b(path), { atime: keptTimeNs, mtime: keptTimeNs });
  }
}

export const scenarios: readonly Scenario[] = [
  { name: 'writing to an upper file', act: (world) => writeTo(world, 'upper/a') },
  { name: 'writing to a lower file', act: (world) => writeTo(world, 'lower/whole') },
  { name: 'writing to a lower file in a pack', act: (world) => writeTo(world, 'lower/second') },
  { name: 'writing to a lower file with two names', act: (world) => writeTo(world, 'lower/link2') },
  {
    name: 'truncating a lower file',
    act: (world) => world.driver.setattr(b('lower/whole'), { sizeBytes: 5 }),
  },
  {
    name: 'changing the mode of a lower file',
    act: (world) => world.driver.setattr(b('lower/first'), { mode: 0o755 }),
  },
  {
    name: 'setting the times of an upper file',
    act: (world) => world.driver.setattr(b('upper/a'), { mtime: keptTimeNs + 5n }),
  },
  { name: 'creating a file in a lower directory', act: (world) => put(world, 'lower/new', '') },
  { name: 'making a directory in a lower one', act: (world) => world.driver.mkdir(b('lower/d')) },
  { name: 'unlinking an upper file', act: (world) => world.driver.unlink(b('upper/a')) },
  { name: 'unlinking a lower file', act: (world) => world.driver.unlink(b('lower/whole')) },
  {
    name: 'unlinking one of two lower names',
    act: (world) => world.driver.unlink(b('lower/link1')),
  },
  {
    name: 'renaming an upper file over a lower one',
    act: (world) => world.driver.rename(b('upper/a'), b('lower/link1')),
  },
  {
    name: 'renaming a lower file over an upper one',
    act: (world) => world.driver.rename(b('lower/whole'), b('upper/a')),
  },
  {
    name: 'renaming a lower symlink',
    act: (world) => world.driver.rename(b('lower/symlink'), b('symlink')),
  },
  {
    name: 'renaming a directory of lower files',
    act: (world) => world.driver.rename(b('lower'), b('upper/moved')),
  },
  {
    name: 'exchanging two upper files',
    act: (world) => exchange(world, 'upper/a', 'upper/b'),
  },
  {
    name: 'exchanging a lower directory with an upper file',
    act: (world) => exchange(world, 'lower', 'upper/a'),
  },
  {
    name: 'linking a lower file',
    act: (world) => world.driver.link(b('lower/first'), b('upper/linked')),
  },
  {
    name: 'attaching',
    stored: ['x'],
    act: (world: World): void => {
      world.overlay.attach([
        attachmentOf('more', [lowerDirectory('more'), lowerFile('more/x', extentOf('x'))]),
      ]);
    },
  },
  { name: 'adopting by move', act: (world) => adopt(world, 'upper/a', 'move') },
  {
    name: 'adopting by drop',
    stored: ['content of a'],
    act: (world) => adopt(world, 'upper/a', 'drop'),
  },
  { name: 'adopting two names of one file by move', act: (world) => adopt(world, 'upper', 'move') },
  {
    name: 'adopting two names of one file by drop',
    stored: ['content of a', 'content of b'],
    act: (world) => adopt(world, 'upper', 'drop'),
  },
  { name: 'opening the file system', act: (world) => world.reopen() },
  { name: 'keeping a note', act: (world) => world.overlay.note('key', 'value') },
];

export function stateAfter({ act, stored = [] }: Scenario): Tree {
  using world = new World();
  prepare(world);
  for (const content of stored) world.store(content);
  act(world);
  return treeOf(world);
}

interface Entry {
  readonly type: number;
  readonly content: string;
  readonly mtimeNs: bigint;
}

export type Tree = ReadonlyMap<string, Entry>;

export function treeOf(world: World): Tree {
  const tree = new Map<string, Entry>();
  for (const { path, kind } of world.overlay.snapshot('' as VirtualPath)) {
    if (path === '') continue;
    const { mode, mtimeNs } = world.driver.lstat(path);
    const type = mode & constants.S_IFMT;
    const content =
      kind === 'file'
        ? `${(mode & 0o777).toString(8)} ${world.overlay.readSmallFile(path, 1 << 20)!.toString()}`
        : kind === 'symlink'
          ? world.driver.readlink(path).toString()
          : '';
    tree.set(path, { type, content, mtimeNs });
  }
  return tree;
}

export function describeTree(tree: Tree): readonly string[] {
  return [...tree].map(([path, { type, content }]) => `${path} ${type} ${content}`).sort();
}

/** Times that the operation does not change may lose less than two microseconds, never gain. */
export function checkTimes(found: Tree, before: Tree, after: Tree): void {
  for (const [path, { mtimeNs, type }] of found) {
    const expected = before.get(path)?.mtimeNs;
    const isKept = expected !== undefined && after.get(path)?.mtimeNs === expected;
    if (!isKept || type === constants.S_IFDIR) continue;
    if (![unitTimeNs, keptTimeNs].includes(expected)) continue;
    expect(mtimeNs, path).toBeLessThanOrEqual(expected);
    expect(mtimeNs, path).toBeGreaterThan(expected - 2_000n);
  }
}

/** No immutable file was changed, and none is reachable through the upper directory. */
export function checkStore(world: World): void {
  for (const prefix of readdirSync(world.blobDirectory)) {
    for (const rest of readdirSync(join(world.blobDirectory, prefix))) {
      const bytes = readFileSync(join(world.blobDirectory, prefix, rest));
      expect(digestOf(bytes)).toBe(prefix + rest);
    }
  }
}

export function checkLeftovers(world: World): void {
  expect(readdirSync(`${world.upperDirectory}.work`)).toEqual(['clock']);
}

function writeTo(world: World, path: string): void {
  const handle = world.driver.open(b(path), constants.O_RDWR);
  world.driver.write(handle, Buffer.from('W'), 0);
  world.driver.close(handle);
}

function exchange(world: World, first: string, second: string): void {
  world.driver.rename(b(first), b(second), { noReplace: false, exchange: true });
}

function adopt(world: World, path: string, disposal: AdoptedFile['disposal']): void {
  const entries = world.overlay.snapshot(b(path)).filter(({ kind }) => kind === 'file');
  const files = entries.map((entry): AdoptedFile => {
    const extent = extentOf(readFileSync(entry.hostPath!));
    return { path: entry.path, ino: entry.ino, generation: entry.generation, extent, disposal };
  });
  const adoption = { attachment: 'adopted', files, witnesses: [] };
  expect(world.overlay.prepareAdoption(adoption)).toBe('done');
  expect(world.overlay.completeAdoption(adoption)).toBe('done');
}

function extentOf(content: string | Buffer): Extent {
  const bytes = Buffer.from(content);
  return { digest: digestOf(bytes), offset: 0, sizeBytes: bytes.length };
}

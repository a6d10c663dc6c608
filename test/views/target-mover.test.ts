import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPathUsers } from '../../src/views/plain-target/path-users.js';
import { TargetMover } from '../../src/views/plain-target/target-mover.js';
import type { UnitFacts } from '../../src/units/unit-facts.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

const buildDir = '/mnt/home/u/app/@build';
const [a, b, c] = ['a'.repeat(16), 'b'.repeat(16), 'c'.repeat(16)];

let directory: TempDirectory;
let from: string;
let to: string;

beforeEach(async () => {
  directory = await createTempDirectory();
  from = join(directory.path, 'from');
  to = join(directory.path, 'to');
  await mkdir(to);
});

afterEach(async () => {
  await directory[Symbol.asyncDispose]();
});

async function write(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

async function files(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

const key = (hash: string): string => `debug#classic#${hash}`;

/** What a manifest would say, as far as it counts here. */
function factsOf(hash: string, more: Partial<UnitFacts>): UnitFacts {
  const place = { profilePath: 'debug', layout: 'classic', unitHash: hash, package: 'x' };
  return { ...place, buildDir, boundBecause: null, rewrites: [], ...more } as UnitFacts;
}

async function pathUsers(...stored: readonly UnitFacts[]): ReturnType<typeof findPathUsers> {
  return await findPathUsers({ directory: from, buildDir, target: to, stored });
}

test.each([
  ['a compiled file', `debug/deps/libx-${a}.rlib`, `\0\x7f${buildDir}/debug/build/x/out\0`],
  ['a variable', `debug/deps/x-${a}.d`, `x: src/lib.rs\n# env-dep:OUT_DIR=${buildDir}/debug\n`],
  ['another unit’s directory', `debug/build/x-${a}/output`, `cargo:root=${buildDir}/debug/build/y`],
  ['a generated file', `debug/build/x-${a}/out/CMakeCache.txt`, `HOME=${buildDir}/debug`],
  ['a fingerprint', `debug/.fingerprint/x-${a}/lib-x.json`, `{"paths":["${buildDir}/y"]}`],
])('a unit of the workspace that names the mount in %s is bound', async (_, path, text) => {
  await write(from, { [path]: text });
  expect(await pathUsers()).toEqual({ bound: [key(a)], outputs: [] });
});

test('so is one with a link into the mount', async () => {
  await mkdir(join(from, `debug/build/x-${a}/out`), { recursive: true });
  await symlink(`${buildDir}/debug/deps`, join(from, `debug/build/x-${a}/out/link`));
  expect(await pathUsers()).toEqual({ bound: [key(a)], outputs: [] });
});

test('an output without a hash is bound by its path', async () => {
  await write(from, {
    'debug/deps/x.d': `${buildDir}/debug/deps/libx.so: src/lib.rs\n# env-dep:OUT_DIR=${buildDir}/y\n`,
    'debug/deps/liby.so': buildDir,
    'debug/deps/z.d': `${buildDir}/debug/deps/libz.so: src/lib.rs\n`,
    'debug/deps/libx.so': '',
    'debug/deps/libz.so': '',
  });
  const { bound } = await pathUsers();
  expect([...bound].sort()).toEqual(['debug/deps/libx.so', 'debug/deps/liby.so', 'debug/deps/x.d']);
  await new TargetMover({ from, to, buildDir, bound, outputs: [] }).moveAll();
  expect(await files(to)).toEqual(['debug/deps/libz.so', 'debug/deps/z.d']);
});

test('what cargo translates itself, or only shows, binds nothing', async () => {
  const own = `${buildDir}/debug/build/x-${a}/out`;
  await write(from, {
    [`debug/build/x-${a}/output`]: `cargo:rustc-link-search=${own}/lib\ncargo:root=${buildDir}2\n`,
    [`debug/build/x-${a}/root-output`]: own,
    [`debug/build/x-${a}/stderr`]: own,
    [`debug/deps/x-${b}.d`]: `${buildDir}/debug/deps/libx-${b}.rlib: src/lib.rs\n`,
    [`debug/.fingerprint/x-${b}/output-lib-x`]: `{"message":"${buildDir}"}`,
    'debug/notes': buildDir,
  });
  expect(await pathUsers()).toEqual({ bound: [], outputs: [] });
});

test('a stored unit is judged by its manifest', async () => {
  const output = `debug/build/x-${c}/output`;
  await write(from, {
    [`debug/deps/libx-${a}.rlib`]: buildDir,
    [output]: `cargo:include=${buildDir}/debug/build/y/out`,
  });
  const users = await pathUsers(
    factsOf(a, {}),
    factsOf(b, { boundBecause: 'a reason' }),
    factsOf(c, { rewrites: [output] }),
  );
  expect(users).toEqual({ bound: [key(b)], outputs: [output] });
  const there = await pathUsers(factsOf(b, { boundBecause: 'a reason', buildDir: to }));
  expect(there.bound).not.toContain(key(b));
});

test('units move whole, beside what is there, and bound ones stay', async () => {
  const output = `debug/build/x-${c}/output`;
  await write(from, {
    '.rustc_info.json': '{}',
    'debug/.cargo-lock': '',
    [`debug/.fingerprint/x-${a}/lib-x`]: 'hash',
    [`debug/.fingerprint/x-${b}/lib-x`]: 'hash',
    [`debug/deps/libx-${a}.rlib`]: 'a',
    [`debug/deps/libx-${b}.rlib`]: 'b',
    [`debug/build/x-${c}/out/text`]: 'text',
    [output]: `cargo:include=${buildDir}/debug/y\ncargo:root=${buildDir}/debug/build/x-${c}/out\n`,
    'debug/incremental/x/s-1/work': 'work',
    'tmp/mine': 'from',
  });
  await write(to, { 'debug/.cargo-lock': '', 'debug/x': 'program', 'tmp/mine': 'to' });
  const before = await stat(join(from, output), { bigint: true });
  const mover = new TargetMover({ from, to, buildDir, bound: [key(b)], outputs: [output] });
  expect(await mover.moveAll()).toEqual({ files: 6, leftFiles: 3 });
  expect(await files(from)).toEqual([
    'debug/.cargo-lock',
    `debug/.fingerprint/x-${b}/lib-x`,
    `debug/deps/libx-${b}.rlib`,
    'tmp/mine',
  ]);
  expect(await readFile(join(to, output), 'utf8')).toBe(
    `cargo:include=${to}/debug/y\ncargo:root=${buildDir}/debug/build/x-${c}/out\n`,
  );
  expect((await stat(join(to, output), { bigint: true })).mtimeNs).toBe(before.mtimeNs);
  expect(await readFile(join(to, 'tmp/mine'), 'utf8')).toBe('to');
  expect(await files(to)).toHaveLength(9);
});

test('a move that was interrupted goes on where it was', async () => {
  const all = {
    [`debug/deps/libx-${a}.rlib`]: 'a',
    [`debug/.fingerprint/x-${a}/lib-x`]: 'hash',
    [`debug/.fingerprint/x-${a}/lib-x.json`]: '{}',
  };
  await write(from, all);
  const options = { from, to, buildDir, bound: [], outputs: [] };
  await write(to, { [`debug/deps/libx-${a}.rlib`]: 'a' });
  const [first] = Object.keys(all);
  const rest = Object.fromEntries(Object.entries(all).filter(([path]) => path !== first));
  const again = join(directory.path, 'again');
  await write(again, rest);
  expect(await new TargetMover({ ...options, from: again }).moveAll()).toEqual({
    files: 2,
    leftFiles: 0,
  });
  expect(await files(to)).toEqual(Object.keys(all).sort());
  expect(await files(again)).toEqual([]);
});

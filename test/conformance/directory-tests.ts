/** Directories and names. */
import { constants } from 'node:fs';
import { expect } from 'vitest';
import { byteStringFromBuffer } from '../../src/base/byte-string.js';
import { expectErrno, get, list, put, withOpen } from './scene.js';
import { check, type ConformanceTest } from './conformance-test.js';

export const directoryTests: readonly ConformanceTest[] = [
  check('mkdir makes an empty directory once', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    expect(await list(scene, at('d'))).toEqual([]);
    await put(scene, at('file'));
    await expectErrno('EEXIST', () => fs.mkdir(at('d')));
    await expectErrno('EEXIST', () => fs.mkdir(at('file')));
    await expectErrno('ENOENT', () => fs.mkdir(at('none/d')));
  }),
  check('rmdir removes empty directories only', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    await put(scene, at('d/a'));
    await expectErrno('ENOTEMPTY', () => fs.rmdir(at('d')));
    await expectErrno('ENOTDIR', () => fs.rmdir(at('d/a')));
    await fs.unlink(at('d/a'));
    await fs.rmdir(at('d'));
    await expectErrno('ENOENT', () => fs.rmdir(at('d')));
  }),
  check('unlink refuses directories', async ({ fs, at }) => {
    await fs.mkdir(at('d'));
    await expectErrno('EISDIR', () => fs.unlink(at('d')));
    await expectErrno('ENOENT', () => fs.unlink(at('none')));
  }),
  check('the link count of a directory is two and one for each subdirectory', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    expect((await fs.stat(at('d'))).nlink).toBe(2);
    await fs.mkdir(at('d/x'));
    await fs.mkdir(at('d/y'));
    await put(scene, at('d/file'));
    expect((await fs.stat(at('d'))).nlink).toBe(4);
    await fs.rmdir(at('d/x'));
    await fs.rename(at('d/y'), at('y'));
    expect((await fs.stat(at('d'))).nlink).toBe(2);
  }),
  check('readdir tells names and types', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('file'));
    await fs.mkdir(at('dir'));
    await fs.symlink(Buffer.from('file'), at('link'));
    const entries = await fs.readdir(scene.directory);
    expect(new Map(entries.map(({ name, fileType }) => [name as string, fileType]))).toEqual(
      new Map([
        ['file', constants.S_IFREG],
        ['dir', constants.S_IFDIR],
        ['link', constants.S_IFLNK],
      ]),
    );
  }),
  check('readdir follows what happens in the directory', async (scene) => {
    const { fs, at } = scene;
    expect(await list(scene, scene.directory)).toEqual([]);
    await put(scene, at('a'));
    await put(scene, at('b'));
    expect(await list(scene, scene.directory)).toEqual(['a', 'b']);
    await fs.rename(at('a'), at('c'));
    await fs.unlink(at('b'));
    expect(await list(scene, scene.directory)).toEqual(['c']);
  }),
  check('3,000 entries are listed, deleted while listed, and gone', async (scene) => {
    const { fs, at } = scene;
    const names = Array.from({ length: 3_000 }, (_, i) => `entry-number-${i}`);
    for (const name of names) await put(scene, at(name));
    expect(await list(scene, scene.directory)).toEqual([...names].sort());
    for (const name of names) if (!name.endsWith('7')) await fs.unlink(at(name));
    expect(await list(scene, scene.directory)).toEqual(
      names.filter((name) => name.endsWith('7')).sort(),
    );
    for (const name of names) if (name.endsWith('7')) await fs.unlink(at(name));
    expect(await list(scene, scene.directory)).toEqual([]);
  }),
  check(
    'a removed directory that is open has no link and no entries, and takes none',
    async ({ fs, at, ...scene }) => {
      await fs.mkdir(at('d'));
      await withOpen(
        { fs, at, ...scene },
        at('d'),
        async (fd) => {
          await fs.rmdir(at('d'));
          const stat = await fs.fstat(fd);
          expect(stat.nlink).toBe(0);
          expect(stat.mode & constants.S_IFMT).toBe(constants.S_IFDIR);
          await expectErrno('ENOENT', () => fs.mkdir(at('d/x')));
        },
        constants.O_RDONLY,
      );
    },
  ),
  check('names of 255 bytes work and longer ones give ENAMETOOLONG', async (scene) => {
    const { fs, at } = scene;
    const longest = 'n'.repeat(255);
    await put(scene, at(longest), 'content');
    expect(await get(scene, at(longest))).toBe('content');
    expect(await list(scene, scene.directory)).toEqual([longest]);
    await expectErrno('ENAMETOOLONG', () => put(scene, at(`${longest}n`)));
    await expectErrno('ENAMETOOLONG', () => fs.mkdir(at(`${longest}n`)));
    await expectErrno('ENAMETOOLONG', () => fs.stat(at(`${longest}n`)));
    await expectErrno('ENAMETOOLONG', () => fs.rename(at(longest), at(`${longest}n`)));
  }),
  check('any bytes but slash and NUL make a name', async (scene) => {
    const { fs, atBytes } = scene;
    const all = Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1).filter((c) => c !== 47));
    const names = [
      byteStringFromBuffer(Buffer.from([0xff, 0xfe, 0x80])),
      byteStringFromBuffer(all.subarray(0, 200)),
      byteStringFromBuffer(all.subarray(100)),
      byteStringFromBuffer(Buffer.from('größe 🦀', 'utf8')),
    ];
    for (const name of names) await put(scene, atBytes(name), name);
    const found = (await fs.readdir(scene.directory)).map(({ name }) => name as string);
    expect(found.sort()).toEqual([...names].sort());
    for (const name of names) expect(await get(scene, atBytes(name))).toBe(name);
    for (const name of names) await fs.unlink(atBytes(name));
    expect(await fs.readdir(scene.directory)).toEqual([]);
  }),
  check('names that differ in case or in composition are different names', async (scene) => {
    const names = ['name', 'Name', 'caf\u00e9', 'cafe\u0301', ' ', 'a\nb', '-rf', '...'];
    for (const name of names) await put(scene, scene.at(name), name);
    for (const name of names) expect(await get(scene, scene.at(name))).toBe(name);
  }),
  check('a path goes through many levels of directories', async (scene) => {
    let path = 'level';
    await scene.fs.mkdir(scene.at(path));
    for (let i = 0; i < 60; i += 1) {
      path = `${path}/level-${i}`;
      await scene.fs.mkdir(scene.at(path));
    }
    await put(scene, scene.at(`${path}/file`), 'deep');
    expect(await get(scene, scene.at(`${path}/../level-59/./file`))).toBe('deep');
  }),
  check(
    'a name that was absent is found once it is made, and absent once it is removed',
    async (scene) => {
      const { fs, at } = scene;
      for (let i = 0; i < 3; i += 1) {
        await expectErrno('ENOENT', () => fs.stat(at('a')));
        await put(scene, at('a'));
        await fs.stat(at('a'));
        await fs.unlink(at('a'));
        await expectErrno('ENOENT', () => fs.stat(at('a')));
        await fs.mkdir(at('a'));
        await fs.stat(at('a'));
        await fs.rmdir(at('a'));
      }
    },
  ),
];

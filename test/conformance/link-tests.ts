/** Hard links and symlinks. */
import { constants } from 'node:fs';
import { expect } from 'vitest';
import { expectErrno, get, list, put, withOpen } from './scene.js';
import { check, type ConformanceTest } from './conformance-test.js';

export const linkTests: readonly ConformanceTest[] = [
  check('two hard links are one file', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'content');
    await fs.link(at('a'), at('b'));
    const [a, b] = [await fs.stat(at('a')), await fs.stat(at('b'))];
    expect(b).toEqual(a);
    expect(a.nlink).toBe(2);
    await fs.chmod(at('b'), 0o755);
    expect((await fs.stat(at('a'))).mode).toBe(constants.S_IFREG | 0o755);
  }),
  check('what is written through one name is read through the other at once', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'short');
    await fs.link(at('a'), at('b'));
    expect(await get(scene, at('b'))).toBe('short');
    await withOpen(scene, at('a'), (fd) => fs.write(fd, Buffer.from('a longer content'), 0));
    expect((await fs.stat(at('b'))).sizeBytes).toBe(16);
    expect(await get(scene, at('b'))).toBe('a longer content');
    await fs.truncate(at('b'), 1);
    expect(await get(scene, at('a'))).toBe('a');
  }),
  check('a file lives as long as one of its names', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'content');
    await fs.link(at('a'), at('b'));
    await withOpen(scene, at('a'), async (fd) => {
      await fs.unlink(at('a'));
      expect((await fs.fstat(fd)).nlink).toBe(1);
      await fs.write(fd, Buffer.from('C'), 0);
    });
    expect(await get(scene, at('b'))).toBe('Content');
    expect((await fs.stat(at('b'))).nlink).toBe(1);
  }),
  check('a link is made to another directory and renamed there', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    await put(scene, at('a'), 'content');
    await fs.link(at('a'), at('d/b'));
    await fs.rename(at('d/b'), at('d/c'));
    expect((await fs.stat(at('d/c'))).ino).toBe((await fs.stat(at('a'))).ino);
    expect(await list(scene, at('d'))).toEqual(['c']);
  }),
  check('link refuses directories, taken names and missing files', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    await put(scene, at('a'));
    await put(scene, at('b'));
    await expectErrno('EPERM', () => fs.link(at('d'), at('e')));
    await expectErrno('EEXIST', () => fs.link(at('a'), at('b')));
    await expectErrno('ENOENT', () => fs.link(at('none'), at('x')));
  }),
  check('a symlink keeps its target and is followed', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    await put(scene, at('d/file'), 'content');
    await fs.symlink(Buffer.from('d/file'), at('link'));
    await fs.symlink(Buffer.from('d'), at('dirlink'));
    expect((await fs.readlink(at('link'))).toString()).toBe('d/file');
    expect(await get(scene, at('link'))).toBe('content');
    expect(await get(scene, at('dirlink/file'))).toBe('content');
    const stat = await fs.lstat(at('link'));
    expect(stat.mode & constants.S_IFMT).toBe(constants.S_IFLNK);
    expect(stat.sizeBytes).toBe(6);
    await fs.rename(at('link'), at('moved'));
    expect((await fs.readlink(at('moved'))).toString()).toBe('d/file');
    await fs.unlink(at('moved'));
    expect(await get(scene, at('d/file'))).toBe('content');
  }),
  check('a symlink may lead nowhere or in a circle', async ({ fs, at }) => {
    await fs.symlink(Buffer.from('nowhere'), at('dangling'));
    await fs.symlink(Buffer.from('loop'), at('loop'));
    await expectErrno('ENOENT', () => fs.stat(at('dangling')));
    await expectErrno('ELOOP', () => fs.stat(at('loop')));
    await expectErrno('EEXIST', () => fs.symlink(Buffer.from('x'), at('dangling')));
    await expectErrno('EINVAL', () => fs.readlink(at('')));
  }),
  check(
    'symlink targets of 2,001 and of 4,095 bytes, of any bytes, survive',
    async ({ fs, at }) => {
      const targets = [
        Buffer.from(`${'long/'.repeat(400)}x`),
        Buffer.alloc(4_095, 'y'),
        Buffer.from([0xff, 0x01, 0x80, 0x2f, 0xc3]),
      ];
      for (const [i, target] of targets.entries()) {
        await fs.symlink(target, at(`link${i}`));
        expect((await fs.readlink(at(`link${i}`))).equals(target)).toBe(true);
        expect((await fs.lstat(at(`link${i}`))).sizeBytes).toBe(target.length);
      }
    },
  ),
  check('a symlink has hard links, too', async ({ fs, at }) => {
    await fs.symlink(Buffer.from('target'), at('a'));
    await fs.link(at('a'), at('b'));
    expect((await fs.lstat(at('b'))).nlink).toBe(2);
    await fs.unlink(at('a'));
    expect((await fs.readlink(at('b'))).toString()).toBe('target');
  }),
];

/** rename, with and without flags. */
import { expect } from 'vitest';
import { expectErrno, get, list, put, readAll, withOpen } from './scene.js';
import { check, type ConformanceTest } from './conformance-test.js';

export const renameTests: readonly ConformanceTest[] = [
  check('rename moves a file within and across directories', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    await put(scene, at('a'), 'content');
    await fs.rename(at('a'), at('b'));
    await fs.rename(at('b'), at('d/c'));
    expect(await list(scene, scene.directory)).toEqual(['d']);
    expect(await get(scene, at('d/c'))).toBe('content');
    await expectErrno('ENOENT', () => fs.rename(at('a'), at('x')));
    await expectErrno('ENOENT', () => fs.rename(at('d/c'), at('none/x')));
  }),
  check('rename replaces an existing file', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'new');
    await put(scene, at('b'), 'old');
    const moved = await fs.stat(at('a'));
    await fs.rename(at('a'), at('b'));
    expect(await get(scene, at('b'))).toBe('new');
    expect((await fs.stat(at('b'))).ino).toBe(moved.ino);
    await expectErrno('ENOENT', () => fs.stat(at('a')));
  }),
  check('who holds a file that rename replaces goes on reading and writing it', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'new');
    await put(scene, at('b'), 'old');
    await withOpen(scene, at('b'), async (fd) => {
      await fs.rename(at('a'), at('b'));
      expect(await readAll(fs, fd)).toBe('old');
      await fs.write(fd, Buffer.from('OLD'), 0);
      expect(await readAll(fs, fd)).toBe('OLD');
      expect((await fs.fstat(fd)).nlink).toBe(0);
    });
    expect(await get(scene, at('b'))).toBe('new');
  }),
  check('an open file is the same file after its rename', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'content');
    await withOpen(scene, at('a'), async (fd) => {
      await fs.rename(at('a'), at('b'));
      await fs.write(fd, Buffer.from('C'), 0);
      expect(await readAll(fs, fd)).toBe('Content');
    });
    expect(await get(scene, at('b'))).toBe('Content');
  }),
  check('a directory is renamed with everything in it', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    await fs.mkdir(at('d/sub'));
    await put(scene, at('d/sub/a'), 'content');
    await fs.mkdir(at('other'));
    await withOpen(scene, at('d/sub/a'), async (fd) => {
      await fs.rename(at('d'), at('other/e'));
      expect(await readAll(fs, fd)).toBe('content');
    });
    expect(await get(scene, at('other/e/sub/a'))).toBe('content');
    await put(scene, at('other/e/sub/b'), 'more');
    expect(await list(scene, at('other/e/sub'))).toEqual(['a', 'b']);
    await expectErrno('ENOENT', () => fs.stat(at('d')));
  }),
  check('a directory replaces an empty directory only', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    await put(scene, at('d/a'), 'content');
    await fs.mkdir(at('full'));
    await put(scene, at('full/x'));
    await fs.mkdir(at('empty'));
    await expectErrno('ENOTEMPTY', () => fs.rename(at('d'), at('full')));
    await fs.rename(at('d'), at('empty'));
    expect(await get(scene, at('empty/a'))).toBe('content');
  }),
  check('files and directories do not replace each other', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    await put(scene, at('a'));
    await expectErrno('EISDIR', () => fs.rename(at('a'), at('d')));
    await expectErrno('ENOTDIR', () => fs.rename(at('d'), at('a')));
  }),
  check('a directory cannot be moved into itself or over one it is in', async ({ fs, at }) => {
    await fs.mkdir(at('d'));
    await fs.mkdir(at('d/sub'));
    await expectErrno('EINVAL', () => fs.rename(at('d'), at('d/sub/x')));
    await expectErrno('EINVAL', () => fs.rename(at('d'), at('d/x')));
    await expectErrno('ENOTEMPTY', () => fs.rename(at('d/sub'), at('d')));
  }),
  check(
    'rename onto itself, or onto another name of the same file, changes nothing',
    async (scene) => {
      const { fs, at } = scene;
      await put(scene, at('a'), 'content');
      await fs.rename(at('a'), at('a'));
      await fs.link(at('a'), at('b'));
      await fs.rename(at('a'), at('b'));
      expect(await list(scene, scene.directory)).toEqual(['a', 'b']);
      expect((await fs.stat(at('a'))).nlink).toBe(2);
    },
  ),
  check('RENAME_NOREPLACE refuses a name that is taken', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'A');
    await put(scene, at('b'), 'B');
    await expectErrno('EEXIST', () => fs.rename(at('a'), at('b'), 'noreplace'));
    await fs.rename(at('a'), at('c'), 'noreplace');
    expect(await get(scene, at('b'))).toBe('B');
    expect(await get(scene, at('c'))).toBe('A');
  }),
  check('RENAME_EXCHANGE swaps files, and a file with a directory', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'A');
    await put(scene, at('b'), 'B');
    await fs.mkdir(at('d'));
    await put(scene, at('d/inner'), 'inner');
    await fs.rename(at('a'), at('b'), 'exchange');
    expect(await get(scene, at('a'))).toBe('B');
    expect(await get(scene, at('b'))).toBe('A');
    await fs.rename(at('a'), at('d'), 'exchange');
    expect(await get(scene, at('d'))).toBe('B');
    expect(await get(scene, at('a/inner'))).toBe('inner');
    await expectErrno('ENOENT', () => fs.rename(at('b'), at('none'), 'exchange'));
  }),
];

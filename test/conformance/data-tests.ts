/** Reading, writing and truncating. */
import { constants } from 'node:fs';
import { expect } from 'vitest';
import { expectErrno, get, put, readAll, withOpen } from './scene.js';
import { check, type ConformanceTest } from './conformance-test.js';

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
const gib = 1024 ** 3;

export const dataTests: readonly ConformanceTest[] = [
  check('a created file is empty and keeps what is written to it', async (scene) => {
    await put(scene, scene.at('a'), '');
    expect((await scene.fs.stat(scene.at('a'))).sizeBytes).toBe(0);
    await put(scene, scene.at('a'), 'hello');
    expect(await get(scene, scene.at('a'))).toBe('hello');
  }),
  check(
    'opening a name that is not there gives ENOENT, a path through a file ENOTDIR',
    async (scene) => {
      await put(scene, scene.at('file'));
      await expectErrno('ENOENT', () => scene.fs.open(scene.at('none'), O_RDONLY));
      await expectErrno('ENOENT', () => scene.fs.open(scene.at('none/x'), O_RDONLY));
      await expectErrno('ENOTDIR', () => scene.fs.open(scene.at('file/x'), O_RDONLY));
      await expectErrno('EISDIR', () => scene.fs.open(scene.directory, O_RDWR));
    },
  ),
  check('O_EXCL refuses a name that is there, also a dangling symlink', async (scene) => {
    await put(scene, scene.at('a'));
    await scene.fs.symlink(Buffer.from('nowhere'), scene.at('link'));
    for (const name of ['a', 'link']) {
      await expectErrno('EEXIST', () => {
        return scene.fs.open(scene.at(name), O_RDWR | O_CREAT | O_EXCL);
      });
    }
  }),
  check('O_TRUNC empties a file, O_CREAT alone does not', async (scene) => {
    await put(scene, scene.at('a'), 'content');
    await scene.fs.close(await scene.fs.open(scene.at('a'), O_RDWR | O_CREAT));
    expect(await get(scene, scene.at('a'))).toBe('content');
    await scene.fs.close(await scene.fs.open(scene.at('a'), O_WRONLY | O_TRUNC));
    expect(await get(scene, scene.at('a'))).toBe('');
  }),
  check('two handles with O_APPEND write one after the other', async ({ fs, at, ...scene }) => {
    const flags = O_WRONLY | O_CREAT | O_APPEND;
    const first = await fs.open(at('log'), flags, 0o644);
    const second = await fs.open(at('log'), flags, 0o644);
    for (const [fd, text] of [
      [first, 'one '],
      [second, 'two '],
      [first, 'three '],
      [second, 'four'],
    ] as const) {
      await fs.write(fd, Buffer.from(text), 0);
    }
    await fs.close(first);
    await fs.close(second);
    expect(await get({ fs, at, ...scene }, at('log'))).toBe('one two three four');
  }),
  check('reading behind the end gives nothing, across the end what is there', async (scene) => {
    await put(scene, scene.at('a'), '0123456789');
    await withOpen(scene, scene.at('a'), async (fd) => {
      expect((await scene.fs.read(fd, 10, 10)).length).toBe(0);
      expect((await scene.fs.read(fd, 10, 100)).length).toBe(0);
      expect((await scene.fs.read(fd, 10, 7)).toString()).toBe('789');
    });
  }),
  check('overwriting in the middle changes nothing else', async (scene) => {
    await put(scene, scene.at('a'), 'abcdefghij');
    await withOpen(scene, scene.at('a'), (fd) => scene.fs.write(fd, Buffer.from('XYZ'), 3));
    expect(await get(scene, scene.at('a'))).toBe('abcXYZghij');
  }),
  check('a hole reads as zeros', async (scene) => {
    await put(scene, scene.at('a'), 'start');
    await withOpen(scene, scene.at('a'), (fd) => scene.fs.write(fd, Buffer.from('end'), 10_000));
    const content = await get(scene, scene.at('a'));
    expect(content).toBe(`start${'\0'.repeat(9_995)}end`);
  }),
  check('truncation shrinks, and extends with zeros', async (scene) => {
    await put(scene, scene.at('a'), 'abcdef');
    await scene.fs.truncate(scene.at('a'), 3);
    expect(await get(scene, scene.at('a'))).toBe('abc');
    await withOpen(scene, scene.at('a'), (fd) => scene.fs.ftruncate(fd, 5));
    expect(await get(scene, scene.at('a'))).toBe('abc\0\0');
    await scene.fs.truncate(scene.at('a'), 0);
    expect((await scene.fs.stat(scene.at('a'))).sizeBytes).toBe(0);
  }),
  check('a file that was only extended reads as zeros up to its end', async (scene) => {
    await put(scene, scene.at('a'), '');
    await scene.fs.truncate(scene.at('a'), 20_000);
    await withOpen(scene, scene.at('a'), async (fd) => {
      const readZeros = async (length: number, position: number): Promise<number> => {
        const bytes = await scene.fs.read(fd, length, position);
        expect(bytes.equals(Buffer.alloc(bytes.length))).toBe(true);
        return bytes.length;
      };
      expect(await readZeros(30_000, 0)).toBe(20_000);
      await scene.fs.write(fd, Buffer.from('middle'), 10_000);
      expect((await scene.fs.read(fd, 8, 9_999)).toString()).toBe('\0middle\0');
      expect(await readZeros(30_000, 10_006)).toBe(9_994);
      await scene.fs.ftruncate(fd, 10_003);
      await scene.fs.ftruncate(fd, 15_000);
      expect((await scene.fs.read(fd, 6, 10_000)).toString()).toBe('mid\0\0\0');
      expect(await readZeros(30_000, 10_003)).toBe(4_997);
    });
  }),
  check('a sparse file of 5 GiB keeps bytes at both ends', async (scene) => {
    await put(scene, scene.at('big'), 'first');
    await withOpen(scene, scene.at('big'), async (fd) => {
      await scene.fs.write(fd, Buffer.from('last'), 5 * gib);
      expect((await scene.fs.fstat(fd)).sizeBytes).toBe(5 * gib + 4);
      expect((await scene.fs.read(fd, 10, 5 * gib)).toString()).toBe('last');
      expect((await scene.fs.read(fd, 5, 0)).toString()).toBe('first');
      expect((await scene.fs.read(fd, 2, 3 * gib)).equals(Buffer.alloc(2))).toBe(true);
    });
    await scene.fs.unlink(scene.at('big'));
  }),
  check('large writes come back byte for byte', async (scene) => {
    const bytes = Buffer.alloc(5_000_001, 'xcache is a build cache; ');
    await put(scene, scene.at('a'), bytes);
    await withOpen(scene, scene.at('a'), async (fd) => {
      expect((await scene.fs.read(fd, bytes.length, 0)).equals(bytes)).toBe(true);
    });
  }),
  check('what one handle writes another one reads', async (scene) => {
    await put(scene, scene.at('a'), 'old');
    await withOpen(scene, scene.at('a'), async (reader) => {
      expect(await readAll(scene.fs, reader)).toBe('old');
      await withOpen(scene, scene.at('a'), (writer) => {
        return scene.fs.write(writer, Buffer.from('newer'), 0);
      });
      expect(await readAll(scene.fs, reader)).toBe('newer');
    });
  }),
  check(
    'an unlinked open file is read, written, truncated and changed as before',
    async (scene) => {
      const { fs, at } = scene;
      await put(scene, at('a'), 'content');
      await withOpen(scene, at('a'), async (fd) => {
        await fs.unlink(at('a'));
        await expectErrno('ENOENT', () => fs.stat(at('a')));
        expect(await readAll(fs, fd)).toBe('content');
        await fs.write(fd, Buffer.from('CON'), 0);
        expect(await readAll(fs, fd)).toBe('CONtent');
        await fs.ftruncate(fd, 3);
        await fs.fchmod(fd, 0o600);
        expect(await fs.fstat(fd)).toMatchObject({ sizeBytes: 3, nlink: 0, mode: 0o100600 });
        await fs.fsync(fd);
      });
    },
  ),
  check(
    'a name that is taken again is another file for those who hold the old one',
    async (scene) => {
      const { fs, at } = scene;
      await put(scene, at('a'), 'old');
      await withOpen(scene, at('a'), async (fd) => {
        await fs.unlink(at('a'));
        await put(scene, at('a'), 'new file');
        expect(await readAll(fs, fd)).toBe('old');
        expect(await get(scene, at('a'))).toBe('new file');
        expect((await fs.fstat(fd)).ino).not.toBe((await fs.stat(at('a'))).ino);
      });
    },
  ),
  check(
    'a file that is created and unlinked at once serves as a temporary one',
    async ({ fs, at }) => {
      const fd = await fs.open(at('tmp'), O_RDWR | O_CREAT | O_EXCL, 0o600);
      await fs.unlink(at('tmp'));
      await fs.write(fd, Buffer.alloc(200_000, 7), 0);
      expect((await fs.read(fd, 300_000, 0)).equals(Buffer.alloc(200_000, 7))).toBe(true);
      await fs.close(fd);
    },
  ),
  check(
    'a file created read-only can be written through the handle that created it',
    async ({ fs, at }) => {
      const fd = await fs.open(at('a'), O_RDWR | O_CREAT | O_EXCL, 0o444);
      await fs.write(fd, Buffer.from('content'), 0);
      expect(await readAll(fs, fd)).toBe('content');
      await fs.close(fd);
      expect((await fs.stat(at('a'))).mode).toBe(0o100444);
    },
  ),
  check('fsync succeeds on files and directories', async (scene) => {
    await put(scene, scene.at('a'), 'content');
    await withOpen(scene, scene.at('a'), (fd) => scene.fs.fsync(fd));
    await withOpen(scene, scene.directory, (fd) => scene.fs.fsync(fd), O_RDONLY);
  }),
  check('hundreds of files are open at the same time', async (scene) => {
    const { fs, at } = scene;
    const fds: number[] = [];
    for (let i = 0; i < 400; i += 1) {
      const fd = await fs.open(at(`f${i}`), O_RDWR | O_CREAT, 0o644);
      await fs.write(fd, Buffer.from(`content of ${i}`), 0);
      fds.push(fd);
    }
    for (const [i, fd] of fds.entries()) {
      expect(await readAll(fs, fd)).toBe(`content of ${i}`);
      if (i % 2 === 0) await fs.unlink(at(`f${i}`));
    }
    for (const [i, fd] of fds.entries()) {
      expect(await readAll(fs, fd)).toBe(`content of ${i}`);
      await fs.close(fd);
    }
  }),
];

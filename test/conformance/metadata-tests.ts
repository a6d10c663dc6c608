/** Modes and times. */
import { constants } from 'node:fs';
import { expect } from 'vitest';
import { expectErrno, get, nextTick, put, withOpen } from './scene.js';
import { check, type ConformanceTest } from './conformance-test.js';

const second = 1_000_000_000n;

export const metadataTests: readonly ConformanceTest[] = [
  check('chmod sets the permission bits and nothing else', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'x');
    const before = await fs.stat(at('a'));
    for (const mode of [0o755, 0o600, 0o444, 0o644]) {
      await fs.chmod(at('a'), mode);
      expect((await fs.stat(at('a'))).mode).toBe(constants.S_IFREG | mode);
    }
    const after = await fs.stat(at('a'));
    expect(after).toMatchObject({ ino: before.ino, sizeBytes: 1, mtimeNs: before.mtimeNs });
  }),
  check('directories keep their mode, with sticky and set-group-id bits', async ({ fs, at }) => {
    await fs.mkdir(at('d'), 0o700);
    expect((await fs.stat(at('d'))).mode).toBe(constants.S_IFDIR | 0o700);
    await fs.chmod(at('d'), 0o1777);
    expect((await fs.stat(at('d'))).mode).toBe(constants.S_IFDIR | 0o1777);
    await fs.chmod(at('d'), 0o2755);
    expect((await fs.stat(at('d'))).mode).toBe(constants.S_IFDIR | 0o2755);
  }),
  check('a directory in a set-group-id directory is one, too', async ({ fs, at }) => {
    await fs.mkdir(at('d'));
    await fs.chmod(at('d'), 0o2755);
    await fs.mkdir(at('d/inner'), 0o755);
    expect((await fs.stat(at('d/inner'))).mode & 0o7777).toBe(0o2755);
  }),
  check('atime and mtime are set apart from each other, to the nanosecond', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'content');
    const atimeNs = 1_600_000_000_111_222_333n;
    const mtimeNs = 1_700_000_000_444_555_666n;
    await fs.utimens(at('a'), atimeNs, mtimeNs);
    expect(await fs.stat(at('a'))).toMatchObject({ atimeNs, mtimeNs });
  }),
  check('mtime alone is set and atime stays, and the other way round', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'content');
    const first = 1_500_000_000_000_000_001n;
    await fs.utimens(at('a'), first, first);
    await fs.utimens(at('a'), undefined, first + second);
    expect(await fs.stat(at('a'))).toMatchObject({ atimeNs: first, mtimeNs: first + second });
    await fs.utimens(at('a'), first + 2n, undefined);
    expect(await fs.stat(at('a'))).toMatchObject({
      atimeNs: first + 2n,
      mtimeNs: first + second,
    });
  }),
  check('times of directories and symlinks are set to the nanosecond, too', async ({ fs, at }) => {
    await fs.mkdir(at('d'));
    await fs.symlink(Buffer.from('d'), at('link'));
    const mtimeNs = 1_650_000_000_000_000_123n;
    await fs.utimens(at('d'), mtimeNs, mtimeNs);
    await fs.utimens(at('link'), mtimeNs + 1n, mtimeNs + 1n);
    expect((await fs.lstat(at('d'))).mtimeNs).toBe(mtimeNs);
    expect((await fs.lstat(at('link'))).mtimeNs).toBe(mtimeNs + 1n);
  }),
  check('times from 1970 to 2100 survive', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'));
    for (const mtimeNs of [0n, 1n, 2n ** 31n * second + 5n, 4_102_444_800n * second + 999n]) {
      await fs.utimens(at('a'), mtimeNs, mtimeNs);
      expect((await fs.stat(at('a'))).mtimeNs).toBe(mtimeNs);
    }
  }),
  check('a write after setting a time stamps the file anew', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'content');
    const mtimeNs = 1_600_000_000_000_000_007n;
    await fs.utimens(at('a'), mtimeNs, mtimeNs);
    await put(scene, at('a'), 'other');
    expect((await fs.stat(at('a'))).mtimeNs).toBeGreaterThan(mtimeNs);
  }),
  check('times that were set survive rename, link and chmod', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'content');
    const mtimeNs = 1_600_000_000_987_654_321n;
    await fs.utimens(at('a'), mtimeNs, mtimeNs);
    await fs.rename(at('a'), at('b'));
    await fs.link(at('b'), at('c'));
    await fs.chmod(at('c'), 0o600);
    await fs.unlink(at('b'));
    expect((await fs.stat(at('c'))).mtimeNs).toBe(mtimeNs);
  }),
  check('fresh time stamps are finer than a millisecond', async (scene) => {
    const stamps: bigint[] = [];
    for (let i = 0; i < 5; i += 1) {
      await put(scene, scene.at(`f${i}`));
      stamps.push((await scene.fs.stat(scene.at(`f${i}`))).mtimeNs);
      await nextTick();
    }
    expect(stamps.some((stamp) => stamp % 1_000_000n !== 0n)).toBe(true);
  }),
  check('writing moves mtime and ctime, chmod only ctime, reading neither', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'content');
    const created = await fs.stat(at('a'));
    await nextTick();
    await get(scene, at('a'));
    const read = await fs.stat(at('a'));
    expect(read).toMatchObject({ mtimeNs: created.mtimeNs, ctimeNs: created.ctimeNs });
    await fs.chmod(at('a'), 0o600);
    const changed = await fs.stat(at('a'));
    expect(changed.mtimeNs).toBe(created.mtimeNs);
    expect(changed.ctimeNs).toBeGreaterThan(created.ctimeNs);
    await nextTick();
    await withOpen(scene, at('a'), (fd) => fs.write(fd, Buffer.from('C'), 0));
    const written = await fs.stat(at('a'));
    expect(written.mtimeNs).toBeGreaterThan(created.mtimeNs);
    expect(written.ctimeNs).toBeGreaterThan(changed.ctimeNs);
  }),
  check('truncation moves mtime', async (scene) => {
    const { fs, at } = scene;
    await put(scene, at('a'), 'content');
    const before = await fs.stat(at('a'));
    await nextTick();
    await withOpen(scene, at('a'), (fd) => fs.ftruncate(fd, 2));
    expect((await fs.stat(at('a'))).mtimeNs).toBeGreaterThan(before.mtimeNs);
  }),
  check('making and removing names moves the mtime of their directory', async (scene) => {
    const { fs, at } = scene;
    await fs.mkdir(at('d'));
    const steps = [
      () => put(scene, at('d/a')),
      () => fs.mkdir(at('d/sub')),
      () => fs.rename(at('d/a'), at('d/b')),
      () => fs.unlink(at('d/b')),
      () => fs.rmdir(at('d/sub')),
    ];
    for (const step of steps) {
      const before = await fs.stat(at('d'));
      await nextTick();
      await step();
      expect((await fs.stat(at('d'))).mtimeNs).toBeGreaterThan(before.mtimeNs);
    }
  }),
  check('an inode number stays with its file and is never shared by two', async (scene) => {
    const { fs, at } = scene;
    const seen = new Set<number>();
    for (let i = 0; i < 50; i += 1) {
      await put(scene, at(`f${i}`), `${i}`);
      seen.add((await fs.stat(at(`f${i}`))).ino);
    }
    expect(seen.size).toBe(50);
    const before = await fs.stat(at('f7'));
    await put(scene, at('f7'), 'again');
    await fs.rename(at('f7'), at('moved'));
    expect((await fs.stat(at('moved'))).ino).toBe(before.ino);
  }),
  check('a fifo can be made and is no file', async ({ fs, at }) => {
    await fs.mkfifo(at('pipe'));
    expect((await fs.lstat(at('pipe'))).mode & constants.S_IFMT).toBe(constants.S_IFIFO);
    await fs.unlink(at('pipe'));
    await expectErrno('ENOENT', () => fs.lstat(at('pipe')));
  }),
];

import { chmodSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { moveTree, recreateMountPoint } from '../../src/views/adopt-directory.js';
import { createTempDirectory } from '../support/tmp.js';

describe('a mount point that is made again', () => {
  test('is nobody else’s to write, whatever the umask', async () => {
    await using root = await createTempDirectory();
    const target = join(root.path, 'target');
    const umask = process.umask(0);
    try {
      await recreateMountPoint(target);
    } finally {
      process.umask(umask);
    }
    expect(lstatSync(target).mode & 0o777).toBe(0o755);
    await recreateMountPoint(target);
  });

  test('is refused where a symlink has taken its place, or could', async () => {
    await using root = await createTempDirectory();
    const [target, elsewhere] = [join(root.path, 'target'), join(root.path, 'elsewhere')];
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, target);
    await expect(recreateMountPoint(target)).rejects.toThrow('somebody else has made');
    chmodSync(root.path, 0o777);
    await expect(recreateMountPoint(join(root.path, 'other'))).rejects.toThrow('is writable');
    expect(readdirSync(root.path).sort()).toEqual(['elsewhere', 'target']);
  });
});

describe('a tree that is moved back', () => {
  test('takes an empty place, and no other', async () => {
    await using root = await createTempDirectory();
    const [from, to] = [join(root.path, 'from'), join(root.path, 'to')];
    for (const path of [from, to]) mkdirSync(path);
    writeFileSync(join(from, 'mine'), '');
    writeFileSync(join(to, 'other'), '');
    await expect(moveTree(from, to)).rejects.toThrow('holds files of its own');
    symlinkSync('to', join(root.path, 'link'));
    await expect(moveTree(from, join(root.path, 'link'))).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
    expect(readdirSync(from)).toEqual(['mine']);
    const empty = join(root.path, 'empty');
    mkdirSync(empty);
    await moveTree(from, empty);
    expect(readdirSync(empty)).toEqual(['mine']);
  });
});

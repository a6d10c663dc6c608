import { chmod, chown, lchown, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  createExclusiveDirectory,
  isExclusiveDirectory,
} from '../../src/host/private-directory.js';
import { createTempDirectory } from '../support/tmp.js';

test('is made with its parents, for this user alone, and may be there', async () => {
  await using root = await createTempDirectory();
  const directory = join(root.path, 'a/b/c');
  for (let time = 0; time < 2; time += 1) await createExclusiveDirectory(directory, 'private');
  for (const each of ['a', 'a/b', 'a/b/c']) {
    expect((await stat(join(root.path, each))).mode & 0o777).toBe(0o700);
  }
});

test.each(['file', 'link'])('is refused below a %s, and nothing hangs', async (kind) => {
  await using root = await createTempDirectory();
  const parent = join(root.path, 'parent');
  if (kind === 'file') await writeFile(parent, '');
  else await symlink('nowhere', parent);
  await expect(createExclusiveDirectory(join(parent, 'a/b'), 'own')).rejects.toThrow(
    /^cannot create .*parent\/a\/b: (?:ENOTDIR|ENOENT)/,
  );
});

test('is refused where it is a symbolic link', async () => {
  await using root = await createTempDirectory();
  const directory = join(root.path, 'open');
  await mkdir(directory);
  await symlink('open', join(root.path, 'link'));
  await expect(createExclusiveDirectory(join(root.path, 'link'), 'own')).rejects.toThrow(
    'is not a directory',
  );
});

test.each([
  [
    'directory that others may write',
    async (disk: string) => await chmod(disk, 0o777),
    /disk is writable/,
  ],
  [
    'directory of another user',
    async (disk: string) => await chown(disk, 65_534, 65_534),
    /disk belongs to another user/,
  ],
  [
    'symlink of another user',
    async (disk: string) => {
      await symlink('/', join(disk, 'way'));
      await lchown(join(disk, 'way'), 65_534, 65_534);
    },
    /way is a symlink of another user/,
  ],
])('is refused below a %s, and nothing is made there', async (_title, spoil, message) => {
  await using root = await createTempDirectory();
  const disk = join(root.path, 'disk');
  await mkdir(disk);
  await spoil(disk);
  const before = await readdir(disk);
  // Where others may exchange the symlink, it does not help that it leads to a good place.
  await symlink('disk', join(root.path, 'link'));
  for (const way of ['disk/way/a', 'link/way/a']) {
    await expect(createExclusiveDirectory(join(root.path, way), 'own')).rejects.toThrow(message);
  }
  expect(await readdir(disk)).toEqual(before);
});

test('may lie in a sticky directory, where nobody can exchange it', async () => {
  await using root = await createTempDirectory();
  await chmod(root.path, 0o1777);
  await createExclusiveDirectory(join(root.path, 'a'), 'private');
  expect(await isExclusiveDirectory(join(root.path, 'a'), 'private')).toBe(true);
  await chmod(root.path, 0o777);
  await expect(isExclusiveDirectory(join(root.path, 'a'), 'private')).rejects.toThrow('writable');
});

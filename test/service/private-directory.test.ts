import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createExclusiveDirectory } from '../../src/service/host/private-directory.js';
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

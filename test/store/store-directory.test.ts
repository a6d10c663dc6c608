import { chmod, chown, lchown, lstat, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/store/store-log.js';
import { openStore } from '../../src/store/store.js';
import { createTempDirectory } from '../support/tmp.js';
import { isStoreBuilt, runInChild } from './child-store.js';
import { createStoreWorld, storeUnit } from './store-world.js';

const isRoot = process.geteuid?.() === 0;

async function openAt(directory: string): Promise<void> {
  await (await openStore({ directory, log: silentLog })).close();
}

describe('the directory of a store', () => {
  it('is made for its user alone, whatever the umask', async () => {
    await using world = await createStoreWorld();
    for (const name of ['', 'v1', 'v1/blobs', 'v1/index', 'v1/staging', 'v1/quarantine']) {
      expect((await lstat(join(world.directory, name))).mode & 0o777).toBe(0o700);
    }
    expect(await readFile(join(world.directory, 'version'), 'utf8')).toBe('{"format":1}\n');
    expect(await readFile(join(world.directory, 'CACHEDIR.TAG'), 'utf8')).toMatch(
      /^Signature: 8a477f597d28d172789f06886806bc55\n/,
    );
  });

  it.each(['', 'v1', 'v1/blobs', 'v1/index'])(
    'is refused where others may write %j',
    async (name) => {
      await using root = await createTempDirectory();
      const directory = join(root.path, 'store');
      await openAt(directory);
      for (const mode of [0o720, 0o702]) {
        await chmod(join(directory, name), mode);
        await expect(openAt(directory)).rejects.toMatchObject({ code: 'XC_STORE_UNSAFE' });
      }
    },
  );

  it.runIf(isRoot)('is refused where it belongs to another user', async () => {
    await using root = await createTempDirectory();
    const directory = join(root.path, 'store');
    await openAt(directory);
    await chown(directory, 65_534, 65_534);
    await expect(openAt(directory)).rejects.toMatchObject({ code: 'XC_STORE_UNSAFE' });
  });

  it('is refused where it is a symlink or a file', async () => {
    await using root = await createTempDirectory();
    await mkdir(join(root.path, 'real'), { mode: 0o700 });
    await symlink('real', join(root.path, 'link'));
    await writeFile(join(root.path, 'file'), '');
    await expect(openAt(join(root.path, 'link'))).rejects.toMatchObject({
      code: 'XC_STORE_UNSAFE',
    });
    await expect(openAt(join(root.path, 'file'))).rejects.toThrow();
  });

  it('may lie behind a symlink of its user, but not below a directory open to all', async () => {
    await using root = await createTempDirectory();
    await mkdir(join(root.path, 'disk'), { mode: 0o700 });
    await symlink('disk', join(root.path, 'cache'));
    await openAt(join(root.path, 'cache', 'store'));
    await chmod(join(root.path, 'disk'), 0o777);
    await expect(openAt(join(root.path, 'cache', 'store'))).rejects.toMatchObject({
      code: 'XC_STORE_UNSAFE',
    });
    await chmod(join(root.path, 'disk'), 0o1777);
    await openAt(join(root.path, 'cache', 'store'));
  });

  it.runIf(isRoot)('is refused below a directory or behind a symlink of another user', async () => {
    await using root = await createTempDirectory();
    await mkdir(join(root.path, 'disk'), { mode: 0o700 });
    await symlink('disk', join(root.path, 'cache'));
    await lchown(join(root.path, 'cache'), 65_534, 65_534);
    await expect(openAt(join(root.path, 'cache', 'store'))).rejects.toThrow('symlink of another');
    await chown(join(root.path, 'disk'), 65_534, 65_534);
    await expect(openAt(join(root.path, 'disk', 'store'))).rejects.toThrow('another user');
  });

  it('is refused where a newer program made it, and both versions are named', async () => {
    await using root = await createTempDirectory();
    const directory = join(root.path, 'store');
    await openAt(directory);
    await writeFile(join(directory, 'version'), '{"format":7}\n');
    await expect(openAt(directory)).rejects.toMatchObject({
      code: 'XC_STORE_VERSION',
      message: expect.stringMatching(/format 7.*format 1/) as string,
    });
    await writeFile(join(directory, 'version'), 'nonsense');
    await expect(openAt(directory)).rejects.toMatchObject({ code: 'XC_STORE_VERSION' });
  });

  it('is emptied of what a killed write has left in staging', async () => {
    await using world = await createStoreWorld();
    const leftover = join(world.directory, 'v1/staging/leftover');
    await writeFile(leftover, 'half');
    await world.reopen();
    await expect(lstat(leftover)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('an open store', () => {
  it.runIf(isStoreBuilt)(
    'cannot be opened a second time in its process, and stays locked for others',
    async () => {
      await using world = await createStoreWorld();
      await expect(openAt(world.directory)).rejects.toMatchObject({ code: 'XC_STORE_LOCKED' });
      expect(await openInChild(world.directory)).toBe('XC_STORE_LOCKED');
      await storeUnit(world.store, ['one']);
      await world.store.close();
      expect(await openInChild(world.directory)).toBe('opened');
    },
  );

  it('fails every call after it was closed, and closes twice without harm', async () => {
    await using world = await createStoreWorld();
    await world.store.close();
    await world.store.close();
    expect(() => world.store.candidates('key')).toThrow('closed');
    await expect(storeUnit(world.store, ['one'])).rejects.toThrow('closed');
    await expect(world.store.hashFiles([{ path: '/etc/hostname', sync: false }])).rejects.toThrow(
      'closed',
    );
  });
});

/** Opens the store in another process; answers `opened` or the code of the error. */
async function openInChild(directory: string): Promise<string> {
  const script = `
    try {
      await (await openStore({ directory, log })).close();
      console.log('opened');
    } catch (error) {
      console.log(error.code);
    }`;
  return (await runInChild(script, directory)).stdout.trim();
}

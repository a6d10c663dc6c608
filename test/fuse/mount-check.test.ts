import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  checkMountPoint,
  prepareMountPoint,
  resolveMountPoint,
} from '../../src/fuse/mount/mount-check.js';
import { findMount } from '../../src/host/mount-table.js';
import { DriverHost, noMounts } from '../support/driver-host.js';
import { createTempDirectory } from '../support/tmp.js';

const check = {
  // What needs nothing but the system; the other one's helper has tests of its own.
  driver: process.geteuid?.() === 0 ? 'direct' : 'fuse-native',
  ownMountPoints: [],
  ownDirectories: [],
  helperPlace: { directory: '/nowhere', notice: () => undefined },
} as const;

describe('resolving a mount point', () => {
  test('follows symbolic links and keeps names that are missing', async () => {
    await using directory = await createTempDirectory();
    await mkdir(join(directory.path, 'disk'));
    await symlink('disk', join(directory.path, 'link'));
    expect(await resolveMountPoint(join(directory.path, 'link/target'))).toBe(
      join(directory.path, 'disk/target'),
    );
  });
});

describe.skipIf(noMounts !== undefined)(`preparing a mount point ${noMounts ?? ''}`, () => {
  test('creates a directory whose parent is there', async () => {
    await using directory = await createTempDirectory();
    const path = join(directory.path, 'target');
    expect(await prepareMountPoint(path, check)).toBe('created');
    expect(await prepareMountPoint(path, check)).toBe('ready');
  });

  test('refuses files, and directories without a parent', async () => {
    await using directory = await createTempDirectory();
    const file = join(directory.path, 'file');
    await writeFile(file, '');
    // Nobody can make a directory in /proc, root neither.
    const wrong = [file, join(file, 'target'), join(directory.path, 'a/b'), '/proc/target'];
    for (const path of wrong) {
      await expect(prepareMountPoint(path, check)).rejects.toMatchObject({
        code: 'XC_MOUNT_POINT',
      });
    }
  });

  test.each([0o777, 0o775, 0o1777])('looks at who may exchange it: mode %o above', async (mode) => {
    await using directory = await createTempDirectory();
    const [above, parent] = [join(directory.path, 'above'), join(directory.path, 'above/parent')];
    await mkdir(parent, { recursive: true });
    for (const each of [above, parent]) {
      // A group that is not this user's own.
      if (process.geteuid?.() === 0) await chown(each, 0, 65_534);
      else if (mode === 0o775) continue;
      await chmod(each, mode);
      const checked = checkMountPoint(join(parent, 'target'), check);
      if (mode === 0o1777) expect(await checked).toEqual({ kind: 'create' });
      else {
        const message = `${each} is writable for other users`;
        await expect(checked).rejects.toThrow(message);
      }
      await chmod(each, 0o755);
    }
  });

  test('refuses what another service serves', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    await expect(prepareMountPoint(host.mountPoint, check)).rejects.toMatchObject({
      code: 'XC_MOUNTED_ELSEWHERE',
    });
    await expect(checkMountPoint(join(host.mountPoint, 'in'), check)).rejects.toMatchObject({
      code: 'XC_NESTED',
    });
  });

  test('detaches what a killed service left, through a symbolic link too', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    await host.kill('SIGKILL');
    const link = join(host.directory.path, 'link');
    await symlink('mnt', link);
    expect(await resolveMountPoint(host.mountPoint)).toBe(host.mountPoint);
    expect(await prepareMountPoint(host.mountPoint, check)).toBe('ready');
    expect(findMount(host.mountPoint)).toBeUndefined();
    expect(await resolveMountPoint(link)).toBe(host.mountPoint);
  });
});

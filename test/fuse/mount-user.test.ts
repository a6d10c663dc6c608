import { spawnSync } from 'node:child_process';
import { chmod, lstat, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { describeHelperFailure, mountThroughHelper } from '../../src/fuse/mount/mount-helper.js';
import { ensureMountHelper } from '../../src/fuse/mount/mount-helper-build.js';
import { createTempDirectory } from '../support/tmp.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Counts how often something was compiled. */
function place(directory: string): Parameters<typeof ensureMountHelper>[0] & { notices: string[] } {
  const notices: string[] = [];
  return { directory, notices, notice: (message) => void notices.push(message) };
}

/** A search path and a CARGO_HOME where the only rustc is the given text, or none. */
async function stubRustc(directory: string, script: string | undefined): Promise<void> {
  vi.stubEnv('PATH', '/nowhere');
  vi.stubEnv('CARGO_HOME', directory);
  if (script === undefined) return;
  await mkdir(join(directory, 'bin'));
  await writeFile(join(directory, 'bin/rustc'), script, { mode: 0o755 });
}

const isRustcInSystem = spawnSync('rustc', ['-V'], { env: { PATH: '/usr/bin:/bin' } }).status === 0;

describe('the mount helper', () => {
  test('is compiled once, for its user alone', async () => {
    await using directory = await createTempDirectory();
    const state = join(directory.path, 'state');
    const { notices, ...where } = place(state);
    const path = await ensureMountHelper(where);
    const { uid, mode } = await lstat(path);
    expect([uid, mode & 0o777]).toEqual([process.geteuid?.(), 0o700]);
    expect(await ensureMountHelper(where)).toBe(path);
    expect(notices).toEqual([expect.stringMatching(/compiling.*about a second/)]);
    expect((await readdir(state)).length).toBe(1);
    expect(spawnSync(path, ['--check'], { encoding: 'utf8' }).stdout).toBe('ready\n');
  });

  test('is compiled again where others could have written it, or where it is empty', async () => {
    await using directory = await createTempDirectory();
    const { notices, ...where } = place(directory.path);
    const path = await ensureMountHelper(where);
    await chmod(path, 0o777);
    await ensureMountHelper(where);
    await writeFile(path, '');
    await ensureMountHelper(where);
    expect(notices.length).toBe(3);
    expect((await lstat(path)).size).toBeGreaterThan(0);
  });

  test('takes the place of other versions and of what a killed compilation left', async () => {
    await using directory = await createTempDirectory();
    const prefix = `mount-helper-${process.arch}-`;
    await writeFile(join(directory.path, `${prefix}0123456789abcdef`), '');
    await mkdir(join(directory.path, `${prefix}build-abcdef`));
    await writeFile(join(directory.path, 'mount-helper-other-0123456789abcdef'), '');
    await writeFile(join(directory.path, 'service.log'), '');
    await ensureMountHelper(place(directory.path));
    expect((await readdir(directory.path)).sort()).toEqual([
      'mount-helper-other-0123456789abcdef',
      expect.stringMatching(/^mount-helper-/),
      'service.log',
    ]);
  });

  test('is not put where others may write', async () => {
    await using directory = await createTempDirectory();
    await chmod(directory.path, 0o777);
    await expect(ensureMountHelper(place(directory.path))).rejects.toMatchObject({
      code: 'XC_NO_MOUNT_HELPER',
      hint: expect.stringContaining('chmod 700') as string,
    });
  });

  test('is compiled by the rustc of CARGO_HOME where the search path has none', async () => {
    await using directory = await createTempDirectory();
    const sysroot = spawnSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' }).stdout.trim();
    await stubRustc(directory.path, undefined);
    await mkdir(join(directory.path, 'bin'));
    await symlink(join(sysroot, 'bin/rustc'), join(directory.path, 'bin/rustc'));
    await ensureMountHelper(place(directory.path));
  });

  test.skipIf(isRustcInSystem)('is not to be had without rustc', async () => {
    await using directory = await createTempDirectory();
    await stubRustc(directory.path, undefined);
    await expect(ensureMountHelper(place(directory.path))).rejects.toMatchObject({
      code: 'XC_NO_MOUNT_HELPER',
      message: expect.stringContaining('no rustc') as string,
    });
  });

  test('is not to be had from a rustc that fails, whose words are passed on', async () => {
    await using directory = await createTempDirectory();
    await stubRustc(directory.path, '#!/bin/sh\necho "linker cc not found" >&2\nexit 1\n');
    await expect(ensureMountHelper(place(directory.path))).rejects.toMatchObject({
      code: 'XC_NO_MOUNT_HELPER',
      message: expect.stringContaining('linker cc not found') as string,
    });
    expect(await readdir(directory.path)).toEqual(['bin']);
  });

  test('is tried out before it counts', async () => {
    await using directory = await createTempDirectory();
    const script = '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\ncp /bin/false "$2"\n';
    await stubRustc(directory.path, script);
    await expect(ensureMountHelper(place(directory.path))).rejects.toMatchObject({
      code: 'XC_NO_MOUNT_HELPER',
      message: expect.stringContaining('cannot be run') as string,
    });
    expect(await readdir(directory.path)).toEqual(['bin']);
  });
});

describe('mounting through the helper', () => {
  test.each([
    ['is missing', undefined],
    ['is damaged', 'not a program'],
  ])('has it compiled anew the next time where it %s', async (_title, content) => {
    await using directory = await createTempDirectory();
    const helper = join(directory.path, 'helper');
    if (content !== undefined) await writeFile(helper, content, { mode: 0o700 });
    const mount = { helper, mountPoint: directory.path, options: '', fd: 2 };
    await expect(mountThroughHelper(mount)).rejects.toMatchObject({
      code: 'XC_MOUNT_FAILED',
      hint: expect.stringContaining('compiled anew') as string,
    });
    expect(await readdir(directory.path)).toEqual([]);
  });
});

describe('a mount that fusermount3 refuses', () => {
  const failure = (status: number, stderr: string): { code: string; hint: string | undefined } =>
    describeHelperFailure('/w/target', { kind: 'exited', status, stdout: '', stderr });

  test.each([
    [127, 'mount-helper: fusermount3 is missing', 'XC_NO_FUSERMOUNT', /apt install fuse3/],
    [126, 'mount-helper: this user may not run it', 'XC_NO_FUSERMOUNT', /ls -lL/],
    [1, 'fusermount3: too many FUSE filesystems mounted; …', 'XC_MOUNT_FAILED', /mount_max/],
    [1, 'fusermount3: mount failed: Operation not permitted', 'XC_MOUNT_FAILED', /set-uid root/],
    [1, 'fusermount3: could not determine username', 'XC_MOUNT_FAILED', /getent passwd/],
    [125, 'mount-helper: FUSE_DEV_IOC_CLONE: …', 'XC_MOUNT_FAILED', /--driver fuse-native/],
  ])('with status %i and %j says what to do', (status, stderr, code, hint) => {
    expect(failure(status, stderr)).toMatchObject({
      code,
      hint: expect.stringMatching(hint) as string,
    });
  });

  test('passes on what it does not know', () => {
    expect(failure(1, 'fusermount3: something else')).toMatchObject({
      message: '/w/target: fusermount3: something else',
      hint: undefined,
    });
  });
});

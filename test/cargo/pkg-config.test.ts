import { describe, expect, test } from 'vitest';
import { pkgConfigDirectories, pkgConfigPrograms } from '../../src/cargo/pkg-config.js';

const own = ['/usr/lib/pkgconfig'];

describe('pkg-config', () => {
  test.each([
    [{}, own],
    [{ PKG_CONFIG_PATH: '/a:/b:' }, ['/a', '/b', ...own]],
    [{ PKG_CONFIG_PATH: 'rel' }, ['/crate/rel', ...own]],
    [{ PKG_CONFIG_LIBDIR: '/c' }, ['/c']],
    [{ PKG_CONFIG_LIBDIR: '', PKG_CONFIG_PATH: '' }, own],
    [{ 'PKG_CONFIG_LIBDIR_x86_64-unknown-linux-gnu': '/c' }, ['/c', ...own]],
    [{ HOST_PKG_CONFIG_PATH: '/h', TARGET_PKG_CONFIG_PATH: '/t' }, ['/h', '/t', ...own]],
    [{ PKG_CONFIG_PATH_aarch64_unknown_linux_gnu: '/x' }, ['/x', ...own]],
    [{ PKG_CONFIG_PATHS: '/no', MY_PKG_CONFIG_PATH: '/no', PKG_CONFIG_SYSROOT_DIR: '/no' }, own],
  ])('looks with %o in %o', (variables: Readonly<Record<string, string>>, directories) => {
    expect(pkgConfigDirectories(variables, own, '/crate')).toEqual(directories);
  });

  test('is started by its name, or by what a variable names', () => {
    expect(pkgConfigPrograms({})).toEqual(['pkg-config', 'pkgconf']);
    expect(
      pkgConfigPrograms({
        PKG_CONFIG: '/opt/pc',
        TARGET_PKG_CONFIG: 'cross-pc',
        PKG_CONFIG_ALLOW_CROSS: '1',
      }),
    ).toEqual(['/opt/pc', 'cross-pc', 'pkg-config', 'pkgconf']);
  });
});

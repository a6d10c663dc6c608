import { describe, expect, test } from 'vitest';
import { headerDirectories } from '../../src/service/units/header-inputs.js';

describe('headerDirectories', () => {
  test('are those of the search paths of compilers', () => {
    const variables = { CPATH: '/x/a:relative::/x/b/', C_INCLUDE_PATH: '/x/c', PATH: '/x/d' };
    expect(headerDirectories(variables)).toEqual(['/x/a', '/x/b', '/x/c']);
  });

  test('are those of options in flags', () => {
    const variables = {
      CFLAGS: '-O2 -I/x/a -I /x/b -isystem /x/c -L/x/lib',
      CXXFLAGS_x86_64_unknown_linux_gnu: '--sysroot=/x/d -iquote/x/e -Irelative',
    };
    expect(headerDirectories(variables)).toEqual(['/x/a', '/x/b', '/x/c', '/x/d', '/x/e']);
  });
});

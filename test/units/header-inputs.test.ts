import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HostFiles } from '../../src/host/host-files.js';
import { headerDirectories } from '../../src/units/header-inputs.js';
import { InputVerifier } from '../../src/units/input-verifier.js';
import type { InputSet } from '../../src/units/unit-facts.js';
import { createTempDirectory } from '../support/tmp.js';

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

describe('a set of directories', () => {
  test('has their names and times, not the bytes of the files in them', async () => {
    await using directory = await createTempDirectory();
    const root = join(directory.path, 'include');
    const deep = join(root, 'sub', 'deep');
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(root, 'a.h'), '1');
    const files = new HostFiles(() => []);
    const memory = { inputRow: () => undefined, putInputRows: () => undefined };
    const verifier = new InputVerifier(files, memory);
    const record = (notAfterNs = 1n << 62n): ReturnType<InputVerifier['record']> => {
      files.beginQuestion();
      return verifier.record({ kind: 'directories', root, paths: [] }, notAfterNs);
    };
    const isSame = (set: ReturnType<InputVerifier['record']>): boolean => {
      files.beginQuestion();
      return verifier.difference(set as InputSet) === undefined;
    };
    const before = record();
    expect(before.kind).toBe('directories');
    writeFileSync(join(root, 'a.h'), '2');
    expect(isSame(before)).toBe(true);
    writeFileSync(join(deep, 'new.h'), '1');
    expect(isSame(before)).toBe(false);
    expect(record(1n).kind).toBe('unrecorded');
    rmSync(root, { recursive: true });
    const missing = record();
    expect(isSame(missing)).toBe(true);
    writeFileSync(root, '');
    expect(isSame(missing)).toBe(false);
  });
});

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dynamicNames } from '../../src/cargo/elf-needed.js';
import { createTempDirectory } from '../support/tmp.js';

test('a linked file tells what it needs, and its own name', async () => {
  await using directory = await createTempDirectory();
  const at = (name: string): string => join(directory.path, name);
  await writeFile(at('a.c'), 'int a(void) { return 1; }\n');
  await writeFile(at('b.c'), 'int a(void); int b(void) { return a(); }\n');
  const link = (...args: string[]): void => {
    expect(spawnSync('cc', ['-shared', '-fPIC', '-nostdlib', ...args]).status).toBe(0);
  };
  link(at('a.c'), '-o', at('liba.so'), '-Wl,-soname,liba.so.1');
  link(at('b.c'), '-o', at('libb.so'), `-L${directory.path}`, '-la');
  expect(dynamicNames(readFileSync(at('liba.so')))).toEqual({ needed: [], soname: 'liba.so.1' });
  const b = readFileSync(at('libb.so'));
  expect(dynamicNames(b)).toEqual({ needed: ['liba.so.1'], soname: undefined });
  expect(dynamicNames(b.subarray(0, 100))).toBeUndefined();
});

test('what is no ELF file tells nothing', () => {
  expect(dynamicNames(Buffer.from('INPUT(-lfoo)'))).toBeUndefined();
});

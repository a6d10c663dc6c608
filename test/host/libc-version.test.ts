import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { libcVersion, libcVersionOf } from '../../src/host/libc-version.js';
import { runCommand } from '../../src/host/run-command.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

let directory: TempDirectory;
const savedPath = process.env['PATH'];

beforeEach(async () => {
  directory = await createTempDirectory();
});

afterEach(async () => {
  process.env['PATH'] = savedPath;
  await directory[Symbol.asyncDispose]();
});

/** A memory map in which only this file is a library. */
function mapOf(name: string, content: string): string {
  const library = join(directory.path, name);
  writeFileSync(library, content);
  const maps = join(directory.path, 'maps');
  writeFileSync(
    maps,
    `00400000-00452000 r-xp 00000000 08:02 1 /usr/bin/node\n7f00-7f01 r-xp 00000000 08:02 2 ${library}\n`,
  );
  return maps;
}

test('the libc of this machine is known without any program on the PATH', async () => {
  const answer = await runCommand('getconf', ['GNU_LIBC_VERSION']);
  const stdout = answer.kind === 'exited' ? answer.stdout : '';
  process.env['PATH'] = directory.path;
  if (stdout.startsWith('glibc')) expect(libcVersion()).toBe(stdout.trim());
  else expect(libcVersion()).not.toBe('');
});

test('the version of glibc stands in its file', () => {
  const text = 'GNU C Library (Some Distribution 2.36-9+u1) stable release version 2.36.\n';
  expect(libcVersionOf(mapOf('libc.so.6', `\0\x7f${text}`))).toBe('glibc 2.36');
  expect(libcVersionOf(mapOf('libc-2.31.so', text))).toBe('glibc 2.36');
});

test('another libc stands for its file', () => {
  const first = libcVersionOf(mapOf('ld-musl-x86_64.so.1', 'one'));
  expect(first).toMatch(/^not glibc: .*ld-musl/);
  expect(libcVersionOf(mapOf('ld-musl-x86_64.so.1', 'another'))).not.toBe(first);
});

test('a machine that does not tell stands for itself alone', () => {
  const maps = join(directory.path, 'maps');
  expect(libcVersionOf(maps)).toBe(`unknown libc of ${hostname()}`);
  writeFileSync(maps, '7f00-7f01 r-xp 00000000 08:02 2 /nowhere/libc.so.6\n');
  expect(libcVersionOf(maps)).toBe(`unknown libc of ${hostname()}`);
});

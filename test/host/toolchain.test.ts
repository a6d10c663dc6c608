/** Which compiler a cargo process uses, and how seldom it is asked. */
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HostFiles } from '../../src/host/host-files.js';
import { ToolchainProbe } from '../../src/host/toolchain.js';
import { createTempDirectory } from '../support/tmp.js';

/** A `rustc` that is a link to `program`, which notes where it was asked for what. */
function createCompiler(directory: string, program: string): { calls: () => readonly string[] } {
  const sysroot = join(directory, 'sysroot');
  const calls = join(directory, 'calls');
  mkdirSync(join(sysroot, 'lib'), { recursive: true });
  writeFileSync(join(sysroot, 'lib/librustc_driver-1.so'), '');
  writeFileSync(calls, '');
  const script = [
    '#!/bin/sh',
    `echo "$(basename "$PWD") $1" >> '${calls}'`,
    `if [ "$1" = -vV ]; then echo 'rustc 1.95.0'; else echo '${sysroot}'; fi`,
  ];
  writeFileSync(join(directory, program), `${script.join('\n')}\n`);
  chmodSync(join(directory, program), 0o755);
  symlinkSync(program, join(directory, 'rustc'));
  for (const name of ['a', 'b']) mkdirSync(join(directory, name));
  return { calls: () => readFileSync(calls, 'utf8').trimEnd().split('\n') };
}

describe('a compiler', () => {
  test.each([
    { program: 'rustup', toolchain: 'stable', asked: ['a'] },
    { program: 'rustup', toolchain: '/opt/own', asked: ['a'] },
    { program: 'rustup', toolchain: './own', asked: ['a', 'b'] },
    { program: 'rustup', toolchain: undefined, asked: ['a', 'b'] },
    { program: 'wrapper', toolchain: 'stable', asked: ['a', 'b'] },
  ])('behind $program is asked in $asked with RUSTUP_TOOLCHAIN=$toolchain', async (scene) => {
    await using directory = await createTempDirectory();
    const { calls } = createCompiler(directory.path, scene.program);
    const probe = new ToolchainProbe(new HostFiles(() => []));
    const env = {
      PATH: `${directory.path}:/usr/bin:/bin`,
      ...(scene.toolchain === undefined ? {} : { RUSTUP_TOOLCHAIN: scene.toolchain }),
    };
    for (const name of ['a', 'b', 'a']) {
      const found = probe.probe('rustc', env, join(directory.path, name));
      expect(found?.verboseVersion).toBe('rustc 1.95.0\n');
    }
    expect(calls()).toEqual(scene.asked.flatMap((name) => [`${name} -vV`, `${name} --print`]));
  });
});

import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HostFiles } from '../../src/host/host-files.js';
import { environmentOfTool, programWords, ToolIdentities } from '../../src/host/tools.js';
import { createTempDirectory } from '../support/tmp.js';

function writeProgram(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** Programs below `root`, with those of the system behind them. */
function toolsOf(root: string, directories: readonly string[], mount?: string): ToolIdentities {
  const entries = [...directories.map((name) => join(root, name)), '/usr/bin', '/bin'];
  return new ToolIdentities({
    variables: { PATH: entries.join(':') },
    workingDirectory: root,
    files: new HostFiles(() => (mount === undefined ? [] : [join(root, mount)])),
  });
}

describe('the identity of a program', () => {
  test('is that of the file that PATH leads to first', async () => {
    await using directory = await createTempDirectory();
    const root = directory.path;
    writeProgram(join(root, 'a/foo-config'), 'binary a');
    writeProgram(join(root, 'b/foo-config'), 'binary b');
    symlinkSync('a', join(root, 'link'));
    const identity = toolsOf(root, ['a', 'b']).identify('foo-config');
    expect(identity).not.toBe(null);
    expect(toolsOf(root, ['link', 'b']).identify('foo-config')).toBe(identity);
    expect(toolsOf(root, ['b', 'a']).identify('foo-config')).not.toBe(identity);
    expect(toolsOf(root, ['b']).identify(join(root, 'a/foo-config'))).toBe(identity);
    expect(toolsOf(root, []).identify('foo-config')).toBe(null);
  });

  test('comes with the variables that a script, and what it chooses, may read', async () => {
    await using directory = await createTempDirectory();
    const root = directory.path;
    writeProgram(
      join(root, 'a/my-ld'),
      `#!/bin/sh\n: \${SWITCH:-1} $PATH\nexec inner "$@" $EXTRA\n`,
    );
    writeProgram(join(root, 'a/inner'), '#!/usr/bin/env python3\nos.environ.get("INNER")\n');
    writeProgram(join(root, 'a/plain'), 'binary $NAME');
    const tools = toolsOf(root, ['a']);
    expect(tools.variablesOf('my-ld')).toEqual(['SWITCH', 'EXTRA', 'INNER']);
    expect(tools.variablesOf('plain')).toEqual([]);
    expect(tools.variablesOf('absent')).toEqual([]);
  });

  test('is none below a mount of ours, and for what cannot be run', async () => {
    await using directory = await createTempDirectory();
    const root = directory.path;
    writeProgram(join(root, 'target/foo-config'), 'binary');
    expect(toolsOf(root, ['target'], 'target').identify('foo-config')).toBe(null);
    writeFileSync(join(root, 'plain'), 'text');
    expect(toolsOf(root, ['.']).identify('plain')).toBe(null);
  });

  test('of a compiler cache has the compiler behind it', async () => {
    await using directory = await createTempDirectory();
    const root = directory.path;
    writeProgram(join(root, 'cache/ccache'), 'binary');
    symlinkSync('ccache', join(root, 'cache/cc'));
    writeProgram(join(root, 'real/cc'), 'compiler 1');
    const before = toolsOf(root, ['cache', 'real']).identify('cc');
    expect(toolsOf(root, ['cache', 'real']).identify('cc')).toBe(before);
    writeProgram(join(root, 'real/cc.new'), 'compiler 2');
    renameSync(join(root, 'real/cc.new'), join(root, 'real/cc'));
    expect(toolsOf(root, ['cache', 'real']).identify('cc')).not.toBe(before);
  });

  test('of a script has the programs that it names, and those that they name', async () => {
    await using directory = await createTempDirectory();
    const root = directory.path;
    writeProgram(join(root, 'bin/cc'), `#!/bin/sh\nexec wrapped-cc "$@"\n`);
    writeProgram(join(root, 'bin/wrapped-cc'), `#!/bin/sh\nexec ${root}/opt/compiler "$@"\n`);
    writeProgram(join(root, 'opt/compiler'), '#!/bin/sh\necho 1\n');
    const before = toolsOf(root, ['bin']).identify('cc');
    expect(toolsOf(root, ['bin']).identify('cc')).toBe(before);
    writeProgram(join(root, 'opt/compiler.new'), '#!/bin/sh\necho 1\n');
    renameSync(join(root, 'opt/compiler.new'), join(root, 'opt/compiler'));
    expect(toolsOf(root, ['bin']).identify('cc')).not.toBe(before);
  });

  test('of a script has the files that it names by their paths', async () => {
    await using directory = await createTempDirectory();
    const root = directory.path;
    const object = join(root, 'z.o');
    writeProgram(join(root, 'a/my-ld'), `#!/bin/sh\nexec cc "$@" ${object}\n`);
    writeFileSync(object, 'one');
    const before = toolsOf(root, ['a']).identify('my-ld');
    expect(toolsOf(root, ['a']).identify('my-ld')).toBe(before);
    writeFileSync(object, 'another');
    expect(toolsOf(root, ['a']).identify('my-ld')).not.toBe(before);
  });

  test('of a shim has what it answers when asked for its version', async () => {
    await using directory = await createTempDirectory();
    const root = directory.path;
    writeProgram(join(root, 'shims/python3'), `#!/bin/sh\ncat ${root}/chosen\n`);
    writeFileSync(join(root, 'chosen'), 'Python 3.9');
    const before = toolsOf(root, ['shims']).identify('python3');
    expect(toolsOf(root, ['shims']).identify('python3')).toBe(before);
    writeFileSync(join(root, 'chosen'), 'Python 3.12');
    expect(toolsOf(root, ['shims']).identify('python3')).not.toBe(before);
  });

  test('of the interpreter of a virtual environment is the system’s, and the environment is told', async () => {
    await using directory = await createTempDirectory();
    const root = directory.path;
    writeProgram(join(root, 'usr/python3'), 'binary');
    mkdirSync(join(root, 'venv/bin'), { recursive: true });
    symlinkSync(join(root, 'usr/python3'), join(root, 'venv/bin/python3'));
    writeFileSync(join(root, 'venv/pyvenv.cfg'), 'version = 3.9');
    const [system, venv] = [toolsOf(root, ['usr']), toolsOf(root, ['venv/bin', 'usr'])];
    expect(venv.identify('python3')).toBe(system.identify('python3'));
    const name = environmentOfTool('python3');
    expect(system.identify(name)).toBe(null);
    expect(venv.identify(name)).toContain(join(root, 'venv/bin/python3'));
    writeFileSync(join(root, 'venv/pyvenv.cfg'), 'version = 3.12');
    expect(toolsOf(root, ['venv/bin']).identify(name)).not.toBe(venv.identify(name));
  });

  test('is in doubt where the program, or a directory before it, was changed since', async () => {
    await using directory = await createTempDirectory();
    const root = directory.path;
    mkdirSync(join(root, 'first'));
    writeProgram(join(root, 'second/foo-config'), 'binary');
    const tools = toolsOf(root, ['first', 'second']);
    const nowNs = BigInt(Date.now() + 60_000) * 1_000_000n;
    expect(tools.isChangedSince('foo-config', nowNs)).toBe(false);
    expect(tools.isChangedSince('foo-config', 0n)).toBe(true);
    expect(tools.isChangedSince('missing', nowNs)).toBe(false);
    expect(tools.isChangedSince('missing', 0n)).toBe(true);
  });
});

test('values of variables name programs by words that are not options', () => {
  expect(programWords('ccache gcc -m32 X=y', '/p')).toEqual(['ccache', 'gcc']);
  expect(programWords('tools/cc', '/p')).toEqual(['/p/tools/cc']);
  expect(programWords('/opt/cc', '/p')).toEqual(['/opt/cc']);
  expect(programWords('-O2 -g', '/p')).toEqual([]);
});

describe('a program that is not there', () => {
  test('may have come since where its directory changed, or where it was looked for before', async () => {
    await using directory = await createTempDirectory();
    const root = directory.path;
    writeProgram(join(root, 'a/tool'), 'binary');
    const tools = new ToolIdentities({
      variables: { PATH: join(root, 'a') },
      workingDirectory: root,
      files: new HostFiles(() => []),
    });
    const later = BigInt(Date.now() + 60_000) * 1_000_000n;
    expect(tools.isOnPath('tool')).toBe(true);
    expect(tools.isOnPath('other')).toBe(false);
    expect(tools.identify('other')).toBe(null);
    expect(tools.isChangedSince('other', later)).toBe(false);
    expect(tools.isChangedSince('other', 0n)).toBe(true);
    await Promise.resolve();
    writeProgram(join(root, 'a/other'), 'binary');
    expect(tools.isChangedSince('other', later)).toBe(true);
  });
});

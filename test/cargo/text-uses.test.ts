/* eslint-disable no-template-curly-in-string -- texts of shells */
import { describe, expect, it } from 'vitest';
import { isRunnableText, textUses } from '../../src/cargo/text-uses.js';

function variablesOf(path: string, text: string): readonly string[] {
  return [...textUses(path, text).variables].sort();
}

describe('a text that a script may run', () => {
  it('is known by its name, its mode or its first line; sources and documents are none', () => {
    for (const name of [
      'gen.sh',
      'gen.py',
      'CMakeLists.txt',
      'Makefile.inc',
      'x.mk',
      'configure',
    ]) {
      expect(isRunnableText(name, false, '')).toBe(true);
    }
    expect(isRunnableText('run', true, '')).toBe(true);
    expect(isRunnableText('run', false, '#!')).toBe(true);
    for (const name of ['lib.rs', 'a.c', 'b.h', 'README.md', 'config.h.in', 'run']) {
      expect(isRunnableText(name, name === 'a.c', '')).toBe(false);
    }
  });

  it('reads variables of the environment, in the way of its language', () => {
    const shell = 'echo "$ONE ${TWO:-none} $PATH ${#THREE}" $1 $$ $as_me\n';
    expect(variablesOf('gen.sh', shell)).toEqual(['ONE', 'THREE', 'TWO']);
    expect(variablesOf('Makefile', 'XMODE ?= none\nifdef DEEP\nall: ; echo $(OTHER)\n')).toEqual([
      ...['DEEP', 'OTHER', 'XMODE'],
    ]);
    const python =
      'os.environ["A1"]; os.environ.get("B1"); os.getenv(\'C1\'); "D1" in os.environ; "$E1"';
    expect(variablesOf('gen.py', python)).toEqual(['A1', 'B1', 'C1', 'D1']);
    expect(variablesOf('gen.pl', 'print $ENV{A1}; print $other;')).toEqual(['A1']);
    expect(variablesOf('CMakeLists.txt', 'find_package(Foo REQUIRED) ${VAR} $ENV{A1}')).toEqual([
      ...['A1', 'FOO_DIR', 'FOO_ROOT', 'Foo_DIR', 'Foo_ROOT'],
    ]);
  });

  it('starts programs where a command begins, or where it looks for one', () => {
    const commands = (path: string, text: string): readonly string[] => [
      ...textUses(path, text).commands,
    ];
    expect(
      commands('gen.sh', 'tool-a x || tool-b\nif command -v tool-c; then tool-d; fi\n'),
    ).toEqual(expect.arrayContaining(['tool-a', 'tool-b', 'tool-c', 'tool-d']));
    expect(commands('Makefile', 'all:\n\t@tool-e x\n')).toContain('tool-e');
    expect(commands('x.cmake', 'find_program(T NAMES tool-f)')).toEqual(['tool-f']);
    expect(commands('gen.py', 'shutil.which("tool-g"); subprocess.run(["tool-h", "x"])')).toEqual([
      ...['tool-g', 'tool-h'],
    ]);
    expect([...textUses('gen.sh', 'x /opt/t/bin/y').words]).toEqual(['x', '/opt/t/bin/y']);
  });
});

import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd } from '../support/world.js';
import {
  createBuilder,
  macroOf,
  pathWith,
  scripted,
  userOf,
  writeProgram,
} from './asking-crates.js';
import { gitCheckout } from './crates.js';

describeEndToEnd('what a script or macro uses without saying so', () => {
  test('is a program of a name that is another one on PATH, also in a library of the script', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      {
        by_name: scripted('answer(Command::new("foo-config"))'),
        asks: {
          lib: 'pub fn ask() -> Vec<u8> { std::process::Command::new("bar-config").output().unwrap().stdout }\n',
        },
        by_library: scripted('String::from_utf8(asks::ask()).unwrap().trim().to_string()', [
          'asks',
        ]),
        by_variable: scripted('answer(Command::new(std::env::var("FOO_TOOL").unwrap()))'),
        plain: scripted(
          'let mut c = Command::new(std::env::var("RUSTC").unwrap()); c.arg("--version"); answer(c)',
        ),
      },
      ['by_name', 'by_library', 'by_variable', 'plain'],
    );
    for (const [directory, answer] of [
      ['one', 'first'],
      ['two', 'second'],
    ] as const) {
      await writeProgram(join(world.path, directory, 'foo-config'), `echo ${answer}`);
      await writeProgram(join(world.path, directory, 'bar-config'), `echo ${answer}`);
      await writeProgram(join(world.path, directory, 'baz-config'), `echo ${answer}`);
    }
    const env = (directory: string): Record<string, string> => ({
      ...pathWith(world, directory),
      FOO_TOOL: 'baz-config',
    });
    await build('a', env('one'));
    const other = await build('b', env('two'));
    expect(other.output).toContain('by_name second');
    expect(other.compiled).not.toContain('plain run');
    const misses = (await other.workspace.explain()).map(({ message }) => message).join('\n');
    expect(misses).toContain('the script runs `foo-config`, found elsewhere on PATH here');
    expect((await build('c', env('one'))).compiled).toEqual(['app']);
    expect((await build('d', env('two'))).compiled).toEqual(['app']);
  });

  test('is the compiler behind a cache, and what a version manager chooses', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      {
        by_cc: scripted('let mut c = Command::new("cc"); c.arg("-dumpversion"); answer(c)'),
        by_python: scripted('let mut c = Command::new("python3"); c.arg("--version"); answer(c)'),
      },
      ['by_cc', 'by_python'],
    );
    const compiler = (version: string): string =>
      `[ "$1" = -dumpversion ] && echo ${version} && exit\nexec /usr/bin/cc "$@"`;
    await writeProgram(
      join(world.path, 'cache/ccache'),
      'PATH=$(echo "$PATH" | cut -d: -f2-) exec cc "$@"',
    );
    await symlink('ccache', join(world.path, 'cache/cc'));
    await writeProgram(join(world.path, 'real/cc'), compiler('1'));
    await writeProgram(join(world.path, 'real/python3'), `exec "$(cat ${world.path}/chosen)" "$@"`);
    await writeFile(join(world.path, 'chosen'), join(world.path, 'python-1'));
    for (const number of ['1', '2']) {
      await writeProgram(join(world.path, `python-${number}`), `echo Python ${number}`);
    }
    const env = pathWith(world, 'cache', 'real');
    await build('a', env);
    expect((await build('b', env)).compiled).toEqual(['app']);
    await writeFile(join(world.path, 'chosen'), join(world.path, 'python-2'));
    const chosen = await build('c', env);
    expect(chosen.output).toContain('by_python Python 2');
    await writeProgram(join(world.path, 'real/cc'), compiler('2'));
    expect((await build('d', env)).output).toContain('by_cc 2');
  });

  test('is a variable that a macro reads: itself, by a library, by a name that it is told', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      {
        direct: macroOf('std::env::var("GREETING").unwrap_or_default()'),
        helper: {
          lib: 'pub fn read() -> String { std::env::var("HELPED").unwrap_or_default() }\n',
        },
        helped: macroOf('helper::read()', { helper: '{ path = "../helper" }' }),
        told: macroOf(
          `let name = input.to_string().trim_matches('"').to_string(); std::env::var(&name).unwrap_or_default()`,
        ),
        quoted: {
          library: 'proc-macro = true',
          lib: `use proc_macro::TokenStream;
#[proc_macro]
pub fn value(input: TokenStream) -> TokenStream {
    format!("option_env!({input}).unwrap_or_default()").parse().unwrap()
}
`,
        },
        use_direct: userOf('direct'),
        use_helped: userOf('helped'),
        use_told: userOf('told', '"TOLD"'),
        use_lower: userOf('told', '"told_lower"'),
        use_word: userOf('told', 'WORD'),
        use_quoted: userOf('quoted', '"QUOTED"'),
      },
      ['use_direct', 'use_helped', 'use_told', 'use_lower', 'use_word', 'use_quoted'],
    );
    await build('a');
    const names = ['GREETING', 'HELPED', 'TOLD', 'told_lower', 'WORD', 'QUOTED'];
    const users = ['use_direct', 'use_helped', 'use_told', 'use_lower', 'use_word', 'use_quoted'];
    const { compiled, output } = await build(
      'b',
      Object.fromEntries(names.map((name) => [name, 'set'])),
    );
    expect(output.split('\n')).toEqual(users.map((user) => `${user} set`));
    expect([...compiled].sort()).toEqual(['app', ...users].sort());
    expect((await build('c')).compiled).toEqual(['app']);
  });

  test('is a variable that a library of a script reads', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      {
        helper: {
          lib: 'pub fn read() -> String { std::env::var("LIBRARY_MODE").unwrap_or_default() }\n',
        },
        by_library: scripted('helper::read()', ['helper']),
      },
      ['by_library'],
    );
    await build('a');
    expect((await build('b', { LIBRARY_MODE: 'x' })).output).toBe('by_library x');
    expect((await build('c', { LIBRARY_MODE: 'x' })).compiled).toEqual(['app']);
  });

  test('is a variable that only the compiler reads which a script starts', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      {
        by_cc: scripted(
          'let mut c = Command::new("cc"); c.args(["-E", "-P", "-include", "word.h", "-xc", "/dev/null"]); answer(c)',
        ),
      },
      ['by_cc'],
    );
    for (const word of ['one', 'two']) {
      await mkdir(join(world.path, word));
      await writeFile(join(world.path, word, 'word.h'), `${word}\n`);
    }
    const env = (word: string): Record<string, string> => ({ CPATH: join(world.path, word) });
    expect((await build('a', env('one'))).output).toBe('by_cc one');
    expect((await build('b', env('two'))).output).toBe('by_cc two');
    expect((await build('c', env('one'))).compiled).toEqual(['app']);
  });

  test('is PROFILE, where a profile of its own name may inherit another', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      { by_profile: scripted('std::env::var("PROFILE").unwrap()') },
      ['by_profile'],
    );
    const inheriting = (from: string): string =>
      `[profile.fast]\ninherits = "${from}"\nopt-level = 0\ndebug = 0\ndebug-assertions = false\noverflow-checks = false\nincremental = false\ncodegen-units = 16\nlto = false\nstrip = "none"\npanic = "unwind"\n[profile.fast.build-override]\nopt-level = 0\ncodegen-units = 16\n`;
    const args = ['--profile', 'fast'];
    const first = await build('a', {}, { manifest: inheriting('dev'), args });
    expect(first.output).toBe('by_profile debug');
    const decisions = await first.workspace.explain();
    expect(decisions.map(({ reason }) => reason)).toContain('custom-profile');
    const second = await build('b', {}, { manifest: inheriting('release'), args });
    expect(second.output).toBe('by_profile release');
  });

  test('is a file of the package that a macro reads', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      {
        reads: macroOf(
          'std::fs::read_to_string(std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/text.txt").unwrap()',
        ),
        use_reads: { ...userOf('reads'), files: { 'text.txt': 'one' } },
      },
      ['use_reads'],
    );
    expect((await build('a')).output).toBe('use_reads one');
    await writeFile(join(await gitCheckout(world), 'use_reads/text.txt'), 'two');
    expect((await build('b')).output).toBe('use_reads two');
    expect((await build('c')).compiled).toEqual(['app']);
  });

  test('is a file that a macro finds outside of its package', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      {
        walks: macroOf(
          `let root = std::env::var("CARGO_MANIFEST_DIR").unwrap(); std::path::Path::new(&root).ancestors().find_map(|d| std::fs::read_to_string(d.join(".env")).ok()).unwrap_or_default()`,
        ),
        use_walks: userOf('walks'),
      },
      ['use_walks'],
    );
    await writeFile(join(world.path, '.env'), 'one');
    const first = await build('a');
    const reasons = (await first.workspace.explain()).map(({ reason }) => reason);
    expect(reasons).toContain('macro-reads-files');
    await writeFile(join(world.path, '.env'), 'two');
    expect((await build('b')).output).toBe('use_walks two');
  });
});

describeEndToEnd('what a script does not use', () => {
  test('costs nothing: other tools on PATH, a virtual environment, variables of another system', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      {
        silent: scripted('"silent".to_string()'),
        plain: scripted(
          'let mut c = Command::new(std::env::var("RUSTC").unwrap()); c.arg("--version"); answer(c)',
        ),
        steered: scripted('let mut c = Command::new("cc"); c.arg("-dumpversion"); answer(c)'),
        by_python: scripted(
          'let mut c = Command::new("python3"); c.arg("-c").arg("import sys; print(sys.prefix)"); answer(c)',
        ),
        macros: macroOf('"fixed".to_string()'),
        use_macros: userOf('macros'),
      },
      ['silent', 'plain', 'steered', 'by_python', 'use_macros'],
    );
    await build('a');
    const venv = join(world.path, 'venv');
    await mkdir(join(venv, 'bin'), { recursive: true });
    await symlink('/usr/bin/python3', join(venv, 'bin/python3'));
    await writeFile(join(venv, 'pyvenv.cfg'), 'home = /usr/bin\n');
    for (const name of ['lld', 'ld.lld', 'mold', 'cmake', 'ninja']) {
      await writeProgram(join(venv, 'bin', name), 'exit 1');
    }
    const { compiled } = await build('b', {
      ...pathWith(world, 'venv/bin'),
      VIRTUAL_ENV: venv,
      LIB: 'src/main.rs',
      CFLAGS: '',
    });
    expect([...compiled].sort()).toEqual(['app', 'by_python', 'by_python run']);
  });
});

/** What the linker read for procedural macros and the programs of build scripts. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { createGitCrates, type CrateText } from './crates.js';

function cc(...args: readonly string[]): void {
  const run = spawnSync('cc', args, { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
}

/** Leaves one shared library in the directory, whose users ask for it by its version. */
async function makeLibrary(directory: string, version: number): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  const source = join(directory, 'native.c');
  await writeFile(source, `int native_value(void) { return ${version}; }\n`);
  const soname = `libnative.so.${version}`;
  const path = join(directory, 'libnative.so');
  cc('-shared', '-fPIC', source, '-o', path, `-Wl,-soname,${soname}`);
  cc('-shared', '-fPIC', source, '-o', join(directory, soname), `-Wl,-soname,${soname}`);
}

/** A macro whose value is what an expression of type i32 gives while it runs. */
const macroOf = (declared: string, expression: string): CrateText => ({
  library: 'proc-macro = true',
  lib: `${declared}
#[proc_macro]
pub fn value(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    proc_macro::TokenTree::from(proc_macro::Literal::i32_unsuffixed(${expression})).into()
}
`,
});

const user: CrateText = {
  dependencies: { mac: '{ path = "../mac" }' },
  lib: 'pub fn value() -> i32 { mac::value!() }\n',
};

interface Built {
  readonly output: string;
  /** Beside the program itself. */
  readonly compiled: readonly string[];
  readonly explained: string;
}

async function builder(
  world: World,
  crates: Readonly<Record<string, CrateText>>,
  config?: string,
): Promise<(name: string, env?: Readonly<Record<string, string>>) => Promise<Built>> {
  const { dependencies } = await createGitCrates(world, crates);
  const { user: used = '' } = dependencies;
  return async (name, env = {}) => {
    const workspace = await world.workspace(name, {
      dependencies: { user: used },
      files: {
        'src/main.rs': 'fn main() { println!("{}", user::value()); }\n',
        ...(config === undefined ? {} : { '.cargo/config.toml': config }),
      },
    });
    await workspace.mount();
    const { compiled } = await workspace.buildAndSettle({ env });
    const explained = JSON.stringify(await workspace.explain());
    const rest = compiled.filter((crate) => crate !== 'app');
    return { compiled: rest, output: workspace.output(), explained };
  };
}

describeEndToEnd('a linked unit', () => {
  test('is linked anew when the library of its #[link] was replaced, or LIBRARY_PATH is another one', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const [one, two] = [join(world.path, 'one'), join(world.path, 'two')];
    await makeLibrary(one, 1);
    const declared = '#[link(name = "native")]\nextern "C" { fn native_value() -> i32; }';
    const build = await builder(world, {
      mac: macroOf(declared, 'unsafe { native_value() }'),
      user,
    });
    const env = { LIBRARY_PATH: one, LD_LIBRARY_PATH: one };
    expect(await build('a', env)).toMatchObject({ output: '1' });
    expect(await build('b', env)).toMatchObject({ output: '1', compiled: [] });
    await makeLibrary(one, 2);
    expect(await build('c', env)).toMatchObject({ output: '2', compiled: ['mac', 'user'] });
    await makeLibrary(two, 3);
    const other = { LIBRARY_PATH: two, LD_LIBRARY_PATH: two };
    const d = await build('d', other);
    expect(d).toMatchObject({ output: '3', compiled: ['mac', 'user'] });
    expect(d.explained).toContain('LIBRARY_PATH');
    expect(await build('e', other)).toMatchObject({ output: '3', compiled: [] });
  });

  test('is linked anew when a library that the script of a dependency names was replaced', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const directory = join(world.path, 'lib');
    await makeLibrary(directory, 1);
    const build = await builder(world, {
      'native-sys': {
        lib: 'extern "C" { fn native_value() -> i32; }\npub fn value() -> i32 { unsafe { native_value() } }\n',
        build:
          'fn main() { println!("cargo:rerun-if-changed=build.rs"); println!("cargo:rustc-link-lib=native"); }\n',
      },
      mac: {
        ...macroOf('', 'native_sys::value()'),
        dependencies: { 'native-sys': '{ path = "../native-sys" }' },
      },
      user,
    });
    const env = { LIBRARY_PATH: directory, LD_LIBRARY_PATH: directory };
    expect(await build('a', env)).toMatchObject({ output: '1' });
    expect(await build('b', env)).toMatchObject({ output: '1', compiled: [] });
    await makeLibrary(directory, 2);
    const c = await build('c', env);
    expect(c.output).toBe('2');
    expect(c.compiled).toContain('mac');
  });

  test('stays in its workspace when flags name a file for the linker', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const object = join(world.path, 'la.o');
    const make = async (value: number): Promise<void> => {
      await writeFile(`${object}.c`, `int native_value(void) { return ${value}; }\n`);
      cc('-fPIC', '-c', `${object}.c`, '-o', object);
    };
    await make(1);
    const declared = 'extern "C" { fn native_value() -> i32; }';
    const build = await builder(world, {
      mac: macroOf(declared, 'unsafe { native_value() }'),
      user,
    });
    const env = { RUSTFLAGS: `-Clink-arg=${object}` };
    expect(await build('a', env)).toMatchObject({ output: '1' });
    await make(2);
    const b = await build('b', env);
    expect(b.output).toBe('2');
    expect(b.explained).toContain('flags-read-files');
  });

  test('has the variables that a script as linker reads', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const linker = join(world.path, 'linker.sh');
    await writeFile(linker, '#!/bin/sh\nexec cc "$@" $EXTRA_OBJECT\n');
    await chmod(linker, 0o755);
    const object = (value: number): string => join(world.path, `v${value}.o`);
    for (const value of [1, 2]) {
      await writeFile(`${object(value)}.c`, `int native_value(void) { return ${value}; }\n`);
      cc('-fPIC', '-c', `${object(value)}.c`, '-o', object(value));
    }
    const host = /^host: (.*)$/m.exec(
      spawnSync('rustc', ['-vV'], { encoding: 'utf8' }).stdout,
    )?.[1];
    const declared = 'extern "C" { fn native_value() -> i32; }';
    const build = await builder(
      world,
      { mac: macroOf(declared, 'unsafe { native_value() }'), user },
      `[target.${host ?? ''}]\nlinker = "${linker}"\n`,
    );
    expect(await build('a', { EXTRA_OBJECT: object(1) })).toMatchObject({ output: '1' });
    const b = await build('b', { EXTRA_OBJECT: object(1) });
    expect(b).toMatchObject({ output: '1', compiled: [] });
    const c = await build('c', { EXTRA_OBJECT: object(2) });
    expect(c).toMatchObject({ output: '2', compiled: ['mac', 'user'] });
    expect(c.explained).toContain('EXTRA_OBJECT');
  });
});

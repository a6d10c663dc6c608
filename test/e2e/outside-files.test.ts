/** Files outside of every package that scripts, macros and compilers read without saying so. */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { createVendoredCrates, type CrateText } from './crates.js';

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

const readsMade =
  'pub fn value() -> &\'static str { include_str!(concat!(env!("OUT_DIR"), "/made")) }\n';

/** A crate whose script computes its value; the script declares only itself and `variable`. */
function madeBy(expression: string, variable?: string): CrateText {
  const declared =
    variable === undefined ? '' : ` println!("cargo:rerun-if-env-changed=${variable}");\n`;
  return {
    lib: readsMade,
    build: `fn main() {
 println!("cargo:rerun-if-changed=build.rs");
${declared} let made: String = ${expression};
 std::fs::write(std::path::Path::new(&std::env::var("OUT_DIR").unwrap()).join("made"), made).unwrap();
}
`,
  };
}

interface Built {
  readonly compiled: readonly string[];
  readonly output: string;
  /** Reasons for which units stay private. */
  readonly refused: readonly string[];
}

type Build = (name: string, env?: Readonly<Record<string, string>>) => Promise<Built>;

/** Builds a program that prints the value of the first crate, in a workspace of its own. */
async function builder(world: World, crates: Readonly<Record<string, CrateText>>): Promise<Build> {
  const { config } = await createVendoredCrates(world, crates);
  const [name = ''] = Object.keys(crates);
  return async (workspaceName, env = {}) => {
    const workspace = await world.workspace(workspaceName, {
      dependencies: { [name]: '=1.0.0' },
      files: {
        'src/main.rs': `fn main() { println!("{}", ${name}::value()); }\n`,
        '.cargo/config.toml': config,
      },
    });
    await workspace.mount();
    const { compiled } = await workspace.buildAndSettle({ env });
    const events = await workspace.explain();
    return {
      compiled: compiled.filter((crate) => crate !== 'app'),
      output: workspace.output(),
      refused: events.map(({ reason }) => reason),
    };
  };
}

/** Nothing is compiled while `path` is as it was, and the right thing where it is not. */
async function expectInput(
  build: Build,
  change: () => Promise<void>,
  { env = {}, before, after }: { env?: Record<string, string>; before: string; after: string },
): Promise<void> {
  expect((await build('first', env)).output).toBe(before);
  const same = await build('same', env);
  expect(same).toMatchObject({ output: before, compiled: [] });
  await change();
  expect((await build('changed', env)).output).toBe(after);
}

describeEndToEnd('files outside of the package', () => {
  test('are inputs where a variable names them', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const conf = join(world.path, 'etc', 'a.conf');
    await put(conf, 'one');
    const read = 'std::fs::read_to_string(std::env::var("A_CONF").unwrap()).unwrap()';
    const build = await builder(world, { named: madeBy(read, 'A_CONF') });
    const env = { A_CONF: conf };
    await expectInput(build, () => put(conf, 'two'), { env, before: 'one', after: 'two' });
  });

  test('are inputs where the script has their path', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const conf = join(world.path, 'etc', 'a.conf');
    await put(conf, 'one');
    const build = await builder(world, {
      absolute: madeBy(`std::fs::read_to_string("${conf}").unwrap()`),
    });
    await expectInput(build, () => put(conf, 'two'), { before: 'one', after: 'two' });
  });

  test('are inputs where they stand beside the package', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const data = join(world.path, 'vendor', 'sibling', 'data');
    await put(data, 'one');
    const read =
      'std::fs::read_to_string(std::path::Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../sibling/data")).unwrap()';
    const build = await builder(world, {
      beside: madeBy(read),
      sibling: { lib: '' },
    });
    await expectInput(build, () => put(data, 'two'), { before: 'one', after: 'two' });
  });

  test('are inputs where a macro reads what a variable names', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const conf = join(world.path, 'etc', 'a.conf');
    await put(conf, 'one');
    const build = await builder(world, {
      user: {
        lib: "pub fn value() -> &'static str { maker::made!() }\n",
        dependencies: { maker: '"=1.0.0"' },
      },
      maker: {
        library: 'proc-macro = true',
        lib: `use proc_macro::TokenStream;
#[proc_macro] pub fn made(_: TokenStream) -> TokenStream {
 format!("{:?}", std::fs::read_to_string(std::env::var("A_CONF").unwrap()).unwrap()).parse().unwrap()
}
`,
      },
    });
    const env = { A_CONF: conf };
    await expectInput(build, () => put(conf, 'two'), { env, before: 'one', after: 'two' });
  });

  test('are inputs where a compiler for C searches headers', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const header = join(world.path, 'include', 'outside.h');
    await put(header, 'int value = 1;');
    const build = await builder(world, {
      compiled: madeBy(
        'String::from_utf8(std::process::Command::new("cc").args(["-E", "-P", "a.c"]).output().unwrap().stdout).unwrap().trim().to_string()',
      ),
    });
    await put(join(world.path, 'vendor', 'compiled', 'a.c'), '#include <outside.h>\n');
    const env = { CPATH: join(world.path, 'include') };
    await expectInput(build, () => put(header, 'int value = 2;'), {
      env,
      before: 'int value = 1;',
      after: 'int value = 2;',
    });
  });

  test('are inputs where a script puts their directory on the path of pkg-config', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const directory = join(world.path, 'pc');
    const describePackage = async (version: number): Promise<void> =>
      await put(
        join(directory, 'outside.pc'),
        `Name: outside\nDescription: a library\nVersion: ${version}\n`,
      );
    await describePackage(1);
    const build = await builder(world, {
      asking: madeBy(
        `{ std::env::set_var("PKG_CONFIG_PATH", "${directory}"); String::from_utf8(std::process::Command::new("pkg-config").args(["--modversion", "outside"]).output().unwrap().stdout).unwrap().trim().to_string() }`,
      ),
    });
    await expectInput(build, () => describePackage(2), { before: '1', after: '2' });
  });

  test('are inputs where a script asks git about its package', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const vendor = join(world.path, 'vendor');
    const git = (...args: readonly string[]): void => {
      const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
      const run = spawnSync('git', [...identity, ...args], { cwd: vendor, env: world.env });
      if (run.status !== 0) throw new Error(run.stderr.toString());
    };
    const build = await builder(world, {
      asking: madeBy(
        'String::from_utf8(std::process::Command::new("git").args(["log", "-1", "--format=%s"]).output().unwrap().stdout).unwrap().trim().to_string()',
      ),
    });
    git('init', '--quiet', '--initial-branch=main');
    git('commit', '--quiet', '--allow-empty', '--message=one');
    const commit = async (): Promise<void> => {
      git('commit', '--quiet', '--allow-empty', '--message=two');
      await Promise.resolve();
    };
    await expectInput(build, commit, { before: 'one', after: 'two' });
  });

  test('keep a unit private where the assembler includes them', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const blob = join(world.path, 'blob');
    await put(blob, '1');
    const build = await builder(world, {
      assembled: {
        lib: `core::arch::global_asm!(".section .rodata", ".globl blob", "blob:", ".incbin \\"${blob}\\"", ".text");
extern "C" { static blob: u8; }
pub fn value() -> char { unsafe { blob as char } }
`,
      },
    });
    expect((await build('first')).output).toBe('1');
    await put(blob, '2');
    expect((await build('changed')).output).toBe('2');
  });

  test('of the user keep the run of a script private', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const build = await builder(world, {
      home: madeBy(
        'std::fs::read_to_string(std::path::Path::new(&std::env::var("HOME").unwrap()).join(".outside")).unwrap_or_default()',
      ),
    });
    expect((await build('first')).refused).toContain('script-reads-home');
  });
});

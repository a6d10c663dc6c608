import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd } from '../support/world.js';
import { createGitCrates, nativeOutput, type CrateText } from './crates.js';

const generates = `
fn main() {
  let out = std::env::var("OUT_DIR").unwrap();
  std::fs::write(format!("{out}/gen.rs"), "pub fn generated() -> usize { 7 }").unwrap();
  std::fs::write(format!("{out}/self.rs"), "pub const LEN: usize = env!(\\"OUT_DIR\\").len();").unwrap();
  println!("cargo:rustc-env=GEN_FILE={out}/gen.rs");
  println!("cargo:rerun-if-changed=build.rs");
}
`;

/** Each has `value()`; what it returns depends on the build-dir's path for all but the includers. */
const crates: Readonly<Record<string, CrateText>> = {
  include_only: {
    build: generates,
    lib: 'include!(concat!(env!("OUT_DIR"), "/gen.rs"));\npub fn value() -> usize { generated() }\n',
  },
  include_by_variable: {
    build: generates,
    lib: 'include!(env!("GEN_FILE"));\npub fn value() -> usize { generated() }\n',
  },
  length: {
    build: generates,
    lib: 'const L: usize = env!("OUT_DIR").len();\npub fn value() -> usize { L }\n',
  },
  included_length: {
    build: generates,
    lib: 'include!(concat!(env!("OUT_DIR"), "/self.rs"));\npub fn value() -> usize { LEN }\n',
  },
  script_variable: {
    build: generates,
    lib: 'pub fn value() -> usize { option_env!("GEN_FILE").map_or(0, str::len) }\n',
  },
  own_macro: {
    build: generates,
    lib: 'macro_rules! read { ($name:literal) => { env!($name) } }\npub fn value() -> usize { read!("OUT_DIR").len() }\n',
  },
  both_ways: {
    build: generates,
    lib: 'include!(concat!(env!("OUT_DIR"), "/gen.rs"));\nmod inner;\npub fn value() -> usize { generated() + inner::length() }\n',
    files: { 'src/inner.rs': 'pub fn length() -> usize { env!("OUT_DIR").len() }\n' },
  },
  shadowed_include: {
    build: generates,
    lib: 'macro_rules! include { ($path:expr) => { $path.len() } }\npub fn value() -> usize { include!(concat!(env!("OUT_DIR"), "/gen.rs")) }\n',
  },
};

const includes = 'include!(concat!(env!("OUT_DIR"), "/gen.rs"));\n';

/** A library asks for the variable when it runs: in a program, or in a macro. */
const readers: Readonly<Record<string, CrateText>> = {
  reads: {
    lib: 'pub fn place() -> Option<String> { std::env::var("OUT_DIR").ok() }\n',
  },
  beside: {
    build: generates,
    dependencies: { reads: '{ path = "../reads" }' },
    lib: `${includes}pub fn value() -> usize { generated() + reads::place().map_or(0, |place| place.len()) }\n`,
  },
  hands_on: {
    library: 'proc-macro = true',
    dependencies: { reads: '{ path = "../reads" }' },
    lib: 'use proc_macro::TokenStream;\n#[proc_macro] pub fn place(_: TokenStream) -> TokenStream { format!("{:?}", reads::place().unwrap()).parse().unwrap() }\n',
  },
  through_macro: {
    build: generates,
    dependencies: { hands_on: '{ path = "../hands_on" }' },
    lib: `${includes}pub fn value() -> usize { generated() + hands_on::place!().len() }\n`,
  },
};

const macros: Readonly<Record<string, CrateText>> = {
  emitter: {
    library: 'proc-macro = true',
    lib: 'use proc_macro::TokenStream;\n#[proc_macro] pub fn place(_: TokenStream) -> TokenStream { "env!(\\"OUT_DIR\\")".parse().unwrap() }\n',
  },
  reader: {
    library: 'proc-macro = true',
    lib: 'use proc_macro::TokenStream;\n#[proc_macro] pub fn place(_: TokenStream) -> TokenStream { format!("{:?}", std::env::var("OUT_DIR").unwrap()).parse().unwrap() }\n#[proc_macro] pub fn expand(input: TokenStream) -> TokenStream { let name = input.to_string(); format!("{:?}", std::env::var(name.trim_matches(|c| c == \'"\' || c == \'$\')).unwrap()).parse().unwrap() }\n',
  },
  read: {
    build: generates,
    dependencies: { reader: '{ path = "../reader" }' },
    lib: 'pub fn value() -> usize { reader::place!().len() }\n',
  },
  read_by_name: {
    build: generates,
    dependencies: { reader: '{ path = "../reader" }' },
    lib: 'pub fn value() -> usize { reader::expand!("$OUT_DIR").len() }\n',
  },
  patterns: {
    lib: '#[macro_export] macro_rules! place { () => { env!("OUT_DIR") } }\n',
  },
  patterned: {
    build: generates,
    dependencies: { patterns: '{ path = "../patterns" }' },
    lib: 'include!(concat!(env!("OUT_DIR"), "/gen.rs"));\npub fn value() -> usize { generated() + patterns::place!().len() }\n',
  },
  emitted: {
    build: generates,
    dependencies: { emitter: '{ path = "../emitter" }' },
    lib: 'pub fn value() -> usize { emitter::place!().len() }\n',
  },
  emitted_beside_include: {
    build: generates,
    dependencies: { emitter: '{ path = "../emitter" }' },
    lib: 'include!(concat!(env!("OUT_DIR"), "/gen.rs"));\npub fn value() -> usize { generated() + emitter::place!().len() }\n',
  },
};

function printAll(names: readonly string[]): string {
  const lines = names.map((name) => `println!("${name} {}", ${name}::value());`);
  return `fn main() { ${lines.join(' ')} }\n`;
}

describeEndToEnd('a unit that knows where it was built', () => {
  test('rule 11: is served elsewhere only where the path does no more than name an included file', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, crates);
    const files = { 'src/main.rs': printAll(Object.keys(crates)) };
    const first = await world.workspace('first', { dependencies, files });
    await first.mount();
    await first.buildAndSettle();
    const second = await world.workspace('second', {
      directory: 'a/much/longer/way/down/second',
      dependencies,
      files,
    });
    const expected = await nativeOutput(second);
    await second.mount();
    const { compiled } = await second.buildAndSettle();
    expect(second.output()).toBe(expected);
    expect(compiled).not.toContain('include_only');
    expect(compiled).not.toContain('include_by_variable');
    expect((await second.mustCargo('build')).compiled).toEqual([]);
  });

  test('rule 11: is not served elsewhere where a macro of another crate wrote the use', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, macros);
    const names = ['emitted', 'emitted_beside_include', 'patterned', 'read', 'read_by_name'];
    const wanted = Object.fromEntries(names.map((name) => [name, dependencies[name] ?? '']));
    const files = { 'src/main.rs': printAll(names) };
    const first = await world.workspace('first', { dependencies: wanted, files });
    await first.mount();
    await first.buildAndSettle();
    const second = await world.workspace('b/second', { dependencies: wanted, files });
    const expected = await nativeOutput(second);
    await second.mount();
    const { compiled } = await second.mustCargo('build');
    expect(second.output()).toBe(expected);
    expect(compiled).toEqual(['app', ...names]);
  });

  test('rule 11: a library that asks when it runs binds those alone whose macros run it', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, readers);
    const names = ['beside', 'through_macro'];
    const wanted = Object.fromEntries(names.map((name) => [name, dependencies[name] ?? '']));
    const files = { 'src/main.rs': printAll(names) };
    const first = await world.workspace('first', { dependencies: wanted, files });
    await first.mount();
    await first.buildAndSettle();
    const second = await world.workspace('b/second', { dependencies: wanted, files });
    const expected = await nativeOutput(second);
    await second.mount();
    const { compiled } = await second.mustCargo('build');
    expect(second.output()).toBe(expected);
    expect(compiled).toEqual(['app', 'through_macro']);
  });

  test('rule 10: a variable of the user has the value of this build', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      tagged: {
        lib: 'pub fn value() -> &\'static str { option_env!("BUILD_TAG").unwrap_or("none") }\n',
      },
    });
    const files = { 'src/main.rs': printAll(['tagged']) };
    let compiled: readonly string[] = [];
    const build = async (name: string, env: Record<string, string>): Promise<string> => {
      const workspace = await world.workspace(name, { dependencies, files });
      await workspace.mount();
      ({ compiled } = await workspace.buildAndSettle({ env }));
      return workspace.output();
    };
    expect(await build('one', { BUILD_TAG: 'a' })).toBe('tagged a');
    expect(await build('two', { BUILD_TAG: 'b' })).toBe('tagged b');
    expect(await build('three', {})).toBe('tagged none');
    expect(await build('four', { BUILD_TAG: '' })).toBe('tagged');
    expect(await build('five', { BUILD_TAG: 'a' })).toBe('tagged a');
    // Of four variants the store has offered the one with this value.
    expect(compiled).toEqual(['app']);
  });

  test('rule 10: a variable of the [env] table has the value of this workspace', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      placed: { lib: 'pub fn value() -> &\'static str { env!("PLACE") }\n' },
    });
    for (const name of ['one', 'another/two']) {
      const workspace = await world.workspace(name, {
        dependencies,
        files: {
          'src/main.rs': printAll(['placed']),
          '.cargo/config.toml': '[env]\nPLACE = { value = "here", relative = true }\n',
        },
      });
      await workspace.mount();
      await workspace.buildAndSettle();
      expect(workspace.output()).toBe(`placed ${workspace.path}/here`);
    }
  });

  test('rule 10: a variable that holds the workspace binds the unit to it, wherever cargo was started', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      finder: {
        build:
          'fn main() { let out = std::env::var("OUT_DIR").unwrap(); let root = std::path::Path::new(&out).ancestors().nth(5).unwrap().display().to_string(); println!("cargo:rustc-env=ROOT={root}"); println!("cargo:rerun-if-changed=build.rs"); }\n',
        lib: 'pub fn value() -> &\'static str { env!("ROOT") }\n',
      },
    });
    for (const name of ['one', 'another/two']) {
      const workspace = await world.workspace(name, {
        dependencies,
        files: { 'src/main.rs': printAll(['finder']), 'sub/dir/empty': '' },
      });
      await workspace.mount();
      await workspace.mustCargo('build', { cwd: `${workspace.path}/sub/dir` });
      await workspace.settled();
      expect(workspace.output()).toBe(`finder ${workspace.path}`);
    }
  });
});

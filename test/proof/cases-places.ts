/** Crates that know where they were built, or that hand directories on to others. */
import { createGitCrates, type CrateText } from '../e2e/crates.js';
import { otherPath, printing, type ProofCase, type Scene } from './proof-case.js';
import type { World } from '../support/world.js';

const script = (body: string): string =>
  `fn main() { let out = std::env::var("OUT_DIR").unwrap(); println!("cargo:rerun-if-changed=build.rs"); ${body} }\n`;
const value = (expression: string): string =>
  `pub fn value() -> String { (${expression}).to_string() }\n`;
const writesNote = script('std::fs::write(format!("{out}/note.txt"), "note").unwrap();');

/** All crates in one repository; those whose `value` is asked for are dependencies of `app`. */
async function gitScene(
  world: World,
  crates: Readonly<Record<string, CrateText>>,
  {
    used,
    served,
    built = [],
  }: Record<'used' | 'served', readonly string[]> & {
    readonly built?: readonly string[];
  },
): Promise<Scene> {
  const { dependencies } = await createGitCrates(world, crates);
  const app = {
    dependencies: Object.fromEntries(used.map((name) => [name, dependencies[name] ?? ''])),
    files: printing(used.map((name) => `${name.replaceAll('-', '_')}::value()`)),
  };
  return { ...otherPath(app, served), built };
}

const asksForPlaces: Readonly<Record<string, CrateText>> = {
  'reads-out-dir': {
    build: writesNote,
    lib: value('std::fs::read_to_string(concat!(env!("OUT_DIR"), "/note.txt")).unwrap()'),
  },
  'measures-out-dir': { build: writesNote, lib: value('env!("OUT_DIR").len()') },
  'names-out-dir': { build: writesNote, lib: value('env!("OUT_DIR")') },
  'includes-out-dir': {
    build: writesNote,
    lib: value('include_str!(concat!(env!("OUT_DIR"), "/note.txt"))'),
  },
  'reads-manifest-dir': {
    files: { 'data.txt': 'data' },
    lib: value(
      'std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/data.txt")).unwrap()',
    ),
  },
};

const handsOn: Readonly<Record<string, CrateText>> = {
  'root-sys': {
    package: 'links = "root"',
    build: script(
      'std::fs::write(format!("{out}/header.txt"), "header").unwrap(); println!("cargo:root={out}"); println!("cargo:include={out}/header.txt");',
    ),
    lib: value('"root"'),
  },
  'middle-sys': {
    package: 'links = "middle"',
    dependencies: { 'root-sys': '{ path = "../root-sys" }' },
    build: script(
      'let root = std::env::var("DEP_ROOT_ROOT").unwrap(); println!("cargo:root={root}"); println!("cargo:rustc-link-search=native={root}");',
    ),
    lib: value('root_sys::value()'),
  },
  'hands-on': {
    dependencies: { 'middle-sys': '{ path = "../middle-sys" }' },
    build: script(
      'let root = std::env::var("DEP_MIDDLE_ROOT").unwrap(); let text = std::fs::read_to_string(format!("{root}/header.txt")).unwrap(); println!("cargo:rustc-env=HEADER={text}"); println!("cargo:rustc-env=HEADER_ROOT={root}");',
    ),
    lib: value('format!("{} {} {}", env!("HEADER"), env!("HEADER_ROOT"), middle_sys::value())'),
  },
};

/** A macro that puts a file of the crate that calls it into the code, without telling anybody. */
const reader: CrateText = {
  library: 'proc-macro = true',
  lib: [
    'use proc_macro::TokenStream;',
    '#[proc_macro]',
    'pub fn text_of(input: TokenStream) -> TokenStream {',
    '    let name = input.to_string().replace(\'"\', "");',
    '    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap();',
    '    let text = std::fs::read_to_string(format!("{root}/{name}")).unwrap();',
    '    format!("{text:?}").parse().unwrap()',
    '}',
    '',
  ].join('\n'),
};

const generated: Readonly<Record<string, CrateText>> = {
  generator: {
    lib: 'pub fn generate(names: &[&str]) -> String { names.iter().enumerate().map(|(at, name)| format!("pub const {name}: usize = {at};\\npub fn {}() -> String {{ format!(\\"{{}}\\", {name}) }}\\n", name.to_lowercase())).collect() }\n',
  },
  schema: {
    build:
      'fn main() { println!("cargo:rerun-if-changed=names.txt"); let names = std::fs::read_to_string("names.txt").unwrap(); let names: Vec<&str> = names.split_whitespace().collect(); let out = std::env::var("OUT_DIR").unwrap(); std::fs::create_dir_all(format!("{out}/deep")).unwrap(); std::fs::write(format!("{out}/deep/schema.rs"), generator::generate(&names)).unwrap(); }\n',
    lib: `pub mod schema { include!(concat!(env!("OUT_DIR"), "/deep/schema.rs")); }\n${value('schema::two()')}`,
    files: {
      'names.txt': 'ONE TWO THREE',
      'Cargo.toml':
        '[package]\nname = "schema"\nversion = "1.0.0"\nedition = "2021"\n[build-dependencies]\ngenerator = { path = "../generator" }\n',
    },
  },
};

export const placeCases: readonly ProofCase[] = [
  {
    name: 'crates ask for OUT_DIR and CARGO_MANIFEST_DIR at run time',
    group: 'short',
    cargoHome: 'own',
    setup: async (world: World): Promise<Scene> =>
      await gitScene(world, asksForPlaces, {
        used: Object.keys(asksForPlaces),
        served: ['includes-out-dir', 'reads-manifest-dir'],
        built: ['measures-out-dir', 'names-out-dir', 'reads-out-dir'],
      }),
  },
  {
    name: 'build scripts hand directories on by DEP_ variables',
    group: 'full',
    cargoHome: 'own',
    setup: async (world: World): Promise<Scene> =>
      await gitScene(world, handsOn, {
        used: ['hands-on'],
        served: ['root-sys', 'middle-sys'],
        built: ['hands-on'],
      }),
  },
  {
    name: 'a procedural macro reads a file of the crate that calls it',
    group: 'full',
    cargoHome: 'own',
    setup: async (world: World): Promise<Scene> => {
      const caller: CrateText = {
        dependencies: { reader: '{ path = "../reader" }' },
        lib: value('reader::text_of!("text.txt")'),
        files: { 'text.txt': 'text' },
      };
      return await gitScene(
        world,
        { reader, caller },
        { used: ['caller'], served: ['caller', 'reader'] },
      );
    },
  },
  {
    name: 'a build script runs a code generator of another crate',
    group: 'full',
    cargoHome: 'own',
    setup: async (world: World): Promise<Scene> =>
      await gitScene(world, generated, { used: ['schema'], served: ['schema', 'generator'] }),
  },
];

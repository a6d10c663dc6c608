/**
 * Scripts that take a library which somebody else has built, as those of v8 and ort do: from a
 * directory in HOME, or from where a variable says. Theirs would download what is not there.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { createGitCrates, type CrateText } from './crates.js';

/** Compiles `int engine_value(void)` into an archive or a shared library. */
async function makeLibrary(path: string, value: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const [source, object] = [`${path}.c`, `${path}.o`];
  await writeFile(source, `int engine_value(void) { return ${value}; }\n`);
  await rm(path, { force: true });
  const commands = path.endsWith('.a')
    ? [
        ['cc', '-fPIC', '-c', source, '-o', object],
        ['ar', 'rcD', path, object],
      ]
    : [['cc', '-fPIC', '-shared', source, '-o', path]];
  for (const [program = '', ...args] of commands) {
    const run = spawnSync(program, args, { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(run.stderr);
  }
  for (const left of [source, object]) await rm(left, { force: true });
}

/** Where a script looks if no variable names the library itself: Rust expressions. */
const cacheOf = {
  variable: 'PathBuf::from(env::var_os("ENGINE_CACHE").unwrap())',
  home: 'PathBuf::from(env::var_os("HOME").unwrap()).join(".cache")',
} as const;

/** Copies an archive to `place` (Rust), as the script of v8 does, and bundles it. */
const copiesArchive = (place: string, cache: keyof typeof cacheOf): string => `
use std::{env, fs, path::PathBuf};
fn target_dir() -> PathBuf {
    let out_dir = env::current_dir().unwrap().join(env::var_os("OUT_DIR").unwrap());
    out_dir.parent().unwrap().parent().unwrap().parent().unwrap().to_path_buf()
}
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in ["ENGINE_ARCHIVE", "ENGINE_CACHE", "OUT_DIR", "PYTHON"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let archive = match env::var("ENGINE_ARCHIVE") {
        Ok(archive) => PathBuf::from(archive),
        Err(_) => ${cacheOf[cache]}.join("engine").join("v1").join("libengine.a"),
    };
    assert!(archive.exists(), "it would be downloaded now");
    let dir = ${place};
    fs::create_dir_all(&dir).unwrap();
    fs::copy(&archive, dir.join("libengine.part")).unwrap();
    fs::rename(dir.join("libengine.part"), dir.join("libengine.a")).unwrap();
    println!("cargo:rustc-link-search={}", dir.display());
    println!("cargo:rustc-link-lib=static=engine");
}
`;

/** Links what is in the directory itself, as the script of ort does; shared libraries by links. */
const linksDirectory = (cache: keyof typeof cacheOf): string => `
use std::{env, fs, path::{Path, PathBuf}};
fn var(name: &str) -> Option<String> {
    println!("cargo:rerun-if-env-changed={name}");
    env::var(name).ok()
}
fn copy_dylibs(lib_dir: &Path) {
    let out_dir = PathBuf::from(env::var("OUT_DIR").unwrap());
    let target_dir = out_dir.ancestors().nth(3).unwrap();
    for out_dir in [target_dir.to_path_buf(), target_dir.join("examples"), target_dir.join("deps")] {
        for lib_file in fs::read_dir(lib_dir).unwrap() {
            let lib_path = lib_file.unwrap().path();
            if !lib_path.to_string_lossy().contains(".so") { continue; }
            let out_path = out_dir.join(lib_path.file_name().unwrap());
            if out_path.is_symlink() { fs::remove_file(&out_path).unwrap(); }
            if out_dir.exists() && !out_path.exists() {
                std::os::unix::fs::symlink(&lib_path, &out_path).unwrap();
            }
            println!("cargo:rerun-if-changed={}", out_path.display());
        }
    }
}
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Some(dir) = ["ENGINE_LIB_PATH", "ENGINE_LIB_LOCATION"].into_iter().find_map(var) {
        println!("cargo:rustc-link-search=native={dir}");
        if var("ENGINE_PREFER_DYNAMIC_LINK").is_some_and(|value| value == "1") {
            println!("cargo:rustc-link-lib=engine");
            copy_dylibs(Path::new(&dir));
        } else {
            println!("cargo:rustc-link-lib=static=engine");
        }
        return;
    }
    println!("cargo:rerun-if-env-changed=ENGINE_CACHE");
    let dir = ${cacheOf[cache]}.join("engine.example").join("dfbin").join(env::var("TARGET").unwrap()).join("0123ABCD");
    assert!(dir.exists(), "it would be downloaded now");
    copy_dylibs(&dir);
    println!("cargo:rustc-link-search=native={}", dir.display());
    println!("cargo:rustc-link-lib=static=engine");
}
`;

const engineUser = {
  bridge: {
    dependencies: { 'engine-sys': '{ path = "../engine-sys" }' },
    lib: 'pub fn value() -> i32 { engine_sys::value() }\n',
  },
  other: { build: 'fn main() {}\n', lib: 'pub fn value() -> i32 { 0 }\n' },
};

const engine = (build: string): CrateText => ({
  package: 'links = "engine"',
  build,
  lib: 'extern "C" { fn engine_value() -> i32; }\npub fn value() -> i32 { unsafe { engine_value() } }\n',
});

/** So that a program finds the shared libraries that lie beside it. */
const besideItself =
  'fn main() { println!("cargo:rerun-if-changed=build.rs"); println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN"); }\n';

interface Built {
  readonly workspace: Workspace;
  /** Beside `app` itself. */
  readonly compiled: readonly string[];
  readonly output: string;
}

interface Host {
  readonly home: string;
  /** Builds in a new workspace. */
  readonly build: (name: string, env?: Readonly<Record<string, string>>) => Promise<Built>;
}

async function prepare(world: World, script: string): Promise<Host> {
  const { dependencies } = await createGitCrates(world, {
    'engine-sys': engine(script),
    ...engineUser,
  });
  const home = join(world.path, 'user');
  const ofHome = {
    HOME: home,
    RUSTUP_HOME: process.env['RUSTUP_HOME'] ?? join(homedir(), '.rustup'),
  };
  const build = async (name: string, more: Readonly<Record<string, string>> = {}) => {
    const workspace = await world.workspace(name, {
      dependencies: { bridge: dependencies['bridge'] ?? '', other: dependencies['other'] ?? '' },
      files: {
        'build.rs': besideItself,
        'src/main.rs': 'fn main() { println!("{} {}", bridge::value(), other::value()); }\n',
      },
    });
    const env = { ...ofHome, ...more };
    await workspace.mount();
    const { compiled } = await workspace.buildAndSettle({ env });
    const output = workspace.output();
    const rest = compiled.filter((label) => !/^app(?: |$)/.test(label));
    return { workspace, compiled: rest, output };
  };
  return { home, build };
}

const fromEngine = ['bridge', 'engine-sys', 'engine-sys run'];

const ownOutDir = 'PathBuf::from(env::var_os("OUT_DIR").unwrap()).join("obj")';
const aboveOutDir = 'target_dir().join("gn_out").join("obj")';
const copied = 'engine/v1/libengine.a';
const linked = 'engine.example/dfbin/x86_64-unknown-linux-gnu/0123ABCD/libengine.a';

/** For nine builds in a row on a busy machine. */
const longTest = { timeout: 300_000 } as const;

describeEndToEnd('a library that was built elsewhere', () => {
  test.each([
    ['copied to OUT_DIR', copiesArchive(ownOutDir, 'variable'), copied, 'ENGINE_ARCHIVE'],
    ['linked where it is', linksDirectory('variable'), linked, 'ENGINE_LIB_LOCATION'],
  ])('counts by its bytes: %s', longTest, async (_name, script, place, variable) => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await prepare(world, script);
    const ENGINE_CACHE = join(world.path, 'caches');
    const cached = { ENGINE_CACHE };
    await makeLibrary(join(ENGINE_CACHE, place), 1);
    expect(await build('first', cached)).toMatchObject({ output: '1 0' });
    expect(await build('second', cached)).toMatchObject({ compiled: [], output: '1 0' });
    await makeLibrary(join(ENGINE_CACHE, place), 2);
    expect((await build('third', cached)).output).toBe('2 0');
    expect(await build('fourth', cached)).toMatchObject({ compiled: [], output: '2 0' });
    const mine = join(world.path, 'mine/libengine.a');
    const own = { [variable]: variable.endsWith('LOCATION') ? dirname(mine) : mine };
    await makeLibrary(mine, 3);
    expect(await build('fifth', own)).toMatchObject({ output: '3 0' });
    expect(await build('sixth', own)).toMatchObject({ compiled: [], output: '3 0' });
    await makeLibrary(mine, 4);
    expect((await build('seventh', own)).output).toBe('4 0');
    expect((await build('eighth', cached)).output).toBe('2 0');
    await rm(join(ENGINE_CACHE, place));
    expect((await build('ninth', own)).output).toBe('4 0');
  });

  test.each([
    ['looks for it in HOME and links it there', linksDirectory('home'), linked],
    ['looks for it in HOME', copiesArchive(ownOutDir, 'home'), copied],
    ['copies it above OUT_DIR', copiesArchive(aboveOutDir, 'home'), copied],
  ])('is taken anew in each workspace where a script %s', async (_name, script, place) => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { home, build } = await prepare(world, script);
    for (const [name, value] of [
      ['first', 1],
      ['second', 1],
      ['third', 2],
    ] as const) {
      await makeLibrary(join(home, '.cache', place), value);
      const { workspace, compiled, output } = await build(name);
      expect(output).toBe(`${value} 0`);
      if (name !== 'first') expect(compiled).toEqual(fromEngine);
      if (script.includes(aboveOutDir)) {
        expect(await workspace.list('debug/gn_out/obj')).toEqual(['libengine.a']);
      }
    }
  });

  test('is found beside each program where a script puts links to it there', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await prepare(world, linksDirectory('variable'));
    const dynamic = (directory: string): Record<string, string> => ({
      ENGINE_LIB_LOCATION: join(world.path, directory),
      ENGINE_PREFER_DYNAMIC_LINK: '1',
    });
    await makeLibrary(join(world.path, 'one/libengine.so'), 1);
    await makeLibrary(join(world.path, 'two/libengine.so'), 2);
    for (const [name, directory, value] of [
      ['first', 'one', 1],
      ['second', 'one', 1],
      ['third', 'two', 2],
      ['fourth', 'one', 1],
    ] as const) {
      const { workspace, compiled, output } = await build(name, dynamic(directory));
      expect(output).toBe(`${value} 0`);
      expect(compiled).toContain('engine-sys run');
      if (name !== 'first') expect(compiled).not.toContain('other');
      for (const place of ['debug', 'debug/deps']) {
        expect(await workspace.list(place)).toContain('libengine.so');
      }
    }
    await makeLibrary(join(world.path, 'one/libengine.so'), 5);
    expect((await build('fifth', dynamic('one'))).output).toBe('5 0');
  });
});

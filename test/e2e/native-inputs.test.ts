/** What build scripts use of the system without saying so to cargo. */
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { createGitCrates, createVendoredCrates, gitCheckout, type CrateText } from './crates.js';

const longAgo = 1_600_000_000;

/** Writes a file of the system: its time says nothing. */
async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await utimes(path, longAgo, longAgo);
}

/** Compiles `int native_value(void)` into an archive or a shared library. */
async function makeLibrary(path: string, value: number): Promise<void> {
  const source = `${path}.c`;
  await put(source, `int native_value(void) { return ${value}; }\n`);
  const object = `${path}.o`;
  const commands = path.endsWith('.a')
    ? [
        ['cc', '-fPIC', '-c', source, '-o', object],
        ['ar', 'rcD', path, object],
      ]
    : [['cc', '-fPIC', '-shared', source, '-o', path]];
  await rm(path, { force: true });
  for (const [program = '', ...args] of commands) {
    const run = spawnSync(program, args, { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(run.stderr);
  }
  for (const left of [source, object]) await rm(left, { force: true });
}

const callsNative =
  'extern "C" { fn native_value() -> i32; }\npub fn value() -> i32 { unsafe { native_value() } }\n';

/** A script that prints lines and declares nothing but itself. */
const prints = (...lines: readonly string[]): string =>
  `fn main() {\n println!("cargo:rerun-if-changed=build.rs");\n${lines
    .map((line) => ` println!("{}", ${JSON.stringify(line)});`)
    .join('\n')}\n}\n`;

interface Built {
  readonly workspace: Workspace;
  /** Beside the program itself. */
  readonly compiled: readonly string[];
  readonly output: string;
}

type Build = (name: string, env?: Readonly<Record<string, string>>) => Promise<Built>;

/** Builds a program that prints `value()` of each crate. */
function builder(
  world: World,
  dependencies: Readonly<Record<string, string>>,
  options: { readonly config?: string; readonly printed?: readonly string[] } = {},
): Build {
  const printed = options.printed ?? Object.keys(dependencies);
  return async (name, env = {}) => {
    const workspace = await world.workspace(name, {
      dependencies,
      files: {
        'src/main.rs': `fn main() { ${printed
          .map((crate) => `println!("${crate} {}", ${crate}::value());`)
          .join(' ')} }\n`,
        ...(options.config === undefined ? {} : { '.cargo/config.toml': options.config }),
      },
    });
    await workspace.mount();
    return await buildIn(workspace, env);
  };
}

async function buildIn(
  workspace: Workspace,
  env: Readonly<Record<string, string>> = {},
): Promise<Built> {
  const { compiled } = await workspace.buildAndSettle({ env });
  const rest = compiled.filter((crate) => crate !== 'app');
  return { workspace, compiled: rest, output: workspace.output() };
}

async function gitBuilder(
  world: World,
  crates: Readonly<Record<string, CrateText>>,
): Promise<Build> {
  const { dependencies } = await createGitCrates(world, crates);
  return builder(world, dependencies);
}

describeEndToEnd('libraries of the system', () => {
  test('are looked up with pkg-config again when its files have changed', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const pc = join(world.path, 'pc');
    const describe_ = async (directory: string): Promise<void> =>
      await put(
        join(pc, 'native.pc'),
        `Name: native\nDescription: a library\nVersion: 1\nLibs: -L${directory} -lnative\n`,
      );
    const [v1, v2] = [join(world.path, 'v1'), join(world.path, 'v2')];
    await mkdir(v1);
    await makeLibrary(join(v1, 'libnative.a'), 1);
    await describe_(v1);
    const build = await gitBuilder(world, {
      native: {
        lib: callsNative,
        build:
          'fn main() { println!("cargo:rerun-if-changed=build.rs"); let out = std::process::Command::new("pkg-config").args(["--libs-only-L", "native"]).output().unwrap(); let text = String::from_utf8(out.stdout).unwrap(); println!("cargo:rustc-link-search=native={}", text.trim().trim_start_matches("-L")); println!("cargo:rustc-link-lib=native"); }\n',
      },
    });
    const env = { PKG_CONFIG_PATH: pc };
    expect(await build('first', env)).toMatchObject({ output: 'native 1' });
    expect(await build('second', env)).toMatchObject({ compiled: [], output: 'native 1' });
    await mkdir(v2);
    await makeLibrary(join(v2, 'libnative.a'), 2);
    await rm(v1, { recursive: true });
    await describe_(v2);
    expect(await build('third', env)).toMatchObject({ output: 'native 2' });
    expect(await build('fourth', env)).toMatchObject({ compiled: [], output: 'native 2' });
  });

  test('of which a script asks pkg-config for no more than the version', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const pc = join(world.path, 'pc');
    const build = await gitBuilder(world, {
      native: {
        lib: 'pub fn value() -> &\'static str { env!("SEEN") }\n',
        build:
          'fn main() { println!("cargo:rerun-if-changed=build.rs"); let out = std::process::Command::new("pkg-config").args(["--modversion", "native"]).output().unwrap().stdout; println!("cargo:rustc-env=SEEN={}", String::from_utf8(out).unwrap().trim()); }\n',
      },
    });
    for (const version of ['1', '2']) {
      const text = `Name: native\nDescription: a library\nVersion: ${version}\n`;
      await put(join(pc, 'native.pc'), text);
      const built = await build(`first-${version}`, { PKG_CONFIG_PATH: pc });
      expect(built).toMatchObject({ output: `native ${version}` });
    }
  });

  test('that vanished are not linked any more', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const cache = join(world.path, 'cache');
    const source = join(world.path, 'kept.a');
    await makeLibrary(source, 1);
    const build = await gitBuilder(world, {
      native: {
        lib: callsNative,
        build: `fn main() { println!("cargo:rerun-if-changed=build.rs"); let cache = std::path::Path::new("${cache}"); if !cache.exists() { std::fs::create_dir_all(cache).unwrap(); std::fs::copy("${source}", cache.join("libnative.a")).unwrap(); } println!("cargo:rustc-link-search={}", cache.display()); println!("cargo:rustc-link-lib=native"); }\n`,
      },
    });
    expect(await build('first')).toMatchObject({ output: 'native 1' });
    await rm(cache, { recursive: true });
    const second = await build('second');
    expect(second.output).toBe('native 1');
    const decisions = await second.workspace.explain();
    expect(JSON.stringify(decisions)).toMatch(/input-changed[^}]*(?:cache|library native)/);
    expect(await build('third')).toMatchObject({ compiled: [], output: 'native 1' });
  });

  test.each([
    ['static', ['cargo:rustc-link-search=native=LIB', 'cargo:rustc-link-lib=static=native']],
    [
      'whole archive',
      ['cargo:rustc-link-search=LIB', 'cargo::rustc-link-lib=static:+whole-archive=native'],
    ],
    ['flags', ['cargo:rustc-flags=-L LIB -l static=native']],
  ])('that are bundled into a crate count by their bytes: %s', async (_name, lines) => {
    await using world = await createWorld({ cargoHome: 'own' });
    const directory = join(world.path, 'lib');
    const archive = join(directory, 'libnative.a');
    await mkdir(directory);
    await makeLibrary(archive, 1);
    const build = await gitBuilder(world, {
      native: {
        lib: callsNative,
        build: prints(...lines.map((line) => line.replace('LIB', directory))),
      },
    });
    expect(await build('first')).toMatchObject({ output: 'native 1' });
    expect(await build('second')).toMatchObject({ compiled: [], output: 'native 1' });
    await makeLibrary(archive, 2);
    await utimes(archive, longAgo, longAgo);
    const third = await build('third');
    expect(third).toMatchObject({ compiled: ['native', 'native run'], output: 'native 2' });
    expect(JSON.stringify(await third.workspace.explain())).toContain('library static=native');
  });

  test('that #[link] bundles count by their bytes, too', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const directory = join(world.path, 'lib');
    await mkdir(directory);
    await makeLibrary(join(directory, 'libnative.a'), 1);
    const build = await gitBuilder(world, {
      native: {
        lib: `#[link(name = "native", kind = "static")]\n${callsNative}`,
        build: prints(`cargo:rustc-link-search=${directory}`),
      },
    });
    expect(await build('first')).toMatchObject({ output: 'native 1' });
    expect(await build('second')).toMatchObject({ compiled: [], output: 'native 1' });
    await makeLibrary(join(directory, 'libnative.a'), 2);
    expect(await build('third')).toMatchObject({
      compiled: ['native'],
      output: 'native 2',
    });
  });

  test('count for those who get their headers by metadata', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const include = join(world.path, 'opt/include');
    await put(join(include, 'deep/native.h'), '1');
    const { dependencies } = await createGitCrates(world, {
      'native-sys': {
        package: 'links = "native"',
        lib: '',
        build: prints(`cargo:include=${include}`),
      },
      user: {
        dependencies: { 'native-sys': '{ path = "../native-sys" }' },
        lib: 'pub fn value() -> &\'static str { env!("SEEN") }\n',
        build:
          'fn main() { println!("cargo:rerun-if-changed=build.rs"); let include = std::env::var("DEP_NATIVE_INCLUDE").unwrap(); let text = std::fs::read_to_string(format!("{include}/deep/native.h")).unwrap(); println!("cargo:rustc-env=SEEN={text}"); }\n',
      },
    });
    const build = builder(world, dependencies, { printed: ['user'] });
    expect(await build('first')).toMatchObject({ output: 'user 1' });
    expect(await build('second')).toMatchObject({ compiled: [], output: 'user 1' });
    await put(join(include, 'deep/native.h'), '2');
    expect(await build('third')).toMatchObject({ output: 'user 2' });
    expect(await build('fourth')).toMatchObject({ compiled: [], output: 'user 2' });
  });
});

const readsData = (path: string): CrateText => ({
  lib: 'pub fn value() -> &\'static str { env!("SEEN") }\n',
  build: `fn main() { println!("cargo:rerun-if-changed=build.rs"); let text = std::fs::read_to_string("${path}").unwrap(); println!("cargo:rustc-env=SEEN={}", text.trim()); }\n`,
  files: { [path]: '1' },
});

describeEndToEnd('files of a package', () => {
  test('count for a vendored crate, also if its script declares nothing but itself', async () => {
    await using world = await createWorld();
    const { path, config, dependencies } = await createVendoredCrates(world, {
      vend: readsData('native/data.c'),
    });
    const build = builder(world, dependencies, { config });
    const first = await build('first');
    expect(first.output).toBe('vend 1');
    expect(await build('second')).toMatchObject({ compiled: [], output: 'vend 1' });
    await put(join(path, 'vend/native/data.c'), '2');
    await first.workspace.mustCargo('clean');
    expect(await buildIn(first.workspace)).toMatchObject({ output: 'vend 2' });
    expect(await build('third')).toMatchObject({ compiled: [], output: 'vend 2' });
  });

  test('count in a checkout that is edited and restored', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const build = await gitBuilder(world, { edited: readsData('data/file.txt') });
    expect(await build('first')).toMatchObject({ output: 'edited 1' });
    const file = join(await gitCheckout(world), 'edited/data/file.txt');
    await put(file, '2');
    expect(await build('second')).toMatchObject({ output: 'edited 2' });
    await put(file, '1');
    expect(await build('third')).toMatchObject({ output: 'edited 1' });
    expect(await build('fourth')).toMatchObject({ compiled: [], output: 'edited 1' });
  });

  test('are those of now, however quickly two workspaces are built in turn', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      source: { lib: 'pub fn value() -> u32 { 0 }\n' },
      scripted: readsData('data.txt'),
    });
    const build = builder(world, dependencies);
    const workspaces = [(await build('left')).workspace, (await build('right')).workspace];
    const checkout = await gitCheckout(world);
    let stale = 0;
    for (let round = 1; round <= 6; round += 1) {
      const text = String(round % 3);
      await put(join(checkout, 'source/src/lib.rs'), `pub fn value() -> u32 { ${text} }\n`);
      await put(join(checkout, 'scripted/data.txt'), text);
      for (const workspace of workspaces) {
        await rm(join(workspace.target, 'debug'), { recursive: true });
        await workspace.mustCargo('build');
        if (workspace.output() !== `source ${text}\nscripted ${text}`) stale += 1;
      }
    }
    expect(stale).toBe(0);
  });

  test('behind a link below a declared directory count', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const outside = join(world.path, 'outside');
    await put(join(outside, 'v1/file.txt'), '1');
    await put(join(outside, 'v2/file.txt'), '2');
    const current = join(outside, 'current');
    await symlink('v1', current);
    await mkdir(join(outside, 'declared'));
    await symlink('../current', join(outside, 'declared/link'));
    const build = await gitBuilder(world, {
      linked: {
        lib: 'pub fn value() -> &\'static str { env!("SEEN") }\n',
        build: `fn main() { println!("cargo:rerun-if-changed=${outside}/declared"); let text = std::fs::read_to_string("${outside}/declared/link/file.txt").unwrap(); println!("cargo:rustc-env=SEEN={text}"); }\n`,
      },
    });
    expect(await build('first')).toMatchObject({ output: 'linked 1' });
    expect(await build('second')).toMatchObject({ compiled: [], output: 'linked 1' });
    await symlink('v2', join(outside, 'next'));
    await rename(join(outside, 'next'), current);
    expect(await build('third')).toMatchObject({ output: 'linked 2' });
    await put(join(outside, 'v2/file.txt'), '3');
    expect(await build('fourth')).toMatchObject({ output: 'linked 3' });
  });

  test.each(['loop', 'mount'])(
    'that cannot be read keep a unit private, and are named: %s',
    async (kind) => {
      await using world = await createWorld({ cargoHome: 'own' });
      const declared = join(world.path, 'declared');
      const build = await gitBuilder(world, {
        unread: {
          lib: 'pub fn value() -> u32 { 1 }\n',
          build: prints(`cargo:rerun-if-changed=${declared}`),
        },
      });
      const target = kind === 'loop' ? 'declared' : join(world.path, 'first/target/debug');
      await symlink(target, declared);
      const first = await build('first');
      expect(first.output).toBe('unread 1');
      const explained = JSON.stringify(await first.workspace.explain());
      expect(explained).toMatch(/input-changed[^}]*(?:loop of links|mount of xcache)/);
      expect(await readFile(join(first.workspace.path, 'Cargo.lock'), 'utf8')).toContain('unread');
      const second = await build('second');
      expect(second.compiled).toContain('unread');
    },
  );
});

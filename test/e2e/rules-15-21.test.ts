/** Rules 15 to 20 of the design: times, and what a build-dir must do as a file system. */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createGitRepository } from '../support/git-repository.js';
import { waitUntil } from '../support/processes.js';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { createGitCrates, type CrateText } from './crates.js';
import {
  findIn,
  itoa,
  itoaAndAnyhow,
  mtimeNs,
  nothingToDo,
  printsFive,
  waitingBuildScript,
} from './lifecycle-support.js';

/** Two mounted workspaces with the same dependencies, the first of them built. */
async function twoWorkspaces(
  world: World,
  options: Parameters<World['workspace']>[1] = {},
): Promise<{ first: Workspace; second: Workspace }> {
  const common = { dependencies: itoa, files: { 'src/main.rs': printsFive }, ...options };
  const first = await world.workspace('first', common);
  const second = await world.workspace('second', common);
  await first.mount();
  await first.buildAndSettle();
  await second.mount();
  return { first, second };
}

describeEndToEnd('times', () => {
  test('rule 15: after a remount nothing is dirty, be it built here or served', async () => {
    await using world = await createWorld();
    const { first, second } = await twoWorkspaces(world, {
      dependencies: itoaAndAnyhow,
      files: {},
    });
    expect((await second.buildAndSettle()).compiled).toEqual(['app']);
    for (const workspace of [first, second]) {
      const library = await findIn(workspace, 'debug/deps', /^libanyhow-.*\.rlib$/);
      const before = mtimeNs(library);
      await workspace.unmount();
      await workspace.mount();
      expect(mtimeNs(library)).toBe(before);
      expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    }
  });

  test('rule 15: all files of a served unit have one time, which ordinary writes do not precede', async () => {
    await using world = await createWorld();
    const { second } = await twoWorkspaces(world, { dependencies: itoaAndAnyhow, files: {} });
    await second.mustCargo('build');
    const names = (await second.list('debug/deps')).filter((name) => name.includes('anyhow-'));
    const times = new Set(names.map((name) => mtimeNs(join(second.target, 'debug/deps', name))));
    expect(names.length).toBeGreaterThan(2);
    expect(times.size).toBe(1);
    const probe = join(second.target, 'probe');
    writeFileSync(probe, '');
    expect(mtimeNs(probe)).toBeGreaterThanOrEqual([...times][0] ?? 0n);
  });

  test('rule 16: after each of many restores cargo finds nothing dirty', async () => {
    await using world = await createWorld();
    const { second } = await twoWorkspaces(world, { dependencies: itoaAndAnyhow, files: {} });
    for (let round = 0; round < 12; round += 1) {
      rmSync(join(second.target, 'debug'), { recursive: true, force: true });
      expect((await second.mustCargo('build')).compiled).toEqual(['app']);
      expect(await second.mustCargo('build')).toMatchObject(nothingToDo);
    }
  });

  test('rule 17: an input that changes after the unit was built makes cargo run the script', async () => {
    await using world = await createWorld();
    const vendored = await vendoredPackage(world);
    const { second } = await twoWorkspaces(world, vendored.options);
    writeFileSync(vendored.input, 'newer');
    expect((await second.mustCargo('build')).compiled).toContain('dep run');
    expect(second.output()).toBe('newer');
  });

  test('rule 17: an input that changes while a build uses the restored unit is dirty afterwards', async () => {
    await using world = await createWorld();
    const vendored = await vendoredPackage(world);
    const { first, second } = await twoWorkspaces(world, vendored.options);
    expect(first.output()).toBe('first');
    // The own build script runs after cargo has taken the unit for fresh.
    const editing =
      'fn main() { std::fs::write(std::env::var("INPUT").unwrap(), "during").unwrap(); }';
    await second.write({ 'build.rs': editing });
    const during = await second.mustCargo('build', { env: { INPUT: vendored.input } });
    expect(during.compiled).not.toContain('dep run');
    await second.write({ 'build.rs': 'fn main() {}' });
    const after = await second.mustCargo('build');
    expect(after.compiled).toContain('dep run');
    expect(second.output()).toBe('during');
    expect((await first.mustCargo('build')).compiled).toContain('dep run');
    expect(first.output()).toBe('during');
  });

  test('rule 18: dependents are built again after their dependency was removed', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const repository = await createGitRepository(world, 'pair');
    await repository.commit(pairOfPackages);
    const git = (name: string) => ({ [name]: `{ git = "${repository.url}" }` });
    const files = { 'src/main.rs': 'fn main() { println!("{}", upper::text()); }' };
    const options = { dependencies: { ...git('lower'), ...git('upper') }, files };
    // Built where it is, so that the store knows two variants with different bytes.
    const native = await world.workspace('native', options);
    await native.mustCargo('build');
    const { second } = await twoWorkspaces(world, options);
    await native.mount();
    await native.settled();
    expect((await second.buildAndSettle()).compiled).toEqual(['app']);
    for (const workspace of [second, native]) {
      await workspace.mustCargo('clean', { args: ['-p', 'lower'] });
      const run = await workspace.mustCargo('build');
      expect(run.compiled).toEqual(['app', 'lower', 'lower build-script', 'lower run', 'upper']);
      expect(workspace.output()).toBe('lower');
      await workspace.settled();
      expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    }
  });

  test('rule 18: what was built with other bytes of a served macro is built again', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, { five: macroWithAStamp });
    const files = { 'src/main.rs': 'fn main() { println!("{}", five::five!()); }' };
    // Programs for a target by name lie beside those that only the build needs.
    const args = ['--target', 'host-tuple'];
    const first = await world.workspace('first', { dependencies, files });
    await first.mount();
    await first.buildAndSettle({ args });
    const second = await world.workspace('second', { dependencies, files });
    await second.mount();
    const macro = async (): Promise<Buffer> =>
      readFileSync(await findIn(second, 'debug/deps', /^libfive-.*\.so$/));
    // Behind a wrapper that nobody knows the macro stays here, with the unit hash of the stored one.
    await second.buildAndSettle({ args, env: { RUSTC_WRAPPER: '/usr/bin/env' } });
    const own = await macro();
    rmSync(join(second.target, 'debug'), { recursive: true });
    expect((await second.mustCargo('build', { args })).compiled).toEqual(['app']);
    expect(await macro()).not.toEqual(own);
    expect(await second.mustCargo('build', { args })).toMatchObject(nothingToDo);
  });
});

describeEndToEnd('the build-dir as a file system', () => {
  test('rule 19: names of one file share inode, and programs run from the mount', async () => {
    await using world = await createWorld();
    const { second } = await twoWorkspaces(world);
    await second.mustCargo('build');
    const program = statSync(join(second.target, 'debug/app'));
    const linked = statSync(await findIn(second, 'debug/deps', /^app-[0-9a-f]{16}$/));
    expect(program.nlink).toBe(2);
    expect(linked.ino).toBe(program.ino);
    expect(second.output()).toBe('5');
  });

  test('rule 19: rust-lld links through a mapping of its output', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one');
    await workspace.mount();
    await workspace.mustCargo('build', {
      env: {
        RUSTFLAGS: '-Clink-arg=-fuse-ld=lld -Clink-self-contained=+linker -Zunstable-options',
        RUSTC_BOOTSTRAP: '1',
      },
    });
    const program = readFileSync(join(workspace.target, 'debug/app'), 'latin1');
    expect(program).toContain('Linker: LLD');
    expect(workspace.output()).toBe('');
  });

  test('rule 19: a second cargo waits for the first, as on any disk', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', { files: { 'build.rs': waitingBuildScript } });
    await workspace.mount();
    const first = workspace.mustCargo('build');
    await waitUntil('the script runs', () => existsSync(join(workspace.path, 'waiting')));
    let messages = '';
    const second = await workspace.mustCargo('build', {
      whileRunning: async (child) => {
        child.stderr?.on('data', (text: Buffer) => (messages += text.toString()));
        await waitUntil('the second waits', () => messages.includes('Blocking waiting for'));
        await workspace.write({ release: '' });
      },
    });
    expect((await first).compiled).toContain('app');
    expect(second.compiled).toEqual([]);
  });

  test('rule 20: a package that was cleaned is really compiled, and served again after a fresh start', async () => {
    await using world = await createWorld();
    const { second } = await twoWorkspaces(world);
    await second.buildAndSettle();
    for (let round = 0; round < 2; round += 1) {
      await second.mustCargo('clean', { args: ['-p', 'itoa'] });
      expect(await second.list('debug/deps')).not.toContainEqual(expect.stringContaining('itoa-'));
      expect((await second.buildAndSettle()).compiled).toEqual(['app', 'itoa']);
      rmSync(join(second.target, 'debug'), { recursive: true });
      expect((await second.buildAndSettle()).compiled).toEqual(['app']);
    }
  });

  test('rule 20: a deletion is remembered across a remount', async () => {
    await using world = await createWorld();
    const { second } = await twoWorkspaces(world);
    await second.buildAndSettle();
    await second.mustCargo('clean', { args: ['-p', 'itoa'] });
    await second.unmount();
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app', 'itoa']);
  });

  test('rule 20: cargo clean --release starts that profile over and no other', async () => {
    await using world = await createWorld();
    const { second } = await twoWorkspaces(world);
    await second.buildAndSettle();
    await second.buildAndSettle({ args: ['--release'] });
    await second.mustCargo('clean', { args: ['--release'] });
    expect(existsSync(join(second.target, 'release'))).toBe(false);
    expect(await second.mustCargo('build')).toMatchObject(nothingToDo);
    expect((await second.mustCargo('build', { args: ['--release'] })).compiled).toEqual(['app']);
  });
});

/** `dep`, from a directory source; its script turns the file `input` into code. */
async function vendoredPackage(world: World): Promise<{
  readonly input: string;
  readonly options: Parameters<World['workspace']>[1];
}> {
  const vendor = join(world.path, 'vendor');
  const sources = await world.workspace('vendor/dep', {
    files: {
      'Cargo.toml': '[package]\nname = "dep"\nversion = "1.0.0"\nedition = "2021"\n',
      'build.rs': vendoredScript,
      'src/lib.rs': 'include!(concat!(env!("OUT_DIR"), "/text.rs"));\n',
      input: 'first',
      '.cargo-checksum.json': '{"files":{},"package":null}',
    },
  });
  rmSync(join(sources.path, 'src/main.rs'));
  const config = `[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "${vendor}"\n`;
  return {
    input: join(sources.path, 'input'),
    options: {
      dependencies: { dep: '=1.0.0' },
      files: {
        '.cargo/config.toml': config,
        'src/main.rs': 'fn main() { println!("{}", dep::text()); }',
      },
    },
  };
}

const vendoredScript = `fn main() {
    println!("cargo:rerun-if-changed=input");
    let text = std::fs::read_to_string("input").unwrap();
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR").unwrap()).join("text.rs");
    std::fs::write(out, format!("pub fn text() -> &'static str {{ {text:?} }}")).unwrap();
}
`;

/** `upper` uses `lower`, whose bytes depend on the path of its OUT_DIR. */
const pairOfPackages: Readonly<Record<string, string>> = {
  'lower/Cargo.toml': '[package]\nname = "lower"\nversion = "1.0.0"\nedition = "2021"\n',
  'lower/build.rs': `fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR").unwrap()).join("text.rs");
    std::fs::write(out, "pub fn text<T: Default>(_: T) -> &'static str { \\"lower\\" }").unwrap();
}
`,
  'lower/src/lib.rs': 'include!(concat!(env!("OUT_DIR"), "/text.rs"));\n',
  'upper/Cargo.toml':
    '[package]\nname = "upper"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\nlower = { path = "../lower" }\n',
  'upper/src/lib.rs': "pub fn text() -> &'static str { lower::text(1u8) }\n",
};

/** A macro that is another file each time its script runs. */
const macroWithAStamp: CrateText = {
  library: 'proc-macro = true',
  build: `fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR").unwrap()).join("text.rs");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    std::fs::write(out, format!("#[used] static STAMP: u64 = {};
fn tokens() -> proc_macro::TokenStream {{ \\"5\\".parse().unwrap_or_default() }}", now as u64)).unwrap();
}
`,
  lib: [
    'include!(concat!(env!("OUT_DIR"), "/text.rs"));',
    '#[proc_macro]',
    'pub fn five(_: proc_macro::TokenStream) -> proc_macro::TokenStream { tokens() }',
    '',
  ].join('\n'),
};

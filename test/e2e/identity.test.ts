import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd } from '../support/world.js';
import { createGitCrates, inDirectories } from './crates.js';

const printVersion = 'fn main() { println!("{}", gd::version()); }\n';
const versionCrate = (version: number): Record<string, string> =>
  inDirectories({ gd: { lib: `pub fn version() -> u32 { ${version} }\n` } });

describeEndToEnd('the identity of a unit', () => {
  test('rule 1: two commits of one branch have one unit hash and are told apart', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { commit, dependencies } = await createGitCrates(world, {
      gd: { lib: 'pub fn version() -> u32 { 1 }\n' },
    });
    const files = { 'src/main.rs': printVersion };
    const first = await world.workspace('first', { dependencies, files });
    await first.mount();
    await first.buildAndSettle();

    await commit(versionCrate(2));
    const second = await world.workspace('second', { dependencies, files });
    await second.mount();
    expect((await second.buildAndSettle()).compiled).toContain('gd');
    expect(second.output()).toBe('2');
    const isLibrary = (name: string): boolean => /^libgd-.*\.rlib$/.test(name);
    expect((await second.list('debug/deps')).filter(isLibrary)).toEqual(
      (await first.list('debug/deps')).filter(isLibrary),
    );

    const third = await world.workspace('third', { files, dependencies });
    await copyFile(join(first.path, 'Cargo.lock'), join(third.path, 'Cargo.lock'));
    await third.mount();
    await third.mustCargo('build');
    expect(third.output()).toBe('1');
    await copyFile(join(second.path, 'Cargo.lock'), join(third.path, 'Cargo.lock'));
    await third.mustCargo('build');
    expect(third.output()).toBe('2');
  });

  test('rule 1: two values of --remap-path-prefix have one unit hash and are told apart', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      gd: { lib: "pub fn place() -> &'static str { file!() }\n" },
    });
    const files = { 'src/main.rs': 'fn main() { println!("{}", gd::place()); }\n' };
    const remapTo = (place: string): Record<string, string> => ({
      RUSTFLAGS: `--remap-path-prefix=${world.cargoHome}=${place}`,
    });
    const first = await world.workspace('first', { dependencies, files });
    await first.mount();
    await first.buildAndSettle({ env: remapTo('/one') });
    const second = await world.workspace('second', { dependencies, files });
    await second.mount();
    await second.buildAndSettle({ env: remapTo('/two') });
    expect(second.output()).toMatch(/^\/two\//);
    const names = await second.list('debug/deps');
    expect(names).toEqual(await first.list('debug/deps'));

    const third = await world.workspace('third', { dependencies, files });
    await third.mount();
    await third.mustCargo('build', { env: remapTo('/one') });
    expect(third.output()).toMatch(/^\/one\//);
  });

  test('rule 1: debug and release, features and profiles of one package never meet', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      gd: {
        lib: 'pub fn version() -> String { format!("{} {}", cfg!(feature = "extra"), cfg!(debug_assertions)) }\n',
        files: {},
        package: '[features]\nextra = []\n',
      },
    });
    const git = dependencies['gd'] ?? '';
    const files = { 'src/main.rs': printVersion };
    const plain = await world.workspace('plain', { dependencies, files });
    await plain.mount();
    await plain.buildAndSettle();
    await plain.buildAndSettle({ args: ['--release'] });
    const withExtra = { gd: git.replace('{ ', '{ features = ["extra"], ') };
    const extra = await world.workspace('extra', { dependencies: withExtra, files });
    await extra.mount();
    await extra.buildAndSettle();
    await extra.buildAndSettle({ args: ['--release'] });
    const printed = [plain, extra].flatMap((one) => [one.output(), one.output('release')]);
    expect(printed).toEqual(['false true', 'false false', 'true true', 'true false']);
    await extra.mustCargo('build', { env: { CARGO_PROFILE_DEV_DEBUG_ASSERTIONS: 'false' } });
    expect(extra.output()).toBe('true false');
  });

  test('rule 7: of several runs of one script that one is served that saw this value', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      gd: {
        lib: 'pub fn version() -> &\'static str { env!("MODE_SEEN") }\n',
        build:
          'fn main() { println!("cargo:rerun-if-env-changed=GD_MODE"); println!("cargo:rustc-env=MODE_SEEN={}", std::env::var("GD_MODE").unwrap_or("none".into())); }\n',
      },
    });
    const files = { 'src/main.rs': printVersion };
    for (const mode of ['a', 'b']) {
      const maker = await world.workspace(`maker-${mode}`, { dependencies, files });
      await maker.mount();
      await maker.buildAndSettle({ env: { GD_MODE: mode } });
    }
    for (const mode of ['a', 'b']) {
      const user = await world.workspace(`user-${mode}`, { dependencies, files });
      await user.mount();
      const { compiled } = await user.mustCargo('build', { env: { GD_MODE: mode } });
      expect({ mode, compiled, printed: user.output() }).toEqual({
        mode,
        compiled: ['app'],
        printed: mode,
      });
    }
    const other = await world.workspace('other', { dependencies, files });
    await other.mount();
    const { compiled } = await other.mustCargo('build');
    expect(compiled).toEqual(['app', 'gd', 'gd run']);
    expect(other.output()).toBe('none');
  });

  test('rule 7: a unit goes with the fingerprints that are present, though their bytes are equal', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      gd: {
        lib: 'pub fn version() -> u32 { 1 }\n',
        build: 'fn main() { println!("cargo:rerun-if-env-changed=GD_MODE"); }\n',
      },
    });
    const files = { 'src/main.rs': printVersion };
    // One build-dir, so that neither of the two is preferred for where it was built.
    const maker = await world.workspace('maker', { dependencies, files });
    await maker.mount();
    for (const mode of ['a', 'b']) await maker.buildAndSettle({ env: { GD_MODE: mode } });
    for (const mode of ['a', 'b']) {
      const user = await world.workspace(`user-${mode}`, { dependencies, files });
      await user.mount();
      expect((await user.mustCargo('build', { env: { GD_MODE: mode } })).compiled).toEqual(['app']);
    }
  });
});

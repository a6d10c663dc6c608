import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { createGitCrates, createVendoredCrates, inDirectories } from './crates.js';

const printAll = (...names: readonly string[]): string =>
  `fn main() { ${names.map((name) => `println!("${name} {}", ${name}::value());`).join(' ')} }\n`;

/** Makes `libthing.a` with a function that returns `value`, in a directory outside of all workspaces. */
async function makeArchive(world: World, value: number): Promise<string> {
  const directory = join(world.path, 'native');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'thing.c'), `int thing(void) { return ${value}; }\n`);
  for (const [program = '', ...args] of [
    ['cc', '-c', '-O2', '-o', 'thing.o', 'thing.c'],
    ['ar', 'rcs', 'libthing.a', 'thing.o'],
  ]) {
    const run = spawnSync(program, args, { cwd: directory, encoding: 'utf8' });
    if (run.status !== 0) throw new Error(run.stderr);
  }
  return directory;
}

/** Whose build scripts read a number from a place that nobody can know. */
function hiddenInput(path: string): string {
  const [...letters] = path;
  const backwards = letters.reverse().join('');
  return `fn main() {
    let path: String = "${backwards}".chars().rev().collect();
    println!("cargo:rustc-env=SEEN={}", std::fs::read_to_string(path).unwrap().trim());
    println!("cargo:rerun-if-changed=build.rs");
  }\n`;
}

const seen = { lib: 'pub fn value() -> &\'static str { env!("SEEN") }\n' };

async function mounted(
  world: World,
  name: string,
  options: Parameters<World['workspace']>[1],
): Promise<Workspace> {
  const workspace = await world.workspace(name, options);
  await workspace.mount();
  return workspace;
}

describeEndToEnd('variants under one unit hash', () => {
  test('a library goes with the run of the script that saw the same archive', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const native = await makeArchive(world, 1);
    const { dependencies } = await createGitCrates(world, {
      nat: {
        lib: 'unsafe extern "C" { fn thing() -> i32; }\npub fn value() -> i32 { unsafe { thing() } }\n',
        build: `fn main() {
          println!("cargo:rustc-link-search=native=${native}");
          println!("cargo:rustc-link-lib=static=thing");
          println!("cargo:rerun-if-changed=${native}/libthing.a");
        }\n`,
      },
      more: { lib: 'pub fn value() -> i32 { 7 }\n' },
    });
    const { more, ...only } = dependencies;
    const both = { dependencies: { ...only, more: more ?? '' } };
    const files = { 'src/main.rs': printAll('nat') };
    const filesOfBoth = { 'src/main.rs': printAll('nat', 'more') };

    const a = await mounted(world, 'a', { dependencies: only, files });
    await a.buildAndSettle();
    await makeArchive(world, 2);
    const b = await mounted(world, 'b', { ...both, files: filesOfBoth });
    await b.buildAndSettle();
    expect(b.output()).toBe('nat 2\nmore 7');
    await makeArchive(world, 1);
    // It has most in common with the workspace whose unit is wrong here.
    const c = await mounted(world, 'c', { ...both, files: filesOfBoth });
    await c.buildAndSettle();
    expect(c.output()).toBe('nat 1\nmore 7');
  });

  test('each of two CARGO_HOMEs goes on being served after the other has built', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      one: { lib: 'pub fn value() -> i32 { 1 }\n', build: 'fn main() {}\n' },
      two: {
        lib: 'pub fn value() -> i32 { one::value() + 1 }\n',
        dependencies: { one: `{ path = "../one" }` },
      },
    });
    const options = { dependencies, files: { 'src/main.rs': printAll('one', 'two') } };
    const otherHome = join(world.path, 'other-home');
    await mkdir(otherHome);
    await symlink(join(world.cargoHome, 'registry'), join(otherHome, 'registry'));
    const env = { CARGO_HOME: otherHome, CARGO_NET_OFFLINE: 'false' };
    const a = await mounted(world, 'a', options);
    await a.buildAndSettle();
    const b = await mounted(world, 'b', options);
    expect((await b.buildAndSettle({ env })).compiled).toContain('two');
    const c = await mounted(world, 'c', options);
    expect((await c.buildAndSettle()).compiled).toEqual(['app']);
    const d = await mounted(world, 'd', options);
    expect((await d.buildAndSettle({ env })).compiled).toEqual(['app']);
    expect((await world.stats()).units.missed).toBeGreaterThan(0);
  });

  test('each of two projects is served the package that it has vendored itself', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const crates = { same: { lib: 'pub fn value() -> u8 { 7 }\n' } };
    const built: (readonly string[])[] = [];
    const sources = new Map<string, Awaited<ReturnType<typeof createVendoredCrates>>>();
    for (const project of ['one', 'two', 'three']) {
      sources.set(project, await createVendoredCrates(world, crates, `${project}/vendor`));
    }
    for (const name of ['a', 'b', 'c']) {
      for (const [project, { config, dependencies }] of sources) {
        const workspace = await world.workspace(`${project}-${name}`, {
          directory: `${project}/${name}`,
          dependencies,
          files: {
            '.cargo/config.toml': config,
            'src/main.rs': 'fn main() { println!("{}", same::value()); }\n',
          },
        });
        await workspace.mount();
        built.push((await workspace.buildAndSettle()).compiled);
        expect(workspace.output()).toBe('7');
      }
    }
    expect(built.slice(3)).toEqual(Array.from({ length: 6 }, () => ['app']));
  });

  test('a workspace that is locked to an older commit of a branch is served that commit', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const version = (value: number): Parameters<typeof inDirectories>[0] => ({
      base: { lib: `pub fn value() -> i32 { ${value} }\n`, build: 'fn main() {}\n' },
      top: {
        lib: 'pub fn value() -> i32 { base::value() * 10 }\n',
        dependencies: { base: '{ path = "../base" }' },
      },
    });
    const { commit, dependencies } = await createGitCrates(world, version(1));
    const options = { dependencies, files: { 'src/main.rs': printAll('base', 'top') } };
    const a = await mounted(world, 'a', options);
    await a.buildAndSettle();
    await commit(inDirectories(version(2)));
    const b = await mounted(world, 'b', options);
    await b.buildAndSettle();
    expect(b.output()).toBe('base 2\ntop 20');
    const c = await world.workspace('c', options);
    await copyFile(join(a.path, 'Cargo.lock'), join(c.path, 'Cargo.lock'));
    await c.mount();
    expect((await c.buildAndSettle()).compiled).toEqual(['app']);
    expect(c.output()).toBe('base 1\ntop 10');
    const d = await mounted(world, 'd', options);
    expect((await d.buildAndSettle()).compiled).toEqual(['app']);
    expect(d.output()).toBe('base 2\ntop 20');
  });
});

describeEndToEnd('a stored unit that is wrong for a reason nobody knows', () => {
  test('is replaced for everybody by cargo clean -p in one workspace', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const hidden = join(world.path, 'hidden');
    await writeFile(hidden, '1');
    const { dependencies } = await createGitCrates(world, {
      nat: { ...seen, build: hiddenInput(hidden) },
      user: {
        lib: "pub fn value() -> &'static str { nat::value() }\n",
        dependencies: { nat: '{ path = "../nat" }' },
      },
    });
    const options = { dependencies, files: { 'src/main.rs': printAll('nat', 'user') } };
    const a = await mounted(world, 'a', options);
    await a.buildAndSettle();
    const b = await mounted(world, 'b', options);
    await b.buildAndSettle();
    await writeFile(hidden, '2');
    await a.mustCargo('clean', { args: ['-p', 'nat'] });
    expect((await a.buildAndSettle()).compiled).toEqual(
      expect.arrayContaining(['nat', 'user', 'app']),
    );
    expect(a.output()).toBe('nat 2\nuser 2');
    const c = await mounted(world, 'c', options);
    expect((await c.buildAndSettle()).compiled).toEqual(['app']);
    expect(c.output()).toBe('nat 2\nuser 2');
    // One that was here before, and has built the old one itself.
    await b.mustCargo('clean');
    expect((await b.buildAndSettle()).compiled).toEqual(['app']);
    expect(b.output()).toBe('nat 2\nuser 2');
    // Back to the first: equal to a stored unit, and yet the latest word.
    await writeFile(hidden, '1');
    await a.mustCargo('clean', { args: ['-p', 'nat'] });
    await a.buildAndSettle();
    const d = await mounted(world, 'd', options);
    expect((await d.buildAndSettle()).compiled).toEqual(['app']);
    expect(d.output()).toBe('nat 1\nuser 1');
  });

  test('is never served again once it was rejected, until that is undone', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const hidden = join(world.path, 'hidden');
    await writeFile(hidden, '1');
    const { dependencies } = await createGitCrates(world, {
      nat: { ...seen, build: hiddenInput(hidden) },
      other: { lib: 'pub fn value() -> i32 { 3 }\n' },
    });
    const options = { dependencies, files: { 'src/main.rs': printAll('nat', 'other') } };
    const a = await mounted(world, 'a', options);
    await a.buildAndSettle();
    expect(await world.xcacheJson('reject', 'nat')).toMatchObject({ units: 3, workspaces: 1 });
    const { rejected } = await world.xcacheJson<{ rejected: { package: string }[] }>(
      'units',
      '--rejected',
    );
    expect(rejected.map((unit) => unit.package)).toEqual(['nat', 'nat', 'nat']);
    const b = await mounted(world, 'b', options);
    expect((await b.buildAndSettle()).compiled).toEqual(
      expect.arrayContaining(['app', 'nat', 'nat build-script', 'nat run']),
    );
    await world.xcache('service', 'stop');
    const c = await mounted(world, 'c', options);
    expect((await c.buildAndSettle()).compiled).toContain('nat');
    expect(await world.xcacheJson('reject', 'nat', '--undo')).toMatchObject({ units: 3 });
    await c.mustCargo('clean');
    await c.buildAndSettle();
    const d = await mounted(world, 'd', options);
    expect((await d.buildAndSettle()).compiled).toEqual(['app']);
    expect((await world.xcache('reject', 'nothing-like-it')).stderr).toContain(
      'no unit of nothing-like-it is stored',
    );
  });

  test('of several versions, reject wants to know which one', async () => {
    await using world = await createWorld();
    const { config, dependencies } = await createVendoredCrates(world, {
      one: { lib: 'pub fn value() -> i32 { 1 }\n' },
    });
    const a = await mounted(world, 'a', {
      dependencies,
      files: { 'src/main.rs': printAll('one'), '.cargo/config.toml': config },
    });
    await a.buildAndSettle();
    const one = await world.xcache('reject', 'one@9.9.9');
    expect(one).toMatchObject({ exitCode: 1 });
    expect(one.stderr).toContain('no unit of one@9.9.9 is stored');
    expect((await world.xcache('reject', 'no/name')).exitCode).toBe(2);
    expect((await world.xcache('reject', 'one', '--all-versions')).exitCode).toBe(0);
  });

  test('is found by XCACHE_VERIFY, rejected, and the build has what was compiled', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const hidden = join(world.path, 'hidden');
    await writeFile(hidden, 'one');
    const { dependencies } = await createGitCrates(world, {
      nat: { ...seen, build: hiddenInput(hidden) },
      fine: { lib: 'pub fn value() -> i32 { 3 }\n' },
    });
    const options = { dependencies, files: { 'src/main.rs': printAll('nat', 'fine') } };
    const a = await mounted(world, 'a', options);
    await a.buildAndSettle();
    const env = { XCACHE_VERIFY: '1' };
    const b = await mounted(world, 'b', options);
    expect((await b.buildAndSettle({ env })).compiled).toContain('fine');
    // A unit may be looked at twice, so the counters tell, not the last word of `explain`.
    expect((await world.stats()).units).toMatchObject({ verified: 4, differed: 0 });
    await writeFile(hidden, 'two');
    const c = await mounted(world, 'c', options);
    await c.buildAndSettle({ env });
    expect(c.output()).toBe('nat two\nfine 3');
    expect((await world.stats()).units.differed).toBeGreaterThan(0);
    expect((await world.xcache('units', '--rejected')).stdout).toContain('verification');
    const d = await mounted(world, 'd', options);
    expect((await d.buildAndSettle()).compiled).toEqual(['app']);
    expect(d.output()).toBe('nat two\nfine 3');
  });

  test('by lost bytes is built again, and shared again from then on', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      one: { lib: 'pub fn value() -> i32 { 1 }\n', build: 'fn main() {}\n' },
    });
    const options = { dependencies, files: { 'src/main.rs': printAll('one') } };
    const a = await mounted(world, 'a', options);
    await a.buildAndSettle();
    await a.unmount();
    const blobs = join(world.paths.storeDirectory, 'v1/blobs');
    const files = await readdir(blobs, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      await rm(join(file.parentPath, file.name));
    }
    const b = await mounted(world, 'b', options);
    expect((await b.buildAndSettle()).compiled).toContain('one');
    const c = await mounted(world, 'c', options);
    expect((await c.buildAndSettle()).compiled).toEqual(['app']);
    expect(c.output()).toBe('one 1');
  });
});

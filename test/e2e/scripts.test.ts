import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { createGitCrates, gitCheckout, nativeOutput, type CrateText } from './crates.js';

const script = (body: string): string =>
  `use std::path::Path;\nfn main() { let out = std::env::var("OUT_DIR").unwrap(); let _ = Path::new(&out); ${body} }\n`;
const unchanging = 'println!("cargo:rerun-if-changed=build.rs");';
const value = (expression: string): string =>
  `pub fn value() -> String { (${expression}).to_string() }\n`;

/** A program that prints `value()` of each crate. */
function printAll(names: readonly string[]): Record<string, string> {
  const lines = names.map((name) => `println!("${name} {}", ${name.replace(/-/g, '_')}::value());`);
  return { 'src/main.rs': `fn main() { ${lines.join(' ')} }\n` };
}

/** Builds in one workspace, then in another whose path has another length; returns the second. */
async function buildTwice(
  world: World,
  crates: Readonly<Record<string, CrateText>>,
  used: readonly string[] = Object.keys(crates),
): Promise<{ second: Workspace; compiled: readonly string[]; expected: string }> {
  const { dependencies } = await createGitCrates(world, crates);
  const wanted = Object.fromEntries(used.map((name) => [name, dependencies[name] ?? '']));
  const files = printAll(used);
  const first = await world.workspace('first', { dependencies: wanted, files });
  await first.mount();
  await first.buildAndSettle();
  const second = await world.workspace('another/second', { dependencies: wanted, files });
  const expected = await nativeOutput(second);
  await second.mount();
  const { compiled } = await second.mustCargo('build');
  return { second, compiled, expected };
}

describeEndToEnd('the run of a build script', () => {
  test('rule 12: directories that one script hands to another are those of this workspace', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { second, expected } = await buildTwice(
      world,
      {
        'nat-sys': {
          package: 'links = "nat"',
          build: script(
            `std::fs::write(format!("{out}/nat.txt"), "native").unwrap(); println!("cargo:root={out}"); println!("cargo:odd=[{out}/nat.txt]"); ${unchanging}`,
          ),
          lib: value('"nat"'),
        },
        'dep-sys': {
          dependencies: { 'nat-sys': '{ path = "../nat-sys" }' },
          build: script(
            `let root = std::env::var("DEP_NAT_ROOT").unwrap(); println!("cargo:rustc-link-search=native={root}"); println!("cargo:rustc-env=NAT_ROOT={root}"); println!("cargo:rustc-env=NAT_LIST=({root})|{root}!"); ${unchanging}`,
          ),
          lib: value('format!("{} {}", env!("NAT_ROOT"), env!("NAT_LIST"))'),
        },
      },
      ['dep-sys'],
    );
    expect(second.output()).toBe(expected);
    expect((await second.mustCargo('build')).compiled).toEqual([]);
  });

  test('rule 12: what a script wrote is served elsewhere only without the paths of its workspace', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { second, compiled, expected } = await buildTwice(world, {
      plain: {
        build: script(`std::fs::write(format!("{out}/v"), "plain").unwrap(); ${unchanging}`),
        lib: value('include_str!(concat!(env!("OUT_DIR"), "/v"))'),
      },
      text: {
        build: script(`std::fs::write(format!("{out}/v"), &out).unwrap(); ${unchanging}`),
        lib: value('include_str!(concat!(env!("OUT_DIR"), "/v"))'),
      },
      binary: {
        build: script(
          `let mut bytes = vec![0u8, 1, 2, 0]; bytes.extend(out.as_bytes()); std::fs::write(format!("{out}/v"), bytes).unwrap(); ${unchanging}`,
        ),
        lib: value(
          'String::from_utf8_lossy(&include_bytes!(concat!(env!("OUT_DIR"), "/v"))[4..]).into_owned()',
        ),
      },
      root: {
        build: script(
          `std::fs::write(format!("{out}/v"), Path::new(&out).ancestors().nth(5).unwrap().to_str().unwrap()).unwrap(); ${unchanging}`,
        ),
        lib: value('include_str!(concat!(env!("OUT_DIR"), "/v"))'),
      },
      printed_root: {
        build: script(
          `println!("cargo:rustc-env=FOUND={}", Path::new(&out).ancestors().nth(5).unwrap().display()); ${unchanging}`,
        ),
        lib: value('env!("FOUND")'),
      },
      bracketed: {
        build: script(
          `println!("cargo:rustc-cfg=place={:?}", format!("[{}]", Path::new(&out).ancestors().nth(4).unwrap().display())); println!("cargo:rustc-env=FOUND=[{}]", Path::new(&out).ancestors().nth(4).unwrap().display()); ${unchanging}`,
        ),
        lib: value('env!("FOUND")'),
      },
    });
    expect(second.output()).toBe(expected);
    expect(compiled).not.toContain('plain run');
    expect(compiled).not.toContain('plain');
  });

  test('rule 12: a link in OUT_DIR leads into this workspace', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { second } = await buildTwice(world, {
      linked: {
        build: script(
          `std::fs::write(format!("{out}/real"), "x").unwrap(); let _ = std::fs::remove_file(format!("{out}/absolute")); let _ = std::fs::remove_file(format!("{out}/relative")); std::os::unix::fs::symlink(format!("{out}/real"), format!("{out}/absolute")).unwrap(); std::os::unix::fs::symlink("real", format!("{out}/relative")).unwrap(); ${unchanging}`,
        ),
        lib: value(
          'std::fs::read_link(concat!(env!("OUT_DIR"), "/absolute")).unwrap().starts_with(env!("OUT_DIR"))',
        ),
      },
    });
    expect(second.output()).toBe('linked true');
  });

  test('rule 12: declared files and variables, and those that steer native builds, are compared', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies: all } = await createGitCrates(world, {
      declared: {
        build: script(
          'println!("cargo:rerun-if-changed=data.txt"); println!("cargo:rustc-env=SEEN={}", std::fs::read_to_string("data.txt").unwrap().trim());',
        ),
        lib: value('env!("SEEN")'),
        files: { 'data.txt': 'one' },
      },
      undeclared: {
        build: script(
          'println!("cargo:rustc-env=SEEN={}", std::fs::read_to_string("data.txt").unwrap().trim());',
        ),
        lib: value('env!("SEEN")'),
        files: { 'data.txt': 'one' },
      },
      // As with the crate `cc`: the script itself does not name the variable.
      steered: {
        build: script(`println!("cargo:rustc-env=SEEN={}", flags::seen()); ${unchanging}`),
        lib: value('env!("SEEN")'),
        files: {
          'Cargo.toml':
            '[package]\nname = "steered"\nversion = "1.0.0"\nedition = "2021"\n[build-dependencies]\nflags = { path = "../flags" }\n',
        },
      },
      flags: {
        lib: 'pub fn seen() -> String { std::env::var("CFLAGS").unwrap_or_default() }\n',
      },
    });
    const { flags: _flags, ...dependencies } = all;
    const files = printAll(Object.keys(dependencies));
    const build = async (name: string, env: Record<string, string> = {}): Promise<string[]> => {
      const workspace = await world.workspace(name, { dependencies, files });
      await workspace.mount();
      await workspace.buildAndSettle({ env });
      return workspace.output().split('\n');
    };
    expect(await build('first')).toEqual(['declared one', 'undeclared one', 'steered']);
    expect(await build('flags', { CFLAGS: '-O3' })).toContain('steered -O3');
    const checkout = await gitCheckout(world);
    for (const name of ['declared', 'undeclared']) {
      await writeFile(join(checkout, name, 'data.txt'), 'two');
    }
    expect(await build('edited')).toEqual(['declared two', 'undeclared two', 'steered']);
  });

  test('rule 12: a variable that a script reads without declaring it has the value of this build', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      silent: {
        build: script(
          `println!("cargo:rustc-env=SEEN={}", std::env::var("SILENT_MODE").unwrap_or("none".into())); ${unchanging}`,
        ),
        lib: value('env!("SEEN")'),
      },
    });
    const files = printAll(['silent']);
    for (const [name, mode] of [
      ['first', 'a'],
      ['second', 'b'],
      ['third', undefined],
      ['fourth', 'a'],
    ] as const) {
      const workspace = await world.workspace(name, { dependencies, files });
      await workspace.mount();
      const { compiled } = await workspace.buildAndSettle({ env: { SILENT_MODE: mode } });
      expect(workspace.output()).toBe(`silent ${mode ?? 'none'}`);
      if (name === 'fourth') expect(compiled).toEqual(['app']);
    }
  });

  test('rule 13: a script that runs again finds nothing that another workspace’s run left', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      cached: {
        build: script(
          'println!("cargo:rerun-if-env-changed=CACHED_MODE"); let cache = format!("{out}/sub/cache.txt"); let before = std::fs::read_to_string(&cache).unwrap_or("nothing".into()); std::fs::create_dir_all(format!("{out}/sub")).unwrap(); let mode = std::env::var("CACHED_MODE").unwrap(); std::fs::write(&cache, &mode).unwrap(); println!("cargo:rustc-env=SEEN={mode} after {before}");',
        ),
        lib: value('env!("SEEN")'),
      },
    });
    const files = printAll(['cached']);
    const first = await world.workspace('first', { dependencies, files });
    await first.mount();
    await first.buildAndSettle({ env: { CACHED_MODE: 'a' } });
    expect(first.output()).toBe('cached a after nothing');

    const second = await world.workspace('another/second', { dependencies, files });
    await second.mount();
    const served = await second.mustCargo('build', { env: { CACHED_MODE: 'a' } });
    expect(served.compiled).toEqual(['app']);
    await second.buildAndSettle({ env: { CACHED_MODE: 'b' } });
    expect(second.output()).toBe('cached b after nothing');
    // What its own run left is there, as without xcache.
    await second.buildAndSettle({ env: { CACHED_MODE: 'c' } });
    expect(second.output()).toBe('cached c after b');
    expect(await world.verify()).toMatchObject({ problems: [] });
  });

  test('rule 13: after a remount too, and the script may be interrupted in between', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      cached: {
        build: script(
          'println!("cargo:rerun-if-env-changed=CACHED_MODE"); let cache = format!("{out}/cache.txt"); let before = std::fs::read_to_string(&cache).unwrap_or("nothing".into()); let mode = std::env::var("CACHED_MODE").unwrap(); if mode == "stop" { std::process::abort(); } std::fs::write(&cache, &mode).unwrap(); println!("cargo:rustc-env=SEEN={mode} after {before}");',
        ),
        lib: value('env!("SEEN")'),
      },
    });
    const files = printAll(['cached']);
    const first = await world.workspace('first', { dependencies, files });
    await first.mount();
    await first.buildAndSettle({ env: { CACHED_MODE: 'a' } });
    const second = await world.workspace('another/second', { dependencies, files });
    await second.mount();
    await second.mustCargo('build', { env: { CACHED_MODE: 'a' } });
    await second.unmount();
    await second.mount();
    expect((await second.cargo('build', { env: { CACHED_MODE: 'stop' } })).exitCode).toBe(101);
    await second.unmount();
    await second.mount();
    await second.mustCargo('build', { env: { CACHED_MODE: 'b' } });
    expect(second.output()).toBe('cached b after nothing');
  });
});

import { chmod, mkdir, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { copyTree, createGitCrates, createVendoredCrates, gitCheckout } from './crates.js';

const printAll = (...names: readonly string[]): string =>
  `fn main() { ${names.map((name) => `println!("${name} {}", ${name}::value());`).join(' ')} }\n`;
const constant = (number: number): string => `pub fn value() -> u32 { ${number} }\n`;

/** Writes a file and gives it a time in the past, as unpacking or `cp -p` does. */
async function writeOld(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await utimes(path, 1_600_000_000, 1_600_000_000);
}

async function writeScript(world: World, name: string, body: string): Promise<string> {
  const path = join(world.path, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

/** `cfg(from_wrapper)` tells who compiled the crate. */
const tells = {
  tells: {
    lib: '#![allow(unexpected_cfgs)]\npub fn value() -> u32 { if cfg!(from_wrapper) { 1 } else { 0 } }\n',
  },
};

describeEndToEnd('the inputs of a unit', () => {
  test('rule 8: a vendored crate has the content of now, whatever its times say', async () => {
    await using world = await createWorld();
    const { path, config, dependencies } = await createVendoredCrates(world, {
      vend: { lib: constant(1), files: { 'src/unused.rs': '' } },
    });
    await writeOld(join(path, 'vend/src/lib.rs'), constant(1));
    const build = async (
      name: string,
    ): Promise<{ compiled: readonly string[]; output: string }> => {
      const workspace = await world.workspace(name, {
        dependencies,
        files: { 'src/main.rs': printAll('vend'), '.cargo/config.toml': config },
      });
      await workspace.mount();
      const { compiled } = await workspace.buildAndSettle();
      return { compiled, output: workspace.output() };
    };
    expect(await build('first')).toEqual({ compiled: ['app', 'vend'], output: 'vend 1' });
    expect(await build('second')).toEqual({ compiled: ['app'], output: 'vend 1' });
    // Within the time that one verification of the inputs may be remembered.
    await writeOld(join(path, 'vend/src/lib.rs'), constant(2));
    expect(await build('third')).toEqual({ compiled: ['app', 'vend'], output: 'vend 2' });
    await copyTree(path, join(world.path, 'other'));
    await writeOld(join(world.path, 'other/vend/src/lib.rs'), constant(1));
    await rename(path, join(world.path, 'old'));
    await rename(join(world.path, 'other'), path);
    expect(await build('fourth')).toEqual({ compiled: ['app'], output: 'vend 1' });
  });

  test('rule 8: in another mount namespace the same path may hold another crate', async () => {
    await using world = await createWorld();
    const { path, config, dependencies } = await createVendoredCrates(world, {
      vend: { lib: constant(1) },
    });
    const other = join(world.path, 'other');
    await copyTree(path, other);
    await writeOld(join(path, 'vend/src/lib.rs'), constant(1));
    await writeOld(join(other, 'vend/src/lib.rs'), constant(2));
    const make = async (name: string): Promise<Workspace> => {
      const workspace = await world.workspace(name, {
        dependencies,
        files: { 'src/main.rs': printAll('vend'), '.cargo/config.toml': config },
      });
      await workspace.mount();
      return workspace;
    };
    const prefix = [
      'unshare',
      '-m',
      'sh',
      '-c',
      `mount --bind ${other} ${path} && exec "$@"`,
      'sh',
    ];
    const outside = await make('outside');
    await outside.buildAndSettle();
    const inside = await make('inside');
    await inside.buildAndSettle({ prefix });
    expect(inside.output()).toBe('vend 2');
    const outsideAgain = await make('outside-again');
    await outsideAgain.buildAndSettle();
    expect(outsideAgain.output()).toBe('vend 1');
    const insideAgain = await make('inside-again');
    await insideAgain.buildAndSettle({ prefix });
    expect(insideAgain.output()).toBe('vend 2');
  });

  test('rule 8: an edited checkout, an included file and a file read by a script count', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      source: {
        lib: 'mod inner;\npub use inner::value;\n',
        files: { 'src/inner.rs': constant(1) },
      },
      included: {
        lib: 'pub fn value() -> &\'static str { include_str!("../text.txt") }\n',
        files: { 'text.txt': '1' },
      },
      scripted: {
        lib: 'pub fn value() -> &\'static str { env!("SEEN") }\n',
        build:
          'fn main() { let text = std::fs::read_to_string("data/deep/text.txt").unwrap(); println!("cargo:rustc-env=SEEN={text}"); println!("cargo:rerun-if-changed=data"); }\n',
        files: { 'data/deep/text.txt': '1' },
      },
    });
    const files = { 'src/main.rs': printAll('source', 'included', 'scripted') };
    const build = async (name: string): Promise<string> => {
      const workspace = await world.workspace(name, { dependencies, files });
      await workspace.mount();
      await workspace.buildAndSettle();
      return workspace.output();
    };
    expect(await build('first')).toBe('source 1\nincluded 1\nscripted 1');
    const checkout = await gitCheckout(world);
    await writeOld(join(checkout, 'source/src/inner.rs'), constant(2));
    await writeOld(join(checkout, 'included/text.txt'), '2');
    await writeOld(join(checkout, 'scripted/data/deep/text.txt'), '2');
    expect(await build('second')).toBe('source 2\nincluded 2\nscripted 2');
  });

  test('rule 8: a compiler flag that reads a file makes no unit for others', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, tells);
    const flags = join(world.path, 'flags');
    const build = async (name: string, content: string): Promise<string> => {
      await writeFile(flags, content);
      const workspace = await world.workspace(name, {
        dependencies,
        files: { 'src/main.rs': printAll('tells') },
      });
      await workspace.mount();
      await workspace.buildAndSettle({ env: { RUSTFLAGS: `@${flags}` } });
      return workspace.output();
    };
    expect(await build('with', '--cfg=from_wrapper\n')).toBe('tells 1');
    expect(await build('without', '-Cdebuginfo=0\n')).toBe('tells 0');
  });

  test('rule 8: a path dependency on a vendored crate is the one of this workspace', async () => {
    await using world = await createWorld();
    for (const [name, number] of [
      ['first', 1],
      ['second', 2],
    ] as const) {
      const workspace = await world.workspace(name, {
        dependencies: { copied: '{ path = "copied" }' },
        files: {
          'src/main.rs': printAll('copied'),
          'copied/Cargo.toml': '[package]\nname = "copied"\nversion = "1.0.0"\nedition = "2021"\n',
          'copied/.cargo-checksum.json': '{"files":{}}',
          'copied/src/lib.rs': constant(number),
        },
      });
      await utimes(join(workspace.path, 'copied/src/lib.rs'), 1_600_000_000, 1_600_000_000);
      await workspace.mount();
      await workspace.buildAndSettle();
      expect(workspace.output()).toBe(`copied ${number}`);
    }
  });
});

describeEndToEnd('the compiler of a unit', () => {
  async function builder(
    world: World,
  ): Promise<
    (name: string, env: Record<string, string>, config?: string) => Promise<readonly string[]>
  > {
    const { dependencies } = await createGitCrates(world, tells);
    return async (name, env, config = '') => {
      const workspace = await world.workspace(name, {
        dependencies,
        files: { 'src/main.rs': printAll('tells'), '.cargo/config.toml': config },
      });
      await workspace.mount();
      const { compiled } = await workspace.buildAndSettle({ env });
      return [workspace.output(), ...compiled.filter((one) => one !== 'app')];
    };
  }
  const marking =
    'for word in "$@"; do [ "$word" = tells ] && exec "$@" --cfg from_wrapper; done; exec "$@"';

  test('rule 9: with an unknown wrapper nothing is served and nothing is stored', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const build = await builder(world);
    const wrapper = await writeScript(world, 'bin/wrap', marking);
    const configured = `[build]\nrustc-wrapper = "${wrapper}"\n`;
    expect(await build('wrapped', { RUSTC_WRAPPER: wrapper })).toEqual(['tells 1', 'tells']);
    expect(await build('configured', {}, configured)).toEqual(['tells 1', 'tells']);
    expect(await build('variable', { CARGO_BUILD_RUSTC_WRAPPER: wrapper })).toEqual([
      'tells 1',
      'tells',
    ]);
    expect(await build('plain', {})).toEqual(['tells 0', 'tells']);
    expect(await build('plain-again', {})).toEqual(['tells 0']);
    expect(await build('wrapped-again', { RUSTC_WRAPPER: wrapper })).toEqual(['tells 1', 'tells']);
    expect(await build('switched-off', { RUSTC_WRAPPER: '' }, configured)).toEqual(['tells 0']);
  });

  test('rule 9: a known wrapper has units of its own', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const build = await builder(world);
    // Stands for the real one, which would leave a server behind.
    const wrapper = await writeScript(world, 'bin/sccache', 'exec "$@"');
    expect(await build('plain', {})).toEqual(['tells 0', 'tells']);
    expect(await build('wrapped', { RUSTC_WRAPPER: wrapper })).toEqual(['tells 0', 'tells']);
    expect(await build('wrapped-again', { RUSTC_WRAPPER: wrapper })).toEqual(['tells 0']);
    expect(await build('plain-again', {})).toEqual(['tells 0']);
  });

  test('rule 9: another program in the place of rustc has units of its own', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const build = await builder(world);
    const rustc = await writeScript(
      world,
      'bin/my-rustc',
      marking.replaceAll('exec ', 'exec rustc '),
    );
    expect(await build('plain', {})).toEqual(['tells 0', 'tells']);
    expect(await build('other', { RUSTC: rustc })).toEqual(['tells 1', 'tells']);
    expect(await build('plain-again', {})).toEqual(['tells 0']);
    expect((await build('configured', {}, `[build]\nrustc = "${rustc}"\n`))[0]).toBe('tells 1');
    const path = `${join(world.path, 'path')}:${process.env['PATH'] ?? ''}`;
    const absolute = (process.env['PATH'] ?? '')
      .split(':')
      .map((directory) => join(directory, 'rustc'))
      .join(' ');
    await writeScript(
      world,
      'path/rustc',
      `for real in ${absolute}; do [ -x "$real" ] && break; done; for word in "$@"; do [ "$word" = tells ] && exec "$real" "$@" --cfg from_wrapper; done; exec "$real" "$@"`,
    );
    expect((await build('in-path', { PATH: path }))[0]).toBe('tells 1');
    expect(await build('plain-at-last', {})).toEqual(['tells 0']);
  });

  test('rule 9: a wrapper that comes by --config counts for what is built with it, and for nothing else', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, tells);
    const wrapper = await writeScript(world, 'bin/wrap', marking);
    for (const [name, args, printed] of [
      ['with', ['--config', `build.rustc-wrapper="${wrapper}"`], 'tells 1'],
      ['joined', [`--config=build.rustc-wrapper="${wrapper}"`], 'tells 1'],
      ['without', [], 'tells 0'],
    ] as const) {
      const workspace = await world.workspace(name, {
        dependencies,
        files: { 'src/main.rs': printAll('tells') },
      });
      await workspace.mount();
      await workspace.buildAndSettle({ args });
      expect(workspace.output()).toBe(printed);
    }
  });
});

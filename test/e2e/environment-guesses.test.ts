/** What cargo was started with, where that does not stand in its arguments and variables. */
import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { createGitCrates, type CrateText } from './crates.js';

/** A crate whose script hands on a variable, and the program that prints it. */
function scriptReading(name: string): CrateText {
  return {
    build: `fn main() { println!("cargo:rerun-if-changed=build.rs"); println!("cargo:rustc-env=SEEN={}", std::env::var("${name}").unwrap_or("none".into())); }`,
    lib: 'pub fn seen() -> &\'static str { env!("SEEN") }\n',
  };
}

const seen = 'fn main() { println!("{}", guess::seen()); }\n';

/** Makes workspaces of one shared crate, `guess`. */
async function workspaces(
  world: World,
  crate: CrateText,
  program = seen,
): Promise<(name: string, files?: Record<string, string>) => Promise<Workspace>> {
  const { dependencies } = await createGitCrates(world, { guess: crate });
  return async (name, files = {}) => {
    const workspace = await world.workspace(name, {
      dependencies,
      files: { 'src/main.rs': program, ...files },
    });
    await workspace.mount();
    return workspace;
  };
}

const plain: CrateText = {
  lib: 'pub fn seen() -> &\'static str { if cfg!(wrapped) { "wrapped" } else { "plain" } }\n',
};

async function program(world: World, name: string, lines: readonly string[]): Promise<string> {
  const path = join(world.path, 'bin', name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${lines.join('\n')}\n`);
  await chmod(path, 0o755);
  return path;
}

const config = '.cargo/config.toml';

describeEndToEnd('the environment of a build', () => {
  test.each([
    ['a text', (wrapper: string) => `fast = "build --config build.rustc-wrapper='${wrapper}'"`],
    [
      'a list',
      (wrapper: string) => `fast = ["build", "--config", "build.rustc-wrapper='${wrapper}'"]`,
    ],
    [
      'an alias of an alias',
      (wrapper: string) =>
        `fast = "inner -q"\ninner = ["b", "--config", "build.rustc-wrapper='${wrapper}'"]`,
    ],
  ])(
    'is read from aliases: what %s builds behind a wrapper stays where it is',
    async (_form, alias) => {
      await using world = await createWorld({ cargoHome: 'own' });
      const wrapper = await program(world, 'wrap', ['exec "$@" --cfg wrapped']);
      const create = await workspaces(world, plain);
      const first = await create('first', { [config]: `[alias]\n${alias(wrapper)}\n` });
      await first.mustCargo('fast');
      await first.settled();
      expect(first.output()).toBe('wrapped');
      const second = await create('second');
      await second.buildAndSettle();
      expect(second.output()).toBe('plain');
      const third = await create('third');
      expect((await third.mustCargo('build')).compiled).not.toContain('guess');
      // And a wrapped build takes nothing from the store.
      const fourth = await create('fourth', { [config]: `[alias]\n${alias(wrapper)}\n` });
      await fourth.mustCargo('fast');
      expect(fourth.output()).toBe('wrapped');
    },
  );

  test.each([
    ['in a directory above', ['above/.cargo/config.toml', 'above/second/.cargo/config.toml']],
    ['in CARGO_HOME', ['cargo/config.toml', 'above/second/.cargo/config.toml']],
  ])(
    'has the [env] tables of all configurations: one value %s, one in the workspace',
    async (_place, paths) => {
      await using world = await createWorld({ cargoHome: 'own' });
      const { dependencies } = await createGitCrates(world, { guess: scriptReading('GUESS_WORD') });
      const create = async (name: string): Promise<Workspace> => {
        const files = { 'src/main.rs': seen };
        const directory = `above/${name}`;
        const workspace = await world.workspace(name, { dependencies, files, directory });
        await workspace.mount();
        return workspace;
      };
      const first = await create('first');
      await first.buildAndSettle();
      expect(first.output()).toBe('none');
      const second = await create('second');
      const [outer = '', inner = ''] = paths.map((path) => join(world.path, path));
      for (const [path, text] of [
        [outer, '[env]\nGUESS_WORD = "outer"\n'],
        [inner, '[env]\nOTHER = "inner"\n'],
      ] as const) {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, text);
      }
      await second.mustCargo('build');
      expect(second.output()).toBe('outer');
    },
  );

  test.each([
    [
      'include',
      { [config]: 'include = ["more.toml"]\n', '.cargo/more.toml': '[env]\nMORE = "1"\n' },
      [],
    ],
    [
      '--config',
      { 'more.toml': '[env]\nMORE = "1"\n' },
      ['--config', 'net.retry=1', '--config', 'more.toml'],
    ],
  ])('with %s is read, and shared', async (_what, files, args) => {
    await using world = await createWorld({ cargoHome: 'own' });
    const create = await workspaces(world, plain);
    await (await create('first', files)).buildAndSettle({ args });
    const second = await (await create('second', files)).mustCargo('build', { args });
    expect(second.compiled).toEqual(['app']);
  });

  test('may have the workspace below CARGO_HOME: what names it is right there only', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const script =
      'fn main() { println!("cargo:rerun-if-changed=build.rs"); println!("cargo:rustc-env=SEEN={}", std::env::var("GUESS_ROOT").unwrap()); }';
    const { dependencies } = await createGitCrates(world, {
      guess: { lib: 'pub fn seen() -> &\'static str { env!("SEEN") }\n', build: script },
      guess_file: {
        lib: 'pub fn seen() -> &\'static str { include_str!(concat!(env!("OUT_DIR"), "/place")) }\n',
        build:
          'fn main() { println!("cargo:rerun-if-changed=build.rs"); let out = std::env::var("OUT_DIR").unwrap(); std::fs::write(format!("{out}/place"), format!("dir={out}\\n")).unwrap(); }',
      },
    });
    const main = 'fn main() { println!("{} {}", guess::seen(), guess_file::seen()); }\n';
    for (const name of ['first', 'second']) {
      const directory = `cargo/${name}`;
      const workspace = await world.workspace(name, {
        dependencies,
        files: { 'src/main.rs': main },
        directory,
      });
      await workspace.mount();
      await workspace.buildAndSettle({ env: { GUESS_ROOT: workspace.path } });
      const [root, file] = workspace.output().split(' ');
      expect(root).toBe(workspace.path);
      expect(file).toMatch(new RegExp(`^dir=${workspace.target}/`));
    }
  });

  test('has the linker of the target, which a script sees as RUSTC_LINKER, and which may be another program behind its path', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const script = {
      ...scriptReading('RUSTC_LINKER'),
      build:
        'fn main() { println!("cargo:rerun-if-changed=build.rs"); let linker = std::env::var("RUSTC_LINKER").unwrap_or_default(); let size = std::fs::metadata(&linker).map(|m| m.len()).unwrap_or(0); println!("cargo:rustc-env=SEEN={linker} {size}"); }',
    };
    const host = /^host: (.*)$/m.exec(
      spawnSync('rustc', ['-vV'], { encoding: 'utf8', env: world.env }).stdout,
    )?.[1];
    const create = await workspaces(world, script);
    const one = await program(world, 'one', ['exec cc "$@"']);
    const two = await program(world, 'two', ['', 'exec cc "$@"']);
    const builds: readonly (readonly [string, string])[] = [
      ['a', ''],
      ['b', `[target.${host ?? ''}]\nlinker = "${one}"\n`],
      ['c', `[target.'cfg(target_os = "linux")']\nlinker = "${two}"\n`],
    ];
    for (const [name, text] of builds) {
      const workspace = await create(name, { [config]: text });
      await workspace.buildAndSettle();
      const linker = name === 'a' ? '' : name === 'b' ? one : two;
      expect(workspace.output()).toBe(
        `${linker} ${linker === '' ? 0 : (await readFile(linker)).length}`,
      );
    }
    const again = await create('again', { [config]: builds[1]?.[1] ?? '' });
    expect((await again.buildAndSettle()).compiled).toEqual(['app']);
    await program(world, 'one', ['', '', 'exec cc "$@"']);
    const changed = await create('changed', { [config]: builds[1]?.[1] ?? '' });
    await changed.buildAndSettle();
    expect(changed.output()).toBe(`${one} ${(await readFile(one)).length}`);
  });

  test('has flags of profiles: with a file of flags, which cargo does not read, nothing is shared', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const crate = {
      lib: 'pub fn seen() -> &\'static str { if cfg!(one) { "one" } else { "two" } }\n',
    };
    const { dependencies } = await createGitCrates(world, { guess: crate });
    const flags = join(world.path, 'flags');
    for (const name of ['one', 'two']) {
      await writeFile(flags, `--cfg=${name}\n`);
      const workspace = await world.workspace(name, {
        dependencies,
        files: { 'src/main.rs': seen },
      });
      const manifest = await workspace.read('Cargo.toml');
      await workspace.write({
        'Cargo.toml': `cargo-features = ["profile-rustflags"]\n${manifest}\n[profile.dev]\nrustflags = ["@${flags}"]\n`,
      });
      await workspace.mount();
      await workspace.buildAndSettle({ env: { RUSTC_BOOTSTRAP: '1' } });
      expect(workspace.output()).toBe(name);
      const reasons = (await workspace.explain()).map(({ reason }) => reason);
      expect(reasons).toContain('profile-flags');
    }
  });

  test('of clippy is that of check: no script of a shared crate runs again', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const create = await workspaces(world, {
      ...scriptReading('RUSTC_WORKSPACE_WRAPPER'),
      build:
        'fn main() { println!("cargo:rerun-if-changed=build.rs"); for name in ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_LINKER"] { let _ = std::env::var_os(name); } println!("cargo:rustc-env=SEEN=x"); }',
    });
    const first = await create('first');
    await first.mustCargo('check');
    await first.settled();
    const second = await create('second');
    expect((await second.mustCargo('clippy')).compiled).toEqual(['app']);
  });

  test('with XCACHE_DISABLE neither gets nor gives anything', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const create = await workspaces(world, scriptReading('XCACHE_DISABLE'));
    const env = { XCACHE_DISABLE: '1' };
    const first = await create('first');
    await first.buildAndSettle({ env });
    const reasons = new Set((await first.explain()).map(({ reason }) => reason));
    expect(reasons).toContain('disabled');
    expect((await world.stats()).store.units).toBe(0);
    const second = await create('second');
    await second.buildAndSettle({ env: { XCACHE_DISABLE: '0' } });
    expect((await world.stats()).store.units).toBeGreaterThan(0);
    const third = await create('third');
    expect((await third.buildAndSettle({ env })).compiled).toContain('guess');
    const fourth = await create('fourth');
    expect((await fourth.mustCargo('build')).compiled).toEqual(['app']);
  });

  test('has variables that only compilers read: option_env!("DEBUG") is the user\'s', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const create = await workspaces(world, {
      lib: 'pub fn seen() -> &\'static str { option_env!("DEBUG").unwrap_or("none") }\n',
    });
    for (const value of ['one', 'two']) {
      const workspace = await create(value);
      await workspace.buildAndSettle({ env: { DEBUG: value } });
      expect(workspace.output()).toBe(value);
    }
  });

  test('has the toolchain: after a part of it was built again nothing of before is served', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const toolchain = join(world.path, 'toolchain');
    const printed = spawnSync('rustc', ['--print', 'sysroot'], {
      encoding: 'utf8',
      env: world.env,
    });
    await linkFarm(printed.stdout.trim(), toolchain);
    const create = await workspaces(world, plain);
    const env = { RUSTC: join(toolchain, 'bin/rustc') };
    await (await create('first')).buildAndSettle({ env });
    const names = await readdir(toolchain, { recursive: true });
    for (const part of [/^lib\/rustlib\/[^/]+\/lib\/libtest-/, /^lib\/librustc_driver-/]) {
      const equal = await create(`equal ${part.source.length}`);
      expect((await equal.mustCargo('build', { env })).compiled).toEqual(['app']);
      const files = names.filter((name) => part.test(name));
      expect(files).not.toEqual([]);
      for (const name of files) await replaceFile(join(toolchain, name));
      const other = await create(`other ${part.source.length}`);
      expect((await other.buildAndSettle({ env })).compiled).toContain('guess');
    }
  });
});

/** Directories of its own, the files being links but for the compiler. */
async function linkFarm(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)];
    if (/^(?:share|src|etc|libexec)$/.test(entry.name)) continue;
    if (entry.isDirectory()) await linkFarm(source, copy);
    // Where the driver lies, rustc looks for its libraries.
    else if (/^rustc$|^librustc_driver-/.test(entry.name)) await copyProgram(source, copy);
    else await symlink(source, copy);
  }
}

async function copyProgram(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, 0o755);
}

/** The same bytes as a file of its own, with another time. */
async function replaceFile(path: string): Promise<void> {
  const bytes = await readFile(path);
  await rm(path);
  await writeFile(path, bytes);
  await utimes(path, 1_000_000_000, 1_000_000_000);
}

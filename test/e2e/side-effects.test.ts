/** Build scripts that change the build-dir outside of their OUT_DIR: each workspace runs them itself. */
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CargoOptions } from '../support/cargo-run.js';
import { perUnitLayout } from '../support/cargo-run.js';
import { waitUntil } from '../support/processes.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { createGitCrates, type CrateText } from './crates.js';

/** A script with `out` (OUT_DIR), `target` (the profile's directory) and `sh`. */
const script = (body: string, up = 3): string =>
  [
    'use std::{fs, path::PathBuf, process::Command};',
    '#[allow(unused)] fn sh(text: &str) { assert!(Command::new("sh").args(["-c", text]).status().unwrap().success()); }',
    '#[allow(unused)] fn main() {',
    '  let out = PathBuf::from(std::env::var("OUT_DIR").unwrap());',
    `  let target = out.ancestors().nth(${up}).unwrap().to_path_buf();`,
    '  fs::write(out.join("own"), "own").unwrap();',
    '  println!("cargo:rerun-if-changed=build.rs");',
    body,
    '}',
  ].join('\n');

const lib = 'pub fn value() -> &\'static str { include_str!(concat!(env!("OUT_DIR"), "/own")) }\n';
const main = { 'src/main.rs': 'fn main() { println!("{}", maker::value()); }\n' };

async function workspacesOf(
  world: World,
  crates: Readonly<Record<string, CrateText>>,
): Promise<(name: string) => Promise<Workspace>> {
  const { dependencies } = await createGitCrates(world, crates);
  const files = 'maker' in crates ? main : {};
  return async (name) => {
    const workspace = await world.workspace(name, { dependencies, files });
    await workspace.mount();
    return workspace;
  };
}

async function sideEffects(workspace: Workspace): Promise<readonly string[]> {
  const decisions = await workspace.explain();
  // A unit may be looked at more than once.
  const found = decisions.filter(({ reason }) => reason === 'side-effect');
  return [
    ...new Set(
      found.map(
        ({ unit, message }) =>
          `${
            unit
              .split('/')
              .at(-1)
              ?.replace(/-[0-9a-f]{16}$/, '') ?? ''
          }: ${message}`,
      ),
    ),
  ].sort();
}

const shapes: readonly {
  readonly name: string;
  readonly body: string;
  readonly leaves: string | undefined;
  readonly named: string;
}[] = [
  {
    name: 'beside',
    body: 'fs::write(out.join("libfoo.so"), "foo").unwrap(); fs::copy(out.join("libfoo.so"), target.join("libfoo.so")).unwrap();',
    leaves: 'debug/libfoo.so',
    named: 'debug/libfoo.so',
  },
  {
    name: 'directory',
    body: 'fs::create_dir_all(out.join("../../../gn_out/obj")).unwrap(); fs::write(out.join("../../../gn_out/obj/x.o"), "x").unwrap();',
    leaves: 'debug/gn_out/obj/x.o',
    named: 'debug/gn_out',
  },
  {
    name: 'grandchild',
    body: 'sh(&format!("sh -c \'(echo x > {}/made1)\'", target.display()));',
    leaves: 'debug/made1',
    named: 'debug/made1',
  },
  {
    name: 'cleared',
    body: 'assert!(Command::new("sh").env_clear().args(["-c", &format!("echo x > {}/made2", target.display())]).status().unwrap().success());',
    leaves: 'debug/made2',
    named: 'debug/made2',
  },
  {
    name: 'exec',
    body: 'use std::os::unix::process::CommandExt; panic!("{}", Command::new("sh").args(["-c", &format!("echo x > {}/made3", target.display())]).exec());',
    leaves: 'debug/made3',
    named: 'debug/made3',
  },
  {
    name: 'renamed',
    body: 'fs::write(out.join("lib"), "x").unwrap(); fs::rename(out.join("lib"), target.join("deps/libfoo.so")).unwrap();',
    leaves: 'debug/deps/libfoo.so',
    named: 'debug/deps/libfoo.so',
  },
  {
    name: 'linked',
    body: 'fs::write(out.join("lib"), "x").unwrap(); fs::hard_link(out.join("lib"), target.join("deps/libbar.so")).unwrap();',
    leaves: 'debug/deps/libbar.so',
    named: 'debug/deps/libbar.so',
  },
  {
    name: 'symlinked',
    body: 'std::os::unix::fs::symlink("nowhere", target.join("link")).unwrap();',
    leaves: undefined,
    named: 'debug/link',
  },
  {
    name: 'temporary',
    body: 'fs::write(target.join("temporary"), "x").unwrap(); fs::remove_file(target.join("temporary")).unwrap();',
    leaves: undefined,
    named: 'debug/temporary',
  },
];

describeEndToEnd('a build script that works outside of OUT_DIR', () => {
  test('makes its run one that each workspace does itself, and what it left is there', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const crates = shapes.map(({ name, body }) => [name, { build: script(body), lib }] as const);
    const workspace = await workspacesOf(world, Object.fromEntries(crates));
    const first = await workspace('first');
    await first.buildAndSettle();
    expect(await sideEffects(first)).toEqual(
      shapes
        .map(({ name, named }) => `${name}: its script wrote ${named} outside of OUT_DIR`)
        .sort(),
    );
    // The scripts themselves do no harm, and are shared.
    const compiled = shapes.flatMap(({ name }) => [name, `${name} run`]);
    const second = await workspace('second');
    const builds = [second, first];
    await first.mustCargo('clean');
    for (const each of builds) {
      expect((await each.buildAndSettle()).compiled).toEqual(['app', ...compiled].sort());
      for (const { leaves } of shapes) {
        if (leaves !== undefined) expect(existsSync(join(each.target, leaves)), leaves).toBe(true);
      }
    }
  });

  test('is seen in the per-unit layout, too', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const body = 'fs::write(target.join("made"), "x").unwrap();';
    const workspace = await workspacesOf(world, { maker: { build: script(body, 4), lib } });
    const first = await workspace('first');
    await first.buildAndSettle(perUnitLayout);
    expect(await sideEffects(first)).toEqual([
      'maker: its script wrote debug/made outside of OUT_DIR',
    ]);
    const second = await workspace('second');
    expect((await second.mustCargo('build', perUnitLayout)).compiled).toContain('maker run');
    expect(existsSync(join(second.target, 'debug/made'))).toBe(true);
  });

  test('is seen with --target, in a custom profile and in a workspace behind a symlink', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const body = 'fs::write(target.join("made"), "x").unwrap();';
    const workspace = await workspacesOf(world, { maker: { build: script(body), lib } });
    const triple = 'x86_64-unknown-linux-gnu';
    const ways: readonly CargoOptions[] = [
      { args: ['--target', triple] },
      { args: ['--release'] },
      { env: { CARGO_TARGET_DIR: join(world.path, 'alias') } },
    ];
    const first = await workspace('first');
    symlinkSync(first.target, join(world.path, 'alias'));
    for (const way of ways) {
      const before = (await sideEffects(first)).length;
      await first.buildAndSettle(way);
      expect(await sideEffects(first)).toHaveLength(before + 1);
    }
  });

  test('is forgotten once the script runs without it', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const body =
      'println!("cargo:rerun-if-env-changed=QUIET"); if std::env::var("QUIET").is_err() { fs::write(target.join("made"), "x").unwrap(); }';
    const workspace = await workspacesOf(world, { maker: { build: script(body), lib } });
    const first = await workspace('first');
    await first.buildAndSettle();
    await first.buildAndSettle({ env: { QUIET: '1' } });
    const second = await workspace('second');
    expect((await second.mustCargo('build', { env: { QUIET: '1' } })).compiled).toEqual(['app']);
    expect((await second.mustCargo('build')).compiled).toContain('maker run');
  });

  test('is known after the service was killed', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const body = 'fs::write(target.join("made"), "x").unwrap();';
    const workspace = await workspacesOf(world, { maker: { build: script(body), lib } });
    const first = await workspace('first');
    await first.buildAndSettle();
    await world.killService();
    expect((await world.xcache('service', 'start')).exitCode).toBe(0);
    // Nothing but a session that builds something tells in which environment units were built.
    await first.write({ 'src/main.rs': `${main['src/main.rs']}\n` });
    await first.buildAndSettle();
    expect(await sideEffects(first)).toEqual([
      'maker: its script wrote debug/made outside of OUT_DIR',
    ]);
    const second = await workspace('second');
    expect((await second.mustCargo('build')).compiled).toContain('maker run');
  });

  test.each([
    ['outside of OUT_DIR', 'target.join("late")', 'debug/late'],
    ['into its own OUT_DIR', 'out.join("own")', undefined],
  ])('may leave a daemon that writes %s later', async (_where, path, leaves) => {
    await using world = await createWorld({ cargoHome: 'own' });
    const body = [
      `let path = ${path};`,
      'let place = target.ancestors().nth(2).unwrap().display();',
      'let wait = format!("while ! [ -e {place}/release ]; do sleep 0.05; done; echo late > {} ; : > {place}/done", path.display());',
      'sh(&format!("setsid sh -c \'({wait}) &\' </dev/null >/dev/null 2>&1"));',
    ].join('\n');
    const workspace = await workspacesOf(world, { maker: { build: script(body), lib } });
    const first = await workspace('first');
    await first.buildAndSettle();
    const release = async (each: Workspace): Promise<void> => {
      await each.write({ release: '' });
      await waitUntil('the daemon has written', () => existsSync(join(each.path, 'done')));
    };
    await release(first);
    if (leaves !== undefined) expect(existsSync(join(first.target, leaves))).toBe(true);
    await first.settled();
    const second = await workspace('second');
    const { compiled } = await second.mustCargo('build');
    expect(compiled).toContain('maker run');
    expect(second.output()).toBe('own');
    await release(second);
  });

  test('may run a compiler, make and remove what it likes inside of OUT_DIR', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const body = [
      'let rustc = std::env::var("RUSTC").unwrap();',
      'fs::write(out.join("probe.rs"), "fn main() {}").unwrap();',
      'assert!(Command::new(rustc).arg(out.join("probe.rs")).arg("--out-dir").arg(&out).status().unwrap().success());',
      'fs::create_dir(out.join("d")).unwrap(); fs::rename(out.join("probe"), out.join("d/probe")).unwrap(); fs::remove_dir_all(out.join("d")).unwrap();',
    ].join('\n');
    const workspace = await workspacesOf(world, { maker: { build: script(body), lib } });
    const first = await workspace('first');
    await first.buildAndSettle();
    const second = await workspace('second');
    expect((await second.mustCargo('build')).compiled).toEqual(['app']);
  });

  test('may run a cargo inside of OUT_DIR, but not beside it', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const nested = (place: string): string =>
      [
        'let root = out.join("project"); fs::create_dir_all(root.join("src")).unwrap();',
        'fs::write(root.join("Cargo.toml"), "[package]\\nname = \\"nested\\"\\nversion = \\"0.1.0\\"\\n[workspace]\\n").unwrap();',
        'fs::write(root.join("src/main.rs"), "fn main() {}").unwrap();',
        'fs::write(root.join("build.rs"), "fn main() { std::fs::write(std::env::var(\\"OUT_DIR\\").unwrap() + \\"/x\\", \\"x\\").unwrap(); }").unwrap();',
        `assert!(Command::new(std::env::var("CARGO").unwrap()).current_dir(&root).args(["build", "--target-dir"]).arg(${place}).status().unwrap().success());`,
        // What cargo wrote there names this workspace.
        `let _ = fs::remove_dir_all(out.join("built")); fs::remove_dir_all(&root).unwrap();`,
      ].join('\n');
    const workspace = await workspacesOf(world, {
      maker: { build: script(nested('out.join("built")')), lib },
      other: { build: script(nested('target.join("nested")')), lib },
    });
    const first = await workspace('first');
    await first.buildAndSettle();
    expect(await sideEffects(first)).toEqual([
      expect.stringMatching(
        /^other: its script wrote debug\/nested\S* outside of OUT_DIR$/,
      ) as string,
    ]);
    const second = await workspace('second');
    expect((await second.mustCargo('build')).compiled).toEqual(['app', 'other', 'other run']);
  });
});

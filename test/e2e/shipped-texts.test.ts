/* eslint-disable no-template-curly-in-string -- texts of shells */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { createGitCrates, type CrateText } from './crates.js';

/** A build script whose expression of type String becomes the crate's value. */
function scripted(expression: string, files: Record<string, string> = {}): CrateText {
  return {
    build: `use std::process::Command;
#[allow(dead_code)]
fn answer(command: &mut Command) -> String {
    let bytes = command.output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap().trim().to_string();
    if text.is_empty() { "none".to_string() } else { text }
}
fn main() {
    let found: String = { ${expression} };
    println!("cargo:rustc-env=FOUND={found}");
    println!("cargo:rerun-if-changed=build.rs");
}
`,
    lib: 'pub fn value() -> String { env!("FOUND").to_string() }\n',
    files,
  };
}

async function builderOf(
  world: World,
  crates: Readonly<Record<string, CrateText>>,
): Promise<
  (name: string, env?: Record<string, string>) => Promise<{ output: string[]; compiled: string[] }>
> {
  const { dependencies } = await createGitCrates(world, crates);
  const names = Object.keys(crates);
  const lines = names.map((name) => `println!("${name} {}", ${name}::value());`);
  const files = { 'src/main.rs': `fn main() { ${lines.join(' ')} }\n` };
  return async (name, env = {}) => {
    const workspace = await world.workspace(name, { dependencies, files });
    await workspace.mount();
    const { compiled } = await workspace.mustCargo('build', { env });
    await workspace.settled();
    return { output: workspace.output().split('\n'), compiled: [...compiled] };
  };
}

async function installed(world: World, name: string): Promise<void> {
  const path = join(world.path, 'bin', name);
  await writeFile(path, '#!/bin/sh\necho there\n');
  await chmod(path, 0o755);
}

/** A directory of ours in front of PATH. */
async function ownPath(world: World): Promise<Record<string, string>> {
  await mkdir(join(world.path, 'bin'));
  return { PATH: `${join(world.path, 'bin')}:${world.env['PATH'] ?? ''}` };
}

describeEndToEnd('what a script uses through others', () => {
  test('is a program that was not there when it was looked for, in whatever way', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const env = await ownPath(world);
    const build = await builderOf(world, {
      by_which: scripted(
        'match answer(Command::new("which").arg("opt-a")).as_str() { "none" => "none".into(), _ => "there".into() }',
      ),
      by_shell: scripted('answer(Command::new("sh").args(["-c", "opt-b || echo none"]))'),
      by_alias: scripted('use std::process::Command as Cmd; answer(&mut Cmd::new("opt-c"))'),
      by_path: scripted(
        'let path = std::env::var_os("PATH").unwrap(); let is = std::env::split_paths(&path).any(|d| d.join("opt-d").exists()); String::from(if is { "there" } else { "none" })',
      ),
    });
    const names = ['by_which', 'by_shell', 'by_alias', 'by_path'];
    expect((await build('a', env)).output).toEqual(names.map((name) => `${name} none`));
    expect((await build('b', env)).compiled).toEqual(['app']);
    for (const name of ['opt-a', 'opt-b', 'opt-c', 'opt-d']) await installed(world, name);
    expect((await build('c', env)).output).toEqual(names.map((name) => `${name} there`));
    expect((await build('d', env)).compiled).toEqual(['app']);
  });

  test('is what a shipped shell script or makefile names', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const env = await ownPath(world);
    const build = await builderOf(world, {
      tool: scripted('answer(Command::new("sh").arg("gen.sh"))', {
        'gen.sh': 'gen-tool 2>/dev/null || echo none\n',
      }),
      variable: scripted(
        'let d = std::env::var("CARGO_MANIFEST_DIR").unwrap(); answer(Command::new("/bin/sh").arg(format!("{d}/tools/run")))',
        { 'tools/run': '#!/bin/sh\necho "${SHELL_FLAVOR:-none}"\n' },
      ),
      make: scripted('answer(Command::new("make").arg("-s"))', {
        Makefile: 'MAKE_MODE ?= none\nall:\n\t@echo $(MAKE_MODE)\n',
      }),
      list: scripted(
        'let names = std::fs::read_to_string("vars.txt").unwrap(); names.lines().find_map(|n| std::env::var(n).ok()).unwrap_or("none".into())',
        { 'vars.txt': 'listed_name\nOTHER_NAME\n' },
      ),
      zone: scripted('answer(Command::new("date").args(["-d", "@0", "+%H"]))'),
    });
    const first = await build('a', { ...env, TZ: 'UTC' });
    expect(first.output).toEqual([
      'tool none',
      'variable none',
      'make none',
      'list none',
      'zone 00',
    ]);
    expect((await build('b', { ...env, TZ: 'UTC' })).compiled).toEqual(['app']);
    await installed(world, 'gen-tool');
    const others = {
      SHELL_FLAVOR: 'there',
      MAKE_MODE: 'there',
      listed_name: 'there',
      TZ: 'UTC-2',
    };
    const second = await build('c', { ...env, ...others });
    expect(second.output).toEqual([
      ...['tool there', 'variable there', 'make there', 'list there', 'zone 02'],
    ]);
    expect((await build('d', { ...env, ...others })).compiled).toEqual(['app']);
  });

  test('does not change with the language or with other programs where only rustc is started', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const env = await ownPath(world);
    const build = await builderOf(world, {
      plain: scripted(
        'let r = std::env::var("RUSTC").unwrap(); answer(Command::new(r).arg("--version")); "fixed".to_string()',
        { 'gen.sh': 'gen-tool $FLAVOR\n' },
      ),
      steered: scripted('answer(Command::new("cc").arg("-dumpversion")); "fixed".to_string()'),
    });
    await build('a', env);
    await installed(world, 'gen-tool');
    await installed(world, 'python3');
    await installed(world, 'ld.lld');
    const other = { ...env, FLAVOR: 'x', TZ: 'UTC-2', LC_ALL: 'C', PYTHONPATH: '/x' };
    expect((await build('b', other)).compiled).toEqual(['app']);
  });
});

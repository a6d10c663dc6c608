/** Crates whose value is what their build script or a macro finds out, and workspaces that print it. */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { CargoRun } from '../support/cargo-run.js';
import type { World } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { createGitCrates, nativeOutput, type CrateText } from './crates.js';

/** A build script whose expression of type String becomes the crate's value. */
export function scripted(
  expression: string,
  buildDependencies: readonly string[] = [],
): Pick<CrateText, 'build' | 'lib' | 'library'> {
  const lines = buildDependencies.map((name) => `${name} = { path = "../${name}" }`);
  return {
    build: `use std::process::Command;
#[allow(dead_code)]
fn answer(mut command: Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_string()
}
fn main() {
    let _ = Command::get_args;
    let found: String = { ${expression} };
    println!("cargo:rustc-env=FOUND={found}");
    println!("cargo:rerun-if-changed=build.rs");
}
`,
    lib: 'pub fn value() -> String { env!("FOUND").to_string() }\n',
    library: lines.length === 0 ? '' : ['[build-dependencies]', ...lines].join('\n'),
  };
}

/** A procedural macro `value!` whose expression of type String becomes a literal. */
export function macroOf(expression: string, dependencies: Record<string, string> = {}): CrateText {
  return {
    library: 'proc-macro = true',
    dependencies,
    lib: `use proc_macro::{Literal, TokenStream, TokenTree};
#[allow(unused_variables)]
#[proc_macro]
pub fn value(input: TokenStream) -> TokenStream {
    let text: String = { ${expression} };
    TokenTree::from(Literal::string(&text)).into()
}
`,
  };
}

/** A crate whose value is what the macro of another one makes of an argument. */
export function userOf(macro: string, argument = ''): CrateText {
  return {
    dependencies: { [macro]: `{ path = "../${macro}" }` },
    lib: `pub fn value() -> String { String::from(${macro}::value!(${argument})) }\n`,
  };
}

function printAll(names: readonly string[]): Record<string, string> {
  const lines = names.map((name) => `println!("${name} {}", ${name}::value());`);
  return { 'src/main.rs': `fn main() { ${lines.join(' ')} }\n` };
}

interface BuildOptions {
  readonly manifest?: string;
  readonly args?: readonly string[];
  /** Beside those of the program. */
  readonly files?: Readonly<Record<string, string>>;
}

interface Builder {
  /** Builds in a new workspace with plain cargo, then mounted; fails where the outputs differ. */
  readonly build: (
    name: string,
    env?: Readonly<Record<string, string>>,
    options?: BuildOptions,
  ) => Promise<CargoRun & { readonly output: string; readonly workspace: Workspace }>;
}

/** Workspaces that use some of the crates. */
export async function createBuilder(
  world: World,
  crates: Readonly<Record<string, CrateText>>,
  used: readonly string[],
): Promise<Builder> {
  const { dependencies } = await createGitCrates(world, crates);
  const wanted = Object.fromEntries(used.map((name) => [name, dependencies[name] ?? '']));
  return {
    build: async (name, env = {}, { manifest = '', args = [], files: others = {} } = {}) => {
      const files = { ...printAll(used), ...others };
      const workspace = await world.workspace(name, { dependencies: wanted, files, manifest });
      const profile = args.length === 0 ? 'debug' : (args[1] ?? '');
      let expected: string;
      if (args.length === 0) expected = await nativeOutput(workspace, env);
      else {
        const native = `${workspace.path}/native`;
        await workspace.mustCargo('build', { env: { ...env, CARGO_TARGET_DIR: native }, args });
        expected = workspace.output(`../native/${profile}`);
      }
      await workspace.mount();
      const run = await workspace.mustCargo('build', { env, args });
      await workspace.settled();
      const output = workspace.output(profile);
      expect(output).toBe(expected);
      return { ...run, output, workspace };
    },
  };
}

export async function writeProgram(path: string, lines: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // As an installer does it; a file that is being written cannot be run.
  await writeFile(`${path}.new`, `#!/bin/sh\n${lines}\n`);
  await chmod(`${path}.new`, 0o755);
  await rename(`${path}.new`, path);
}

export function pathWith(world: World, ...directories: readonly string[]): Record<string, string> {
  const system = world.env['PATH'] ?? '';
  return { PATH: [...directories.map((name) => join(world.path, name)), system].join(':') };
}

/** What several end-to-end tests of mounts need beside the world. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Workspace } from '../support/workspace.js';
import { mainScript, type CommandResult, type World } from '../support/world.js';

/** Small packages of the registry: without and with a build script. */
export const itoa: Readonly<Record<string, string>> = { itoa: '=1.0.19' };
export const itoaAndAnyhow: Readonly<Record<string, string>> = { ...itoa, anyhow: '=1.0.104' };

/** A program that uses itoa and prints `5`. */
export const printsFive = 'fn main() { println!("{}", itoa::Buffer::new().format(5)); }\n';

/** Nothing but these labels was compiled, and cargo called nothing dirty. */
export const nothingToDo: {
  readonly compiled: readonly string[];
  readonly dirty: readonly never[];
} = { compiled: [], dirty: [] };

/** Whether this process may mount what it likes. */
export const isRoot: boolean = process.geteuid?.() === 0;

export function mtimeNs(path: string): bigint {
  return statSync(path, { bigint: true }).mtimeNs;
}

/** Runs a program to its end with the world's environment. */
export async function runIn(
  world: World,
  argv: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Promise<CommandResult> {
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    cwd: options.cwd ?? world.path,
    env: { ...world.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = Promise.all([text(child.stdout), text(child.stderr)]);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  const [stdout, stderr] = await texts;
  return { exitCode, stdout, stderr };
}

/** The words of an xcache command, for `runIn` and for shells. */
export function xcacheWords(...args: readonly string[]): readonly string[] {
  return [process.execPath, mainScript, ...args];
}

/** Runs a system program that must succeed. */
export function must(...argv: readonly string[]): string {
  const run = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${argv.join(' ')}: ${run.status} ${run.stderr}`);
  return run.stdout;
}

/** Mounts something for the length of a test; the service of the world ends before it goes. */
export function mountFor(world: World, ...argv: readonly string[]): AsyncDisposable {
  must('mount', ...argv);
  const point = argv.at(-1) ?? '';
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      await world.xcache('service', 'stop');
      must('umount', point);
    },
  };
}

/**
 * Every entry below a directory as the kernel shows it, sorted: kind, mode, time; of files also
 * link count and size, of symlinks the target. Names may be any bytes, so the text is Latin-1.
 */
export function listing(directory: string): readonly string[] {
  const format = (more: string) => ['-printf', `%P %y %m %T@ ${more}\\0`];
  const files = ['-type', 'f', ...format('%n %s')];
  const run = spawnSync(
    'find',
    [directory, '-mindepth', '1', '(', ...files, '-o', ...format('%l'), ')'],
    { encoding: 'latin1', env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 64 << 20 },
  );
  return run.stdout.split('\0').sort();
}

/** A build script of the package `app` that waits until `release` appears in the workspace. */
export const waitingBuildScript = `
use std::{path::Path, thread::sleep, time::Duration};
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    std::fs::write("waiting", "").unwrap();
    while !Path::new("release").exists() { sleep(Duration::from_millis(5)); }
}
`;

/** The path of the first file in a directory of `target` whose name matches. */
export async function findIn(
  workspace: Workspace,
  directory: string,
  pattern: RegExp,
): Promise<string> {
  const name = (await workspace.list(directory)).find((each) => pattern.test(each));
  if (name === undefined) throw new Error(`nothing like ${pattern.source} in ${directory}`);
  return join(workspace.target, directory, name);
}

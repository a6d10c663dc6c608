/** Which build scripts a process belongs to. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ScriptTree, scriptOutDir } from '../../src/host/script-tree.js';
import { createTempDirectory } from '../support/tmp.js';

const shell = realpathSync(spawnSync('which', ['sh'], { encoding: 'utf8' }).stdout.trim());
const cat = realpathSync(spawnSync('which', ['cat'], { encoding: 'utf8' }).stdout.trim());

/** What cargo tells a build script. */
const told = {
  OUT_DIR: '/ws/target/debug/build/maker-1111111111111111/out',
  NUM_JOBS: '1',
  HOST: 'h',
};

/** A program under another path, which is by what processes are told apart. */
function programAt(path: string, original: string): string {
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(original, path);
  return path;
}

/** A process that says its id and waits until it is over. */
class Running implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly pid: number;

  private constructor(child: ChildProcess, pid: number) {
    this.#child = child;
    this.pid = pid;
  }

  /** Starts the chain of shells; the last one is what `pid` names. */
  static async start(shells: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
    const [first = '', ...others] = shells;
    const child = spawn(first, ['-c', nested(others)], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    const [text] = (await once(child.stdout, 'data')) as [Buffer];
    return new Running(child, Number(text.toString()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await once(this.#child, 'exit');
  }
}

/** Starts one shell in the other; the last word keeps each from giving its process to the next. */
function nested(shells: readonly string[]): string {
  const [first, ...others] = shells;
  if (first === undefined) return 'echo $$; read _';
  return `${first} -c ${JSON.stringify(nested(others)).replaceAll('$', '\\$')}; :`;
}

const scriptsAt = (pid: number): unknown => new ScriptTree(() => performance.now()).scriptsAt(pid);

test.each([
  ['the usual layout', 'target/debug/build/maker-2222222222222222/build-script-build'],
  ['the layout by unit', 'target/debug/build/maker/2222222222222222/out/build_script_build'],
])('a script of %s is told by its program, and so is what it starts', async (_layout, path) => {
  await using root = await createTempDirectory();
  const script = programAt(join(root.path, path), shell);
  await using own = await Running.start([script]);
  expect(scriptsAt(own.pid)).toEqual([{ kind: 'program', path: script }]);
  await using started = await Running.start([script, shell]);
  expect(scriptsAt(started.pid)).toEqual([{ kind: 'program', path: script }]);
});

test('cargo and what it starts belong to none, although they were told an OUT_DIR', async () => {
  await using root = await createTempDirectory();
  const cargo = programAt(join(root.path, 'bin/cargo'), shell);
  const rustc = programAt(join(root.path, 'bin/rustc'), shell);
  const words = Object.entries(told)
    .map((each) => each.join('='))
    .join(' ');
  await using compiler = await Running.start([cargo, `${words} ${rustc}`]);
  expect(scriptsAt(compiler.pid)).toEqual([]);
});

test('a script that has started a cargo is behind all that this one does', async () => {
  await using root = await createTempDirectory();
  const path = 'target/debug/build/maker-2222222222222222/build-script-build';
  const script = programAt(join(root.path, path), shell);
  const cargo = programAt(join(root.path, 'bin/cargo'), shell);
  const rustc = programAt(join(root.path, 'bin/rustc'), shell);
  await using compiler = await Running.start([script, cargo, rustc]);
  expect(scriptsAt(compiler.pid)).toEqual([{ kind: 'program', path: script }]);
});

test('a process with no script above it is told by what cargo told the script', async () => {
  const child = spawn(cat, [], { env: told, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write('there');
  await once(child.stdout, 'data');
  expect(scriptsAt(child.pid ?? 0)).toEqual([{ kind: 'out-dir', path: told.OUT_DIR }]);
  child.stdin.end();
  await once(child, 'exit');
});

test('a process that is not there cannot be told', () => {
  expect(scriptsAt(2 ** 30)).toBeUndefined();
});

test('what has many threads and no script above it cannot be told', () => {
  // Node has; its environment may be memory that waits for the mount.
  expect(scriptsAt(process.pid)).toBeUndefined();
});

test.each([
  ['a script', told, told.OUT_DIR],
  ['a compiler', { ...told, CARGO_CRATE_NAME: 'maker' }, undefined],
  ['a program that cargo runs', { OUT_DIR: told.OUT_DIR }, undefined],
  ['anything else', { NUM_JOBS: '1', HOST: 'h' }, undefined],
])('OUT_DIR of %s', async (_what, env, expected) => {
  await using running = await Running.start([shell], env);
  expect(scriptOutDir(running.pid)).toBe(expected);
});

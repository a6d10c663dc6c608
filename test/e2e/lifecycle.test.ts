/** The mount beside everything that cargo does, and in places where people work. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { WorkspaceOptions } from '../support/workspace.js';
import { createWorld, describeEndToEnd } from '../support/world.js';
import { itoa, itoaAndAnyhow, nothingToDo, printsFive, runIn } from './lifecycle-support.js';

const five: WorkspaceOptions = { dependencies: itoa, files: { 'src/main.rs': printsFive } };

describeEndToEnd('a second workspace', () => {
  test('compiles only its own package in every mode', async () => {
    await using world = await createWorld();
    const first = await world.workspace('first', { dependencies: itoaAndAnyhow });
    const second = await world.workspace('second', { dependencies: itoaAndAnyhow });
    await first.mount();
    await second.mount();
    const modes: readonly (readonly [string, ...string[]])[] = [
      ['build'],
      ['build', '--release'],
      ['check'],
      ['test'],
      ['clippy', '--all-targets'],
      ['bench', '--no-run'],
      ['build', '--target', 'x86_64-unknown-linux-gnu'],
    ];
    for (const [command, ...args] of modes) {
      await first.mustCargo(command, { args });
      await first.settled();
      const run = await second.mustCargo(command, { args });
      expect(new Set([command, ...run.compiled])).toEqual(new Set([command, 'app']));
      expect(await second.mustCargo(command, { args })).toMatchObject(nothingToDo);
    }
  });

  test('keeps the variants of RUSTFLAGS apart', async () => {
    await using world = await createWorld();
    const first = await world.workspace('first', five);
    const second = await world.workspace('second', five);
    await first.mount();
    await second.mount();
    const flags = { env: { RUSTFLAGS: '-Cdebuginfo=1' } };
    await first.buildAndSettle();
    expect((await second.buildAndSettle(flags)).compiled).toEqual(['app', 'itoa']);
    expect((await second.buildAndSettle()).compiled).toEqual(['app']);
    expect((await first.buildAndSettle(flags)).compiled).toEqual(['app']);
    expect(await second.mustCargo('build', flags)).toMatchObject(nothingToDo);
    expect(await second.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test('may build the same packages at the same time', async () => {
    await using world = await createWorld();
    const first = await world.workspace('first', { dependencies: itoaAndAnyhow });
    const second = await world.workspace('second', { dependencies: itoaAndAnyhow });
    await first.mount();
    await second.mount();
    await Promise.all([first.mustCargo('build'), second.mustCargo('build')]);
    await world.settled();
    for (const workspace of [first, second]) {
      expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    }
    const third = await world.workspace('third', { dependencies: itoaAndAnyhow });
    await third.mount();
    expect((await third.mustCargo('build')).compiled).toEqual(['app']);
    expect((await world.verify()).problems).toEqual([]);
  });

  test('may check while the other one builds', async () => {
    await using world = await createWorld();
    const first = await world.workspace('first', { dependencies: itoaAndAnyhow });
    const second = await world.workspace('second', { dependencies: itoaAndAnyhow });
    await first.mount();
    await second.mount();
    await Promise.all([first.mustCargo('build'), second.mustCargo('check')]);
    await world.settled();
    const [checked, built] = await Promise.all([
      first.mustCargo('check'),
      second.mustCargo('build'),
    ]);
    expect([...checked.compiled, ...built.compiled]).toEqual(['app', 'app']);
  });
});

describeEndToEnd('what is built in the mount', () => {
  test('runs: program, tests, examples, benchmarks and documentation', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', {
      dependencies: itoa,
      files: {
        'src/main.rs': printsFive,
        'src/lib.rs':
          '/// Adds.\n/// ```\n/// assert_eq!(app::add(1, 2), 3);\n/// ```\npub fn add(a: u8, b: u8) -> u8 { a + b }\n#[test] fn adds() { assert_eq!(add(2, 2), 4); }\n',
        'tests/outer.rs':
          '#[test] fn temporary() { std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/x"), "y").unwrap(); }\n',
        'examples/show.rs': 'fn main() { println!("shown {}", app::add(3, 4)); }\n',
        'benches/speed.rs': 'fn main() { println!("measured"); }\n',
      },
      manifest: '[[bench]]\nname = "speed"\nharness = false\n',
    });
    await workspace.mount();
    const cargo = async (...words: readonly string[]) => {
      const run = await runIn(world, ['cargo', ...words], { cwd: workspace.path });
      expect({
        words,
        exitCode: run.exitCode,
        stderr: run.exitCode === 0 ? '' : run.stderr,
      }).toEqual({ words, exitCode: 0, stderr: '' });
      return run.stdout;
    };
    expect(await cargo('run')).toBe('5\n');
    expect(await cargo('run', '--example', 'show')).toBe('shown 7\n');
    expect((await cargo('test')).match(/test result: ok\. \d+ passed/g)).toEqual([
      'test result: ok. 1 passed',
      'test result: ok. 0 passed',
      'test result: ok. 1 passed',
      'test result: ok. 1 passed',
    ]);
    expect(await cargo('bench', '--bench', 'speed')).toBe('measured\n');
    await cargo('doc');
    const page = readFileSync(join(workspace.target, 'doc/app/fn.add.html'), 'utf8');
    expect(page).toContain('Adds.');
    await cargo('package', '--allow-dirty');
    expect(existsSync(join(workspace.target, 'package/app-0.1.0.crate'))).toBe(true);
    await workspace.settled();
    expect(await cargo('run')).toBe('5\n');
  });

  test('builds in a path with spaces and letters of any script', async () => {
    await using world = await createWorld();
    const first = await world.workspace('first', { ...five, directory: 'wörk späce/ünd 日本' });
    await first.mount();
    await first.buildAndSettle();
    expect(first.output()).toBe('5');
    const second = await world.workspace('second', { ...five, directory: 'it\'s (2) "quoted"' });
    await second.mount();
    expect((await second.buildAndSettle()).compiled).toEqual(['app']);
    await second.unmount();
    await second.mount();
    expect(await second.mustCargo('build')).toMatchObject(nothingToDo);
    await second.unmount('--materialize');
    expect(await second.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test('can be a build-dir apart from the target, and inside a directory that is mounted', async () => {
    await using world = await createWorld();
    const buildDir = join(world.path, 'mounted');
    mkdirSync(buildDir);
    expect((await world.xcache('mount', buildDir)).exitCode).toBe(0);
    for (const name of ['first', 'second']) {
      const workspace = await world.workspace(name, five);
      const env = { CARGO_BUILD_BUILD_DIR: join(buildDir, name) };
      const run = await workspace.mustCargo('build', { env });
      expect(workspace.output()).toBe('5');
      expect(run.exitCode).toBe(0);
      expect(await workspace.mustCargo('build', { env })).toMatchObject({ compiled: [] });
      // The directory of a workspace is no mount point there, so cargo can remove it.
      expect((await workspace.cargo('clean', { env })).exitCode).toBe(0);
      expect(existsSync(join(buildDir, name))).toBe(false);
    }
  });

  test('is gone after rm of everything in it, and served again', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', five);
    await workspace.mount();
    await workspace.buildAndSettle();
    const clean = await workspace.cargo('clean');
    expect(clean.exitCode).toBe(0);
    expect(await workspace.list('.')).toEqual([]);
    expect((await workspace.buildAndSettle()).compiled).toEqual(['app']);
    rmSync(join(workspace.target, 'debug'), { recursive: true });
    writeFileSync(join(workspace.target, 'kept'), 'kept');
    expect((await workspace.buildAndSettle()).compiled).toEqual(['app']);
    expect(readFileSync(join(workspace.target, 'kept'), 'utf8')).toBe('kept');
  });
});

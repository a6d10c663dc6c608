/** Into the mount and out again: a `target` that was built before, and one that is left behind. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitUntil } from '../support/processes.js';
import { createWorld, describeEndToEnd } from '../support/world.js';
import {
  isRoot,
  itoa,
  itoaAndAnyhow,
  listing,
  mountFor,
  must,
  nothingToDo,
  printsFive,
  waitingBuildScript,
} from './lifecycle-support.js';

const options = { dependencies: itoaAndAnyhow, files: { 'src/main.rs': printsFive } };

/** Things that cargo does not make, but people have. */
function furnish(target: string): void {
  mkdirSync(join(target, 'own things/deep'), { recursive: true });
  mkdirSync(join(target, 'empty'), { mode: 0o750 });
  const script = join(target, 'own things/deep/run me.sh');
  writeFileSync(script, '#!/bin/sh\necho ran\n');
  chmodSync(script, 0o751);
  linkSync(script, join(target, 'second name'));
  symlinkSync('nowhere/at all', join(target, 'dangling'));
  writeFileSync(Buffer.from(`${target}/not utf-8 \xff\xfe`, 'latin1'), 'bytes');
  writeFileSync(join(target, 'with\nnewline'), '');
  must('touch', '-d', '@1234567890.123456789', script);
}

describeEndToEnd('a target that is not empty', () => {
  test('is adopted as it is, found fresh, and not shared until it is built again', async () => {
    await using world = await createWorld();
    const native = await world.workspace('native', options);
    await native.mustCargo('build');
    furnish(native.target);
    chmodSync(native.target, 0o751);
    expect(await native.mustCargo('build')).toMatchObject(nothingToDo);
    const before = listing(native.target);

    const { adoptedFiles, wasMounted } = await native.mount();
    expect(wasMounted).toBe(false);
    expect(adoptedFiles).toBeGreaterThan(20);
    expect(listing(native.target)).toEqual(before);
    expect(statSync(native.target).mode & 0o777).toBe(0o751);
    await native.settled();
    expect((await world.stats()).units.promoted).toBe(0);
    expect(listing(native.target)).toEqual(before);
    expect(spawnSync(join(native.target, 'second name'), { encoding: 'utf8' }).stdout).toBe(
      'ran\n',
    );
    expect(await native.mustCargo('build')).toMatchObject(nothingToDo);
    expect(native.output()).toBe('5');

    // Nobody knows what it was built with.
    const second = await world.workspace('second', options);
    await second.mount();
    expect((await second.buildAndSettle()).compiled).toContain('itoa');
    await native.mustCargo('clean');
    expect((await native.mustCargo('build')).compiled).toEqual(['app']);
  });

  test('is left behind by unmount --materialize as a plain one', async () => {
    await using world = await createWorld();
    const first = await world.workspace('first', options);
    await first.mount();
    await first.buildAndSettle();
    const second = await world.workspace('second', options);
    mkdirSync(second.target);
    chmodSync(second.target, 0o755);
    await second.mount();
    await second.buildAndSettle();
    furnish(second.target);
    const before = listing(second.target);

    const { materializedFiles } = await second.unmount('--materialize');
    expect(materializedFiles).toBeGreaterThan(4);
    expect(listing(second.target)).toEqual(before);
    expect(statSync(second.target).mode & 0o777).toBe(0o755);
    expect(await second.mustCargo('build')).toMatchObject(nothingToDo);
    expect(second.output()).toBe('5');
    // The store has its own copy of what is now somebody's to change.
    const library = readdirSync(join(second.target, 'debug/deps')).find((name) =>
      /^libitoa.*rlib$/.test(name),
    );
    writeFileSync(join(second.target, 'debug/deps', library ?? ''), 'spoiled');
    expect((await world.verify()).problems).toEqual([]);
    expect(await first.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test('keeps the mode of the directory, whether it was there, made or given back', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one');
    const mode = () => statSync(workspace.target).mode & 0o7777;
    expect((await world.xcache('mount', workspace.target)).exitCode).toBe(0);
    expect(mode()).toBe(0o755);
    await workspace.unmount();
    expect(mode()).toBe(0o755);
    chmodSync(workspace.target, 0o700);
    await workspace.unmount('--materialize');
    await workspace.mount();
    chmodSync(workspace.target, 0o711);
    await workspace.unmount('--materialize');
    expect(mode()).toBe(0o711);
  });

  test('keeps both contents where somebody built without the mount in between', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', options);
    await workspace.mount();
    await workspace.buildAndSettle();
    writeFileSync(join(workspace.target, 'mine'), 'from the mount');
    await workspace.unmount();
    expect(readdirSync(workspace.target)).toEqual([]);
    await workspace.mustCargo('build');
    writeFileSync(join(workspace.target, 'mine'), 'from the disk');
    await workspace.mount();
    expect(readFileSync(join(workspace.target, 'mine'), 'utf8')).toBe('from the disk');
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    const aside = readdirSync(world.paths.viewsDirectory).find((name) => name.includes('aside'));
    const kept = join(world.paths.viewsDirectory, aside ?? 'none', 'upper/mine');
    expect(readFileSync(kept, 'utf8')).toBe('from the mount');
  });

  test('may be a symlink, which stays one', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', options);
    const real = join(world.path, 'elsewhere');
    mkdirSync(real);
    symlinkSync(real, workspace.target);
    expect((await workspace.mount()).directory).toBe(real);
    await workspace.buildAndSettle();
    expect(readdirSync(real)).toContain('debug');
    expect(workspace.output()).toBe('5');
    await workspace.unmount('--materialize');
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test('can be adopted while a cargo builds in it', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', {
      dependencies: itoa,
      files: { 'src/main.rs': printsFive, 'build.rs': waitingBuildScript },
    });
    const build = workspace.cargo('build');
    await waitUntil('the script runs', () => existsSync(join(workspace.path, 'waiting')));
    await workspace.mount();
    await workspace.write({ release: '' });
    await build;
    expect((await workspace.buildAndSettle()).exitCode).toBe(0);
    expect(workspace.output()).toBe('5');
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    expect((await world.verify()).problems).toEqual([]);
  });
});

describeEndToEnd('a store on another file system than the workspace', () => {
  test.skipIf(!isRoot)('adopts by copy, and hands a plain target back', async () => {
    await using world = await createWorld();
    const home = join(world.path, 'home');
    mkdirSync(home);
    await using _tmpfs = mountFor(world, '-t', 'tmpfs', '-o', 'mode=700,size=256m', 'none', home);
    const native = await world.workspace('native', options);
    await native.mustCargo('build');
    furnish(native.target);
    const before = listing(native.target);
    await native.mount();
    await native.settled();
    expect(listing(native.target)).toEqual(before);
    expect(await native.mustCargo('build')).toMatchObject(nothingToDo);
    await native.unmount('--materialize');
    expect(listing(native.target)).toEqual(before);
    expect(await native.mustCargo('build')).toMatchObject(nothingToDo);
  });
});

/** One mount for all workspaces of a user, found through cargo's own setting `build.build-dir`. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildDirOf, buildDirTemplate } from '../../src/views/user-mount/auto-paths.js';
import { connectControl } from '../../src/service/control/control-client.js';
import type { AutoMountResult, StatusResult } from '../../src/service/control/protocol.js';
import { perUnitLayout } from '../support/cargo-run.js';
import { waitUntil } from '../support/processes.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { itoaAndAnyhow, nothingToDo } from './lifecycle-support.js';

/** A world whose cargo builds in the per-user mount. */
async function createMountedWorld(): Promise<World> {
  const world = await createWorld();
  world.env['CARGO_BUILD_BUILD_DIR'] = buildDirTemplate(world.paths.autoMountDirectory);
  await world.xcacheJson('service', 'start');
  expect(await setAutoMount(world, true)).toMatchObject({ isMounted: true });
  return world;
}

async function setAutoMount(world: World, enabled: boolean): Promise<AutoMountResult> {
  using connection = await connectControl(world.paths);
  return await connection.request('autoMount', { enabled });
}

const dependencies = { dependencies: itoaAndAnyhow };

describeEndToEnd('the per-user mount', () => {
  test('serves a second workspace that no command was ever run for', async () => {
    await using world = await createMountedWorld();
    const first = await world.workspace('first', dependencies);
    const second = await world.workspace('second', dependencies);
    await first.buildAndSettle();
    expect((await second.buildAndSettle()).compiled).toEqual(['app']);
    for (const workspace of [first, second]) {
      expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    }
    expect(second.output()).toBe('');
    const views = (await world.xcacheJson<StatusResult>('status')).views.map(
      (view) => view.directory,
    );
    const at = (path: string): string => buildDirOf(world.paths.autoMountDirectory, path);
    expect(views.sort()).toEqual([at(first.path), at(second.path)]);
    expect((await world.verify()).problems).toEqual([]);
  });

  test('lets both layouts and two builds at once share', async () => {
    await using world = await createMountedWorld();
    const first = await world.workspace('first', dependencies);
    const second = await world.workspace('second', dependencies);
    await Promise.all([first.mustCargo('build'), second.mustCargo('check')]);
    await world.settled();
    const [built, checked] = await Promise.all([
      second.mustCargo('build'),
      first.mustCargo('check'),
    ]);
    expect([...built.compiled, ...checked.compiled]).toEqual(['app', 'app']);
    await first.buildAndSettle(perUnitLayout);
    expect((await second.buildAndSettle(perUnitLayout)).compiled).toEqual(['app']);
  });

  test('is emptied by cargo clean and by rm, and serves the next build', async () => {
    await using world = await createMountedWorld();
    const first = await world.workspace('first', dependencies);
    await first.buildAndSettle();
    await first.mustCargo('clean');
    const { viewsDirectory } = world.paths;
    // The service hears of it after cargo's last answer.
    await waitUntil('the view has gone', () =>
      readdirSync(viewsDirectory).every(
        (name) => !existsSync(join(viewsDirectory, name, 'view.json')),
      ),
    );
    expect((await first.buildAndSettle()).compiled).toEqual(['app']);
    rmSync(buildDirOf(world.paths.autoMountDirectory, first.path), { recursive: true });
    expect((await first.buildAndSettle()).compiled).toEqual(['app']);
    await first.mustCargo('clean', { args: ['-p', 'itoa'] });
    expect((await first.buildAndSettle()).compiled).toEqual(['app', 'itoa']);
    expect((await world.verify()).problems).toEqual([]);
  });

  test('begins anew each time it is removed, whatever is on the way for the one before', async () => {
    await using world = await createMountedWorld();
    const first = await world.workspace('first', dependencies);
    for (let round = 0; round < 4; round += 1) {
      await first.mustCargo('build');
      await first.mustCargo('clean');
    }
    await first.buildAndSettle();
    expect(await first.mustCargo('build')).toMatchObject(nothingToDo);
    expect(await world.serviceLog()).not.toMatch(/"level":[45]0/);
    expect((await world.verify()).problems).toEqual([]);
  });

  test('is there again after a restart and after a kill, with nothing to build', async () => {
    await using world = await createMountedWorld();
    const first = await world.workspace('first', dependencies);
    await first.buildAndSettle();
    await world.xcacheJson('service', 'restart');
    expect(await first.mustCargo('build')).toMatchObject(nothingToDo);
    await world.killService();
    await world.xcacheJson('service', 'start');
    expect(await first.mustCargo('build')).toMatchObject(nothingToDo);
    expect((await world.verify()).problems).toEqual([]);
  });

  test('keeps what was built while no service ran, and shares none of it', async () => {
    await using world = await createMountedWorld();
    const first = await world.workspace('first', dependencies);
    await world.xcacheJson('service', 'stop');
    await first.mustCargo('build');
    const place = buildDirOf(world.paths.autoMountDirectory, first.path);
    expect(readdirSync(join(place, 'debug'))).toContain('deps');
    await world.xcacheJson('service', 'start');
    expect(await first.mustCargo('build')).toMatchObject(nothingToDo);
    await world.settled();
    const second = await world.workspace('second', dependencies);
    // Nobody has seen what it was built with.
    expect((await second.mustCargo('build')).compiled).toEqual(
      expect.arrayContaining(['anyhow', 'app', 'itoa']),
    );
  });

  test('does not come back once it was given up', async () => {
    await using world = await createMountedWorld();
    expect(await setAutoMount(world, false)).toMatchObject({ isMounted: false });
    await world.xcacheJson('service', 'restart');
    expect((await world.xcacheJson<StatusResult>('status')).views).toEqual([]);
    const first = await world.workspace('first', dependencies);
    await first.mustCargo('build');
    const place = buildDirOf(world.paths.autoMountDirectory, first.path);
    expect(readdirSync(place)).toContain('debug');
  });
});

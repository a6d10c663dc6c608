/** Mounts and builds when the service stops, starts, or is killed. */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mountsBelow, waitUntil } from '../support/processes.js';
import type { MountResult, StatusResult, ViewStatus } from '../../src/service/control/protocol.js';
import { createWorld, describeEndToEnd } from '../support/world.js';
import {
  itoa,
  itoaAndAnyhow,
  nothingToDo,
  printsFive,
  waitingBuildScript,
} from './lifecycle-support.js';

const options = { dependencies: itoaAndAnyhow, files: { 'src/main.rs': printsFive } };

describeEndToEnd('the service', () => {
  test('unmounts at its end and mounts again at its start', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', options);
    await workspace.mount();
    await workspace.mustCargo('build');
    writeFileSync(join(workspace.target, 'mine'), 'mine');
    expect((await world.xcache('service', 'stop')).exitCode).toBe(0);
    expect(readdirSync(workspace.target)).toEqual([]);
    expect((await world.xcache('service', 'start')).exitCode).toBe(0);
    expect(readFileSync(join(workspace.target, 'mine'), 'utf8')).toBe('mine');
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    expect(workspace.output()).toBe('5');
    await workspace.settled();
    const second = await world.workspace('second', options);
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app']);
  });

  test('leaves no dead mount in a workspace that was moved, and knows it when it is back', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one');
    await workspace.mount();
    writeFileSync(join(workspace.target, 'mine'), 'mine');
    const moved = `${workspace.path}-moved`;
    renameSync(workspace.path, moved);
    expect(readFileSync(join(moved, 'target/mine'), 'utf8')).toBe('mine');
    expect((await world.xcache('service', 'stop')).exitCode).toBe(0);
    expect(mountsBelow(world.path)).toEqual([]);
    renameSync(moved, workspace.path);
    expect((await world.xcache('service', 'start')).exitCode).toBe(0);
    expect(readFileSync(join(workspace.target, 'mine'), 'utf8')).toBe('mine');
  });

  test('mounts again where a cargo that it left without its mount has written its last', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', options);
    await workspace.mount();
    await workspace.buildAndSettle();
    expect((await world.xcache('service', 'stop')).exitCode).toBe(0);
    for (const name of ['.rustc_info.json', 'CACHEDIR.TAG']) {
      writeFileSync(join(workspace.target, name), 'last words');
    }
    expect((await world.xcache('service', 'start')).exitCode).toBe(0);
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test('tells of a mount that it did not bring back, until somebody mounts or unmounts it', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', options);
    const viewsOf = async (): Promise<readonly ViewStatus[]> =>
      (await world.xcacheJson<StatusResult>('status')).views;
    const leaveUnmounted = async (): Promise<void> => {
      await world.xcache('service', 'stop');
      await workspace.mustCargo('build');
      await world.xcache('service', 'start');
    };
    await workspace.mount();
    await leaveUnmounted();
    const problem = `${workspace.target} holds files of its own now`;
    expect(await viewsOf()).toMatchObject([
      { directory: workspace.target, state: 'failed', problem },
    ]);
    const text = `not shared: ${problem}; to mount it: xcache mount ${workspace.target}`;
    expect((await world.xcache('status')).stdout).toContain(text);
    await workspace.mount();
    expect(await viewsOf()).toMatchObject([{ directory: workspace.target, state: 'mounted' }]);
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    await leaveUnmounted();
    await workspace.unmount();
    expect(await viewsOf()).toEqual([]);
    await world.xcache('service', 'restart');
    expect(await viewsOf()).toEqual([]);
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test('does not mount again what was unmounted', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one');
    await workspace.mount();
    await workspace.unmount();
    await world.xcache('service', 'stop');
    const status = await world.xcacheJson<{ views: readonly unknown[] }>('status');
    expect(status.views).toEqual([]);
  });

  test('refuses to unmount what is in use, and goes on serving it', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', {
      ...options,
      files: { 'src/main.rs': printsFive, 'build.rs': waitingBuildScript },
    });
    await workspace.mount();
    const build = workspace.mustCargo('build');
    await waitUntil('the script runs', () => existsSync(join(workspace.path, 'waiting')));
    const { exitCode, stderr } = await world.xcache('unmount', workspace.target);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${workspace.target} is in use by `);
    expect(stderr).toMatch(/\bcargo \(process \d+\)/);
    await workspace.write({ release: '' });
    await build;
    await workspace.settled();
    expect((await world.stats()).store.units).toBeGreaterThan(0);
    expect(workspace.output()).toBe('5');
  });

  test('loses nothing when it is killed after a build', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', options);
    await workspace.mount();
    await workspace.mustCargo('build');
    writeFileSync(join(workspace.target, 'mine'), 'mine');
    await world.killService();
    // The dead mount is detached, and everything is there again.
    expect((await world.xcache('service', 'start')).exitCode).toBe(0);
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    expect(readFileSync(join(workspace.target, 'mine'), 'utf8')).toBe('mine');
    expect(workspace.output()).toBe('5');
    await workspace.settled();
    expect((await world.verify()).problems).toEqual([]);
    const second = await world.workspace('second', options);
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app']);
  });

  test('is replaced by mount where it was killed, whose dead mount is taken away', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', options);
    await workspace.mount();
    await workspace.buildAndSettle();
    await world.killService();
    const mounted = await world.xcacheJson<MountResult>('mount', workspace.target);
    expect(mounted.wasMounted).toBe(true);
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test.each(['debug/.cargo-lock', 'debug/deps', 'debug/build', 'waiting'])(
    'may be killed during a build, once there is %s',
    async (sign) => {
      await using world = await createWorld();
      const workspace = await world.workspace('one', {
        ...options,
        files: { 'src/main.rs': printsFive, 'build.rs': waitingBuildScript },
      });
      await workspace.mount();
      const views = readdirSync(world.paths.viewsDirectory).map((id) =>
        join(world.paths.viewsDirectory, id, 'upper'),
      );
      const killed = await workspace.cargo('build', {
        whileRunning: async () => {
          await waitUntil(sign, () =>
            [workspace.path, ...views].some((place) => existsSync(join(place, sign))),
          );
          await world.killService();
          await workspace.write({ release: '' });
        },
      });
      expect(killed.exitCode).not.toBe(0);
      expect((await world.xcache('service', 'start')).exitCode).toBe(0);
      await workspace.buildAndSettle();
      expect(workspace.output()).toBe('5');
      expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
      // A kill just before the index is written leaves a manifest that nothing names.
      const kinds = new Set((await world.verify()).problems.map(({ kind }) => kind));
      kinds.delete('manifest-not-indexed');
      expect([...kinds]).toEqual([]);
      const second = await world.workspace('second', options);
      await second.mount();
      expect((await second.mustCargo('build')).compiled).toEqual(['app']);
      expect(second.output()).toBe('5');
    },
  );

  test('may stop while a cargo builds, which then fails and can be repeated', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', {
      dependencies: itoa,
      files: { 'src/main.rs': printsFive, 'build.rs': waitingBuildScript },
    });
    await workspace.mount();
    const build = workspace.cargo('build');
    await waitUntil('the script runs', () => existsSync(join(workspace.path, 'waiting')));
    const stopping = world.xcache('service', 'stop');
    await waitUntil('the mount is detached', () => mountsBelow(world.path).length === 0);
    await workspace.write({ release: '' });
    await build;
    expect((await stopping).exitCode).toBe(0);
    expect((await world.xcache('service', 'start')).exitCode).toBe(0);
    await workspace.buildAndSettle();
    expect(workspace.output()).toBe('5');
  });
});

/**
 * A disk that the kernel makes read-only under a running service, as ext4 does after an error. An
 * ordinary read-only remount is refused (EBUSY) as long as the service has files open.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  itoaAndAnyhow,
  nothingToDo,
  printsFive,
  waitingBuildScript,
} from '../e2e/lifecycle-support.js';
import { waitUntil } from '../support/processes.js';
import { existsSync, writeFileSync } from 'node:fs';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { Disk, noLoopDevice } from './disk.js';

const five = { dependencies: itoaAndAnyhow, files: { 'src/main.rs': printsFive } };

async function repaired(world: World, disk: Disk): Promise<void> {
  const stop = await world.xcache('service', 'stop');
  expect(stop.exitCode, stop.stderr).toBe(0);
  disk.unmount();
  disk.check();
  disk.mount();
}

async function expectRight(world: World, workspace: Workspace): Promise<void> {
  await workspace.mount();
  await workspace.mustCargo('build');
  expect(workspace.output()).toBe('5');
  await workspace.settled();
  expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
  await world.xcache('verify', '--repair');
  expect((await world.verify()).problems).toEqual([]);
}

describeEndToEnd('a disk that becomes read-only', () => {
  test('in a build fails it plainly; repaired, everything goes on', async (context) => {
    await using world = await createWorld();
    await using disk = Disk.create(world);
    if (disk === undefined) return context.skip(noLoopDevice);
    const workspace = await world.workspace('one', {
      ...five,
      files: { ...five.files, 'build.rs': waitingBuildScript },
    });
    await workspace.mount();
    const point = join(world.path, 'home');
    expect(spawnSync('mount', ['-o', 'remount,ro', point]).status).not.toBe(0);
    const run = await workspace.cargo('build', {
      whileRunning: async () => {
        await waitUntil('the build is under way', () =>
          existsSync(join(workspace.path, 'waiting')),
        );
        disk.abort();
        writeFileSync(join(workspace.path, 'release'), '');
      },
    });
    expect(run.exitCode).not.toBe(0);
    expect(run.stderr).toMatch(/os error (?:5|30)\b/);
    // It still answers, and says what is wrong where it cannot do what it is asked for.
    expect((await world.xcache('status')).exitCode).toBe(0);
    for (const command of [['gc', '--max-size', '0'], ['verify']]) {
      expect((await world.xcache(...command)).stderr).not.toMatch(/^ +at /m);
    }
    await repaired(world, disk);
    await expectRight(world, workspace);
  });

  test('while units are stored and collected spoils none', async (context) => {
    await using world = await createWorld();
    await using disk = Disk.create(world);
    if (disk === undefined) return context.skip(noLoopDevice);
    const first = await world.workspace('first', five);
    await first.mount();
    await first.mustCargo('build');
    // Promotion has just begun.
    disk.abort();
    const collected = await world.xcache('gc', '--max-size', '0');
    console.log(`gc on a read-only disk: ${collected.exitCode} ${collected.stderr}`);
    await repaired(world, disk);
    await expectRight(world, first);
    const second = await world.workspace('second', five);
    await expectRight(world, second);
  });
});

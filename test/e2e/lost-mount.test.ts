/** The per-user mount comes back by itself, whoever took it away and however. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findMount } from '../../src/host/mount-table.js';
import { buildDirOf, buildDirTemplate } from '../../src/views/user-mount/auto-paths.js';
import { connectControl } from '../../src/service/control/control-client.js';
import type { StatusResult } from '../../src/service/control/protocol.js';
import { mountsBelow, waitUntil } from '../support/processes.js';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { isRoot, itoa, must, nothingToDo, runIn } from './lifecycle-support.js';

/** A world with a per-user mount, and a workspace that was built in it. */
async function createUsedWorld(): Promise<{
  readonly world: World;
  readonly workspace: Workspace;
}> {
  const world = await createWorld();
  world.env['CARGO_BUILD_BUILD_DIR'] = buildDirTemplate(world.paths.autoMountDirectory);
  await world.xcacheJson('service', 'start');
  await setAutoMount(world, true);
  const workspace = await world.workspace('first', { dependencies: itoa });
  await workspace.buildAndSettle();
  return { world, workspace };
}

async function setAutoMount(world: World, enabled: boolean): Promise<void> {
  using connection = await connectControl(world.paths);
  await connection.request('autoMount', { enabled });
}

async function untilBack(world: World, count: number): Promise<void> {
  using connection = await connectControl(world.paths);
  let status: StatusResult | undefined;
  await waitUntil('the mount is back', async () => {
    status = await connection.request('status', {});
    return status.perUserMount?.isMounted === true && status.perUserMount.lost?.count === count;
  });
}

/** A process whose working directory is `directory`; `leave` tells whether that could be listed. */
async function enter(
  world: World,
  directory: string,
): Promise<{ readonly leave: () => Promise<string> }> {
  const script = 'echo inside; read _; ls . >/dev/null 2>&1 && echo served || echo cut off';
  const child = spawn('sh', ['-c', script], {
    cwd: directory,
    env: world.env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  await waitUntil('somebody is inside', () => said !== '');
  return {
    leave: async () => {
      const ended = once(child, 'close');
      child.stdin.end('\n');
      await ended;
      return said.trim();
    },
  };
}

function detach(directory: string): void {
  must(...(isRoot ? ['umount', '-l'] : ['fusermount3', '-uz']), directory);
}

describeEndToEnd('the per-user mount', () => {
  test.skipIf(!isRoot)('comes back when its connection was aborted in use', async () => {
    const { world, workspace } = await createUsedWorld();
    await using _world = world;
    const { autoMountDirectory } = world.paths;
    const inside = await enter(world, autoMountDirectory);
    // A forced unmount ends the connection first, and then finds the mount busy: a dead one is left.
    const forced = await runIn(world, ['umount', '-i', '-c', '-f', autoMountDirectory]);
    expect(forced.exitCode).not.toBe(0);
    await untilBack(world, 1);
    await inside.leave();
    expect(mountsBelow(world.path)).toEqual([autoMountDirectory]);
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    expect(await world.serviceLog()).toContain('the per-user mount is back');
    expect((await world.xcache('status')).stdout).toMatch(/lost once, .*: it is back/);
    expect((await world.verify()).problems).toEqual([]);
  });

  test('comes back when somebody has unmounted it', async () => {
    const { world, workspace } = await createUsedWorld();
    await using _world = world;
    for (const count of [1, 2]) {
      detach(world.paths.autoMountDirectory);
      await untilBack(world, count);
      expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    }
    expect((await world.verify()).problems).toEqual([]);
  });

  test('comes back when it was detached in use, and cuts its users off', async () => {
    const { world, workspace } = await createUsedWorld();
    await using _world = world;
    const place = buildDirOf(world.paths.autoMountDirectory, workspace.path);
    const inside = await enter(world, place);
    detach(world.paths.autoMountDirectory);
    await untilBack(world, 1);
    expect(existsSync(join(place, 'debug'))).toBe(true);
    expect(await inside.leave()).toBe('inside\ncut off');
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test('does not come back when it is given up, or when the service stops', async () => {
    const { world } = await createUsedWorld();
    await using _world = world;
    await setAutoMount(world, false);
    expect(findMount(world.paths.autoMountDirectory)).toBeUndefined();
    await world.xcacheJson('service', 'restart');
    expect(findMount(world.paths.autoMountDirectory)).toBeUndefined();
    expect((await world.xcacheJson<StatusResult>('status')).perUserMount).toBeUndefined();
  });
});

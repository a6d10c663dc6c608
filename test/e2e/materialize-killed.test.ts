/** Leaving in the middle of which something is killed, and leaving in the layout of newer cargos. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { perUnitLayout } from '../support/cargo-run.js';
import { waitUntil } from '../support/processes.js';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { itoaAndAnyhow, nothingToDo, printsFive, xcacheWords } from './lifecycle-support.js';

const five = { dependencies: itoaAndAnyhow, files: { 'src/main.rs': printsFive } };

/** How a workspace comes to xcache, and how it leaves. */
const ways = {
  teardown: {
    join: async (world: World) => {
      // No unit goes to the systemd session of whoever runs the tests.
      Object.assign(world.env, {
        XDG_CONFIG_HOME: join(world.path, 'config'),
        XDG_RUNTIME_DIR: '',
        DBUS_SESSION_BUS_ADDRESS: '',
      });
      await world.xcacheJson('setup');
    },
    words: () => ['teardown', '--materialize'],
  },
  unmount: {
    join: async (world: World, workspace: Workspace) => {
      await world.xcacheJson('mount', workspace.target);
    },
    words: ({ target }: Workspace) => ['unmount', target, '--materialize'],
  },
} as const;

/** Two workspaces, the second one served from the store; returns the second. */
async function createServed(world: World, way: keyof typeof ways): Promise<Workspace> {
  const first = await world.workspace('first', five);
  const second = await world.workspace('second', five);
  await ways[way].join(world, first);
  await first.buildAndSettle(perUnitLayout);
  if (way === 'unmount') await ways[way].join(world, second);
  expect((await second.buildAndSettle(perUnitLayout)).compiled).toEqual(['app']);
  return second;
}

async function expectPlain(world: World, workspace: Workspace): Promise<void> {
  expect(await workspace.mustCargo('build', perUnitLayout)).toMatchObject(nothingToDo);
  expect(workspace.output()).toBe('5');
  expect((await world.verify()).problems).toEqual([]);
}

describeEndToEnd('leaving with --materialize, in the per-unit layout', () => {
  test.each(['teardown', 'unmount'] as const)(
    '%s is finished by another one, whatever is killed and when',
    async (way) => {
      await using world = await createWorld({ cargoHome: 'own' });
      const workspace = await createServed(world, way);
      const words = ways[way].words(workspace);
      const views = world.paths.viewsDirectory;
      // Each kill comes at another step, or after the end: whatever is there then must do.
      const moments = [
        ['service', () => existsSync(views)],
        ['command', () => existsSync(views)],
        ['service', () => existsSync(join(workspace.target, 'debug'))],
      ] as const;
      for (const [victim, hasCome] of moments) {
        const [file = '', ...args] = xcacheWords(...words);
        const child = spawn(file, args, { env: world.env, cwd: world.path, stdio: 'ignore' });
        const exited = once(child, 'exit');
        await waitUntil('the moment', () => hasCome() || child.exitCode !== null);
        const pid = victim === 'service' ? await world.servicePid() : child.pid;
        if (pid !== undefined && child.exitCode === null) process.kill(pid, 'SIGKILL');
        await exited;
      }
      await world.xcache(...words);
      expect(existsSync(join(workspace.target, 'debug'))).toBe(true);
      await expectPlain(world, workspace);
    },
  );
});

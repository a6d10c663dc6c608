/** `teardown --materialize`: every workspace gets back what cargo would have without xcache. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildDirOf } from '../../src/views/user-mount/auto-paths.js';
import type { SetupResult } from '../../src/service/setup/setup-step.js';
import { viewDirectory } from '../../src/views/view-directory.js';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import {
  isRoot,
  itoa,
  itoaAndAnyhow,
  mountFor,
  nothingToDo,
  printsFive,
} from './lifecycle-support.js';

const five = { dependencies: itoaAndAnyhow, files: { 'src/main.rs': printsFive } };

async function createSetUpWorld(): Promise<World> {
  const world = await createWorld({ cargoHome: 'own' });
  // No unit goes to the systemd session of whoever runs the tests.
  Object.assign(world.env, {
    XDG_CONFIG_HOME: join(world.path, 'config'),
    XDG_RUNTIME_DIR: '',
    DBUS_SESSION_BUS_ADDRESS: '',
  });
  await world.xcacheJson('setup');
  return world;
}

/** The exit code, and what is said of each workspace. */
async function tearDown(world: World): Promise<{ exitCode: number | null; views: string[] }> {
  const { exitCode, stdout } = await world.xcache('teardown', '--materialize', '--json');
  const { steps } = JSON.parse(stdout) as SetupResult;
  const views = steps.filter(({ step }) => step === 'view').map(({ message }) => message);
  return { exitCode, views };
}

function viewOf({ world, path }: Workspace): string {
  const place = buildDirOf(world.paths.autoMountDirectory, path);
  return viewDirectory(world.paths.viewsDirectory, place).directory;
}

describeEndToEnd('teardown --materialize', () => {
  test('leaves cargo nothing to build, be it built here or served', async () => {
    await using world = await createSetUpWorld();
    const first = await world.workspace('first', five);
    const second = await world.workspace('second', five);
    await first.buildAndSettle();
    await second.buildAndSettle();
    await second.mustCargo('test');
    expect(await tearDown(world)).toMatchObject({ exitCode: 0, views: { length: 2 } });
    expect(await world.servicePid()).toBeUndefined();
    for (const workspace of [first, second]) {
      expect(existsSync(viewOf(workspace))).toBe(false);
      expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
      expect(workspace.output()).toBe('5');
    }
    expect(await second.mustCargo('test')).toMatchObject(nothingToDo);
    rmSync(join(first.target, 'debug/app'));
    expect(await first.mustCargo('build')).toMatchObject(nothingToDo);
    expect(first.output()).toBe('5');
    expect(
      readdirSync(world.paths.viewsDirectory).filter((name) => /^[0-9a-f]{16}/.test(name)),
    ).toEqual([]);
    expect((await world.verify()).problems).toEqual([]);
  });

  test('lets cargo build again what holds the path of the mount', async () => {
    await using world = await createSetUpWorld();
    const workspace = await world.workspace('first', {
      dependencies: itoa,
      files: {
        'build.rs':
          'fn main() { let out = std::env::var("OUT_DIR").unwrap();\n' +
          'println!("cargo:rerun-if-changed=build.rs");\n' +
          'std::fs::write(format!("{out}/text"), "generated").unwrap(); }\n',
        'src/main.rs':
          'fn main() { print!("{}", std::fs::read_to_string(concat!(env!("OUT_DIR"), "/text")).unwrap()); }\n',
      },
    });
    await workspace.buildAndSettle();
    expect(workspace.output()).toBe('generated');
    const { exitCode, views } = await tearDown(world);
    expect({ exitCode, views }).toEqual({ exitCode: 0, views: [expect.stringMatching(/1 unit/)] });
    const [, left = ''] = /files are left in (\S+) for 30 days/.exec(views[0] ?? '') ?? [];
    expect(readdirSync(join(left, 'debug/deps')).some((name) => name.startsWith('app-'))).toBe(
      true,
    );
    expect((await workspace.mustCargo('build')).compiled).toEqual(['app']);
    expect(workspace.output()).toBe('generated');
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
  });

  test('leaves a workspace alone that has builds of its own, until they are moved away', async () => {
    await using world = await createSetUpWorld();
    const workspace = await world.workspace('first', five);
    const other = await world.workspace('other', five);
    await other.buildAndSettle();
    await workspace.mustCargo('build', { env: { CARGO_BUILD_BUILD_DIR: workspace.target } });
    const mine = join(workspace.target, 'debug/deps/mine');
    writeFileSync(mine, 'mine');
    await workspace.buildAndSettle();
    const refused = await tearDown(world);
    expect(refused.exitCode).toBe(1);
    const message = refused.views.find((each) => each.startsWith(workspace.path)) ?? '';
    expect(message).toContain('holds builds of its own');
    expect(message).toContain(viewOf(workspace));
    expect(existsSync(viewOf(workspace))).toBe(true);
    expect(readFileSync(mine, 'utf8')).toBe('mine');
    expect(await other.mustCargo('build')).toMatchObject(nothingToDo);
    renameSync(workspace.target, join(workspace.path, 'away'));
    expect(await tearDown(world)).toMatchObject({ exitCode: 0, views: { length: 1 } });
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    expect(workspace.output()).toBe('5');
  });

  test.skipIf(!isRoot)('copies to another disk', async () => {
    await using world = await createSetUpWorld();
    const workspace = await world.workspace('first', five);
    await workspace.write({ 'target/.keep': '' });
    await using _tmpfs = mountFor(
      world,
      '-t',
      'tmpfs',
      '-o',
      'size=256m',
      'none',
      workspace.target,
    );
    await workspace.buildAndSettle();
    expect(await tearDown(world)).toMatchObject({ exitCode: 0, views: { length: 1 } });
    expect(existsSync(viewOf(workspace))).toBe(false);
    expect(readdirSync(workspace.target)).not.toContain('.xcache-incoming');
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    expect(workspace.output()).toBe('5');
  });
});

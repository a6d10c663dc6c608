/** `setup`, `doctor` and `teardown` around real builds; with a home of cargo that is not ~/.cargo. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mountsBelow } from '../support/processes.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { itoaAndAnyhow, nothingToDo } from './lifecycle-support.js';

const dependencies = { dependencies: itoaAndAnyhow };

async function createOwnWorld(): Promise<World> {
  const world = await createWorld({ cargoHome: 'own' });
  // No unit goes to the systemd session of whoever runs the tests.
  Object.assign(world.env, {
    XDG_CONFIG_HOME: join(world.path, 'config'),
    XDG_RUNTIME_DIR: '',
    DBUS_SESSION_BUS_ADDRESS: '',
  });
  return world;
}

async function findings(world: World, ...flags: readonly string[]): Promise<Map<string, string>> {
  const { stdout } = await world.xcache('doctor', '--json', ...flags);
  const result = JSON.parse(stdout) as { findings: { check: string; state: string }[] };
  return new Map(result.findings.map(({ check, state }) => [check, state]));
}

describeEndToEnd('setup', () => {
  test('lets every workspace share, and teardown takes all of it back', async () => {
    await using world = await createOwnWorld();
    const config = join(world.cargoHome, 'config.toml');
    const text = '# mine\n[term]\nquiet = false';
    await writeFile(config, text);
    expect((await world.xcache('setup', '--check')).exitCode).toBe(1);
    await world.xcacheJson('setup');
    expect((await world.xcache('setup', '--check')).exitCode).toBe(0);
    expect((await world.xcache('setup')).stdout).toContain('nothing to do');

    const first = await world.workspace('first', dependencies);
    const second = await world.workspace('second', dependencies);
    await first.buildAndSettle();
    expect((await second.buildAndSettle()).compiled).toEqual(['app']);
    expect((await findings(world)).get('build-dir')).toBe('ok');

    await world.xcacheJson('teardown');
    expect(await readFile(config, 'utf8')).toBe(text);
    expect(mountsBelow(world.path)).toEqual([]);
    expect(await world.servicePid()).toBeUndefined();
    await second.mustCargo('build');
    expect(existsSync(join(second.target, 'debug', 'deps'))).toBe(true);
    expect((await world.xcache('teardown')).stdout).toContain('nothing to do');
    expect(await world.servicePid()).toBeUndefined();
  });

  test('is mended by the doctor after a kill', async () => {
    await using world = await createOwnWorld();
    await world.xcacheJson('setup');
    const first = await world.workspace('first', dependencies);
    await first.buildAndSettle();
    await world.killService();
    const found = await findings(world);
    expect(['mounts', 'service', 'auto mount'].map((check) => found.get(check))).toEqual([
      'fail',
      'warn',
      'fail',
    ]);
    const fixed = await findings(world, '--fix');
    expect(['mounts', 'service', 'auto mount'].map((check) => fixed.get(check))).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
    expect(await first.mustCargo('build')).toMatchObject(nothingToDo);
    await world.xcacheJson('teardown');
  });

  test('leaves a dead mount to nobody: the unit of systemd detaches it', async () => {
    await using world = await createOwnWorld();
    await world.xcacheJson('setup');
    await world.killService();
    const detached = await world.xcacheJson<{ detached: readonly string[] }>(
      'service',
      'detach-dead',
    );
    expect(detached.detached).toEqual([world.paths.autoMountDirectory]);
    expect(mountsBelow(world.path)).toEqual([]);
  });
});

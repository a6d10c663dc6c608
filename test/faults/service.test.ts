/** A service that meets faults while cargo builds: no descriptors left, and an index in other hands. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { itoa, itoaAndAnyhow, must, nothingToDo, printsFive } from '../e2e/lifecycle-support.js';
import { openStore } from '../../src/store/store.js';
import { silentLog } from '../../src/store/store-log.js';
import { createWorld, describeEndToEnd } from '../support/world.js';

const five = { dependencies: itoaAndAnyhow, files: { 'src/main.rs': printsFive } };

describeEndToEnd('a service', () => {
  test.each([
    ['no', -10],
    ['three', 3],
  ])('with %s descriptors left fails a build or serves it right', async (_, left) => {
    await using world = await createWorld();
    const first = await world.workspace('first', five);
    await first.mount();
    await first.buildAndSettle();
    const second = await world.workspace('second', five);
    await second.mount();
    const pid = String(await world.servicePid());
    const limit = readdirSync(`/proc/${pid}/fd`).length + left;
    must('prlimit', '--pid', pid, `--nofile=${limit}:1024`);
    // It may fail, with the plain errno; it may not hang, and nothing wrong may come of it.
    const run = await second.cargo('build');
    if (run.exitCode !== 0) expect(run.stderr).toMatch(/os error (?:5|24|23|12)\b/);
    must('prlimit', '--pid', pid, '--nofile=1024:1024');
    console.log(`with ${limit} descriptors cargo ended with ${run.exitCode}`);
    await second.mustCargo('build');
    expect(second.output()).toBe('5');
    expect(await first.mustCargo('build')).toMatchObject(nothingToDo);
    expect(await second.mustCargo('build')).toMatchObject(nothingToDo);
    expect((await world.verify()).problems).toEqual([]);
  });

  test('whose index is open elsewhere says so, and leaves the target alone', async () => {
    await using world = await createWorld();
    await world.xcache('service', 'start');
    await world.xcache('service', 'stop');
    const workspace = await world.workspace('one', { dependencies: itoa });
    mkdirSync(workspace.target);
    {
      await using _store = await openStore({
        directory: world.paths.storeDirectory,
        log: silentLog,
      });
      const { exitCode, stderr } = await world.xcache('mount', workspace.target);
      expect({ exitCode, isSaid: stderr.includes('in use by another service') }).toEqual({
        exitCode: 1,
        isSaid: true,
      });
    }
    expect(existsSync(join(workspace.target))).toBe(true);
    await workspace.mount();
    await workspace.mustCargo('build');
  });
});

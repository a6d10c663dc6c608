/** Store, index and upper layers on one disk that is full but for so many KiB, at every point. */
import { expect, test } from 'vitest';
import { itoa, nothingToDo, printsFive } from '../e2e/lifecycle-support.js';
import type { CargoRun } from '../support/cargo-run.js';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { Disk, noLoopDevice } from './disk.js';

const five = { dependencies: itoa, files: { 'src/main.rs': printsFive } };

/** KiB that are left. A build needs about 12,000; XCACHE_FAULTS=all tries page by page at first. */
const amounts =
  process.env['XCACHE_FAULTS'] === 'all'
    ? [...steps(0, 256, 4), ...steps(256, 1_024, 32), ...steps(1_024, 14_336, 512)]
    : [0, 4_000];

function steps(from: number, to: number, by: number): readonly number[] {
  return Array.from({ length: (to - from) / by }, (_, at) => from + at * by);
}

/** It succeeds, or says that the disk is full. */
function expectPlain(run: CargoRun, what: string): void {
  if (run.exitCode === 0) return;
  const isPlain = /os error 28|No space left on device|\(signal: 7, SIGBUS/.test(run.stderr);
  expect(isPlain, `${what}: ${run.exitCode} ${run.signal} ${run.stderr}`).toBe(true);
}

/** Without the fault: right, and then nothing to do. */
async function expectRight(workspace: Workspace, env: Record<string, string>): Promise<void> {
  await workspace.mustCargo('build', { env });
  expect(workspace.output()).toBe('5');
  expect(await workspace.mustCargo('build', { env })).toMatchObject(nothingToDo);
}

/** A service that found the disk full pauses its promotion until it is told, or for a while. */
async function settled(world: World): Promise<void> {
  await world.xcacheJson('gc', '--max-size', '1GiB');
  await world.settled();
}

describeEndToEnd('a disk that is full', () => {
  test('fails a build plainly, spoils nothing, and is forgotten when there is room', async (context) => {
    await using world = await createWorld();
    await using disk = Disk.create(world);
    if (disk === undefined) return context.skip(noLoopDevice);
    const first = await world.workspace('first', five);
    const second = await world.workspace('second', five);
    await first.mount();
    await second.mount();
    const pid = await world.servicePid();
    const failed = { cold: 0, warm: 0 };
    for (const kib of amounts) {
      // Other units in every round: nothing is served that an earlier one has stored.
      const env = { RUSTFLAGS: `--cfg round${kib}` };
      disk.fill(kib * 1_024);
      const cold = await first.cargo('build', { env });
      expectPlain(cold, `cold, ${kib} KiB`);
      if (cold.exitCode !== 0) failed.cold += 1;
      disk.free();
      await expectRight(first, env);
      await settled(world);
      disk.fill(kib * 1_024);
      const warm = await second.cargo('build', { env });
      expectPlain(warm, `warm, ${kib} KiB`);
      if (warm.exitCode !== 0) failed.warm += 1;
      disk.free();
      await expectRight(second, env);
      expect((await world.verify()).problems, `${kib} KiB`).toEqual([]);
      await first.mustCargo('clean');
      await second.mustCargo('clean');
    }
    expect(await world.servicePid()).toBe(pid);
    console.log(`${amounts.length} amounts: ${failed.cold} cold, ${failed.warm} warm failed`);
  }, 3_600_000);
});

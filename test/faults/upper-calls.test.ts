/**
 * The disk of an upper layer fails, at each system call of each operation: once, and from there
 * on. The operation fails with that errno or succeeds; what is there afterwards is the state before
 * or after it, also for the next mount.
 */
import { constants, existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { errnoOf } from '../../src/fuse/errno.js';
import { failingAt, type FaultAt } from '../fs/kill-switch.js';
import {
  checkLeftovers,
  checkStore,
  checkTimes,
  describeTree,
  prepare,
  scenarios,
  stateAfter,
  treeOf,
  type Scenario,
  type Tree,
} from '../fs/scenarios.js';
import { b, get, list, put, World } from '../fs/world.js';

/** XCACHE_FAULTS=all tries each call as the last good one, and other words for the failure. */
const isThorough = process.env['XCACHE_FAULTS'] === 'all';
const codes = isThorough ? ['EIO', 'ENOSPC', 'EROFS'] : ['EIO'];
const errnos: Readonly<Record<string, number>> = { EIO: 5, ENOSPC: 28, EROFS: 30 };

// A thousand views, each of which would wait for the disk.
beforeAll(() => {
  if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');
});
afterAll(() => void vi.unstubAllEnvs());

const opening = 'opening the file system';

/** What a kill cannot cut short, and a fault can. */
const reading: readonly Scenario[] = [
  { name: 'reading an upper file', act: (world) => void get(world, 'upper/a') },
  { name: 'reading a lower file', act: (world) => void get(world, 'lower/second') },
  { name: 'listing directories', act: listBoth },
  {
    name: 'syncing a file',
    act: (world) => {
      const handle = world.driver.open(b('upper/a'), constants.O_RDWR);
      world.driver.fsync(handle);
      world.driver.close(handle);
    },
  },
  { name: 'creating a file', act: (world) => put(world, 'upper/new', '') },
  {
    name: 'making a symlink',
    act: (world) => {
      world.driver.symlink(Buffer.from('a'), b('upper/link'));
    },
  },
];

/** Of all tests together. */
const counts = { faults: 0, failed: 0 };

describe.each(codes)('%s', (code) => {
  describe.each([
    ['once', false],
    ['from then on', true],
  ])('%s', (_, lasts) => {
    test.each([...scenarios, ...reading])(
      'while $name leaves the state before or after it',
      (scenario) => {
        const before = stateAfter({ ...scenario, act: () => undefined });
        const after = stateAfter(scenario);
        const stride = lasts && !isThorough ? 3 : 1;
        let callNumber = 0;
        while (isStruck(scenario, { callNumber, lasts, code }, before, after)) callNumber += stride;
        expect(callNumber).toBeGreaterThan(0);
        counts.faults += callNumber / stride;
      },
    );
  });
});

test('how many faults there were', () => {
  console.log(`${counts.faults} faults in upper layers, ${counts.failed} failed their operation`);
});

/** False where the operation has fewer calls. */
function isStruck(scenario: Scenario, fault: FaultAt, before: Tree, after: Tree): boolean {
  const { act, stored = [] } = scenario;
  using world = new World();
  prepare(world);
  for (const content of stored) world.store(content);
  let thrown: unknown;
  const struck = failingAt(fault, () => {
    try {
      act(world);
    } catch (error) {
      thrown = error;
    }
  });
  const at = `${struck} (${fault.callNumber}) ${String(thrown)}`;
  if (thrown !== undefined) {
    counts.failed += 1;
    expect(errnoOf(thrown).errno, `${at} ${(thrown as Error).stack}`).toBe(errnos[fault.code]);
  }
  if (scenario.name === opening) world.reopen();
  world.overlay.assertInvariants();
  const allowed = [before, after].map(describeTree);
  // What a dead disk refuses to put back waits for the next mount.
  if (!fault.lasts || thrown === undefined) {
    const seen = describeTree(treeOf(world));
    if (thrown === undefined) expect(seen, at).toEqual(describeTree(after));
    else expect(allowed, at).toContainEqual(seen);
  }
  world.reopen();
  world.overlay.assertInvariants();
  const found = treeOf(world);
  expect(allowed, `${at}, after a remount`).toContainEqual(describeTree(found));
  checkTimes(found, before, after);
  checkStore(world);
  checkLeftovers(world);
  if (!fault.lasts) expectAgain(scenario, world, after, at);
  return struck !== undefined;
}

/** The operation, tried again, ends as it would have, or finds its work done. */
function expectAgain({ act }: Scenario, world: World, after: Tree, at: string): void {
  const isDone = String(describeTree(treeOf(world))) === String(describeTree(after));
  if (!isDone) act(world);
  world.overlay.assertInvariants();
  expect(describeTree(treeOf(world)), `${at}, again`).toEqual(describeTree(after));
}

function listBoth(world: World): void {
  expect(list(world, 'upper')).toEqual(['a', 'b', 'b2']);
  expect(list(world, 'lower')).toHaveLength(6);
}

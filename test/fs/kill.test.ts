/**
 * Crash safety, step by step: every operation is killed at each of its changing system calls, and
 * what the next mount shows must be the state before or after the operation, never a third one.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Killed, killedAt } from './kill-switch.js';
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
} from './scenarios.js';
import { b, put, World } from './world.js';

describe.each(scenarios)('a kill while $name', (scenario) => {
  test('leaves the state before or after it, at every step', () => {
    const before = stateAfter({ ...scenario, act: () => undefined });
    const after = stateAfter(scenario);
    let step = 0;
    while (killedOnce(scenario, step, before, after)) step += 1;
    expect(step).toBeGreaterThan(0);
  });
});

function killedOnce(scenario: Scenario, step: number, before: Tree, after: Tree): boolean {
  const { act, stored = [] } = scenario;
  using world = new World();
  prepare(world);
  for (const content of stored) world.store(content);
  const wasKilled = killedAt(step, () => act(world));
  world.reopen();
  world.overlay.assertInvariants();
  const found = treeOf(world);
  expect([describeTree(before), describeTree(after)], `step ${step}`).toContainEqual(
    describeTree(found),
  );
  checkTimes(found, before, after);
  checkStore(world);
  checkLeftovers(world);
  world.driver.unlink(b(found.has('upper/b') ? 'upper/b' : 'upper/b2'));
  world.reopen();
  world.overlay.assertInvariants();
  return wasKilled;
}

test('the kill switch really stops everything', () => {
  using world = new World();
  const path = join(world.directory, 'file');
  expect(() => writeFileSync(path, 'x')).not.toThrow(Killed);
  const wasKilled = killedAt(0, () => {
    put(world, 'x', 'content');
  });
  expect(wasKilled).toBe(true);
  expect(readdirSync(world.upperDirectory)).toEqual([]);
});

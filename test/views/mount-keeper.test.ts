import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '../../src/base/log.js';
import { MountKeeper } from '../../src/views/user-mount/mount-keeper.js';
import { createDeferred } from '../support/deferred.js';

let restores: number;
let looks: number;
let isPossible: boolean;
let keeper: MountKeeper;

beforeEach(() => {
  vi.useFakeTimers();
  [restores, looks, isPossible] = [0, 0, true];
  keeper = new MountKeeper({
    restore: () => {
      restores += 1;
      if (!isPossible) return Promise.reject(new Error('not now'));
      keeper.mounted();
      return Promise.resolve();
    },
    look: () => (looks += 1),
    log: createLogger({ level: 'silent' }),
  });
});

afterEach(() => {
  keeper.stop();
  vi.useRealTimers();
});

async function pass(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * 1000);
}

test('a mount that was lost is restored at once, and looked at again', async () => {
  keeper.mounted();
  await pass(11);
  expect(looks).toBe(2);
  keeper.lost('a reason');
  await pass(0.2);
  expect({ restores, loss: keeper.loss }).toMatchObject({
    restores: 1,
    loss: { count: 1, reason: 'a reason' },
  });
  await pass(5);
  expect(looks).toBe(3);
});

test('what fails is tried less and less often, but at least once a minute', async () => {
  keeper.mounted();
  isPossible = false;
  keeper.lost('a reason');
  const counts: number[] = [];
  for (const seconds of [0.2, 1, 5, 15, 60, 60, 600]) {
    await pass(seconds);
    counts.push(restores);
  }
  expect(counts).toEqual([1, 2, 3, 4, 5, 6, 16]);
  isPossible = true;
  await pass(60);
  expect(restores).toBe(17);
  await pass(600);
  expect(restores).toBe(17);
});

test('a mount that is lost as soon as it is back is not restored all the time', async () => {
  keeper.mounted();
  let losses = 0;
  for (let second = 0; second < 1_000; second += 1) {
    if (restores === losses) {
      keeper.lost('again');
      losses += 1;
    }
    await pass(1);
  }
  expect({ isBounded: restores < 25, count: keeper.loss?.count }).toEqual({
    isBounded: true,
    count: losses,
  });
});

test('a mount that stood for a while is restored at once again', async () => {
  keeper.mounted();
  for (let count = 1; count <= 20; count += 1) {
    keeper.lost('a reason');
    await pass(0.2);
    expect(restores).toBe(count);
    await pass(61);
  }
});

test('nothing is restored after a stop', async () => {
  keeper.mounted();
  keeper.lost('a reason');
  keeper.stop();
  isPossible = false;
  await pass(600);
  expect({ restores, looks }).toEqual({ restores: 0, looks: 0 });
});

test('a stop during a failing attempt is the last of it', async () => {
  const never = createDeferred<undefined>();
  let attempts = 0;
  const slow = new MountKeeper({
    restore: async () => {
      attempts += 1;
      await never.promise;
    },
    look: () => undefined,
    log: createLogger({ level: 'silent' }),
  });
  slow.lost('a reason');
  await pass(1);
  slow.stop();
  never.reject(new Error('too late'));
  await pass(600);
  expect(attempts).toBe(1);
});

/** The store on a disk that fails: at each single call, and from each call on for good. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { executeGc, loadGcSnapshot } from '../../src/store/gc.js';
import { planGc } from '../../src/store/gc-plan.js';
import { hashBytes } from '../../src/store/digest.js';
import type { Store } from '../../src/store/store.js';
import { verifyStore } from '../../src/store/verify.js';
import { createStoreWorld, storeUnit, type StoreWorld } from '../store/store-world.js';
import { failingCalls } from './failing-calls.js';

/** Every call and every code with XCACHE_FAULTS=all: then it takes minutes. */
const isThorough = process.env['XCACHE_FAULTS'] === 'all';
const codes = isThorough ? ['EIO', 'ENOSPC', 'EMFILE', 'EROFS'] : ['EIO', 'ENOSPC'];
/** Calls from one fault to the next. */
const stride = isThorough ? 1 : 6;

// Hundreds of stores, each of which would wait for the disk.
beforeAll(() => {
  if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');
});
afterAll(() => void vi.unstubAllEnvs());

/** An hour later nothing that is in progress can own them. */
const laterMs = 2 * 3_600_000;

/** What is not wrong: bytes that nothing names, left by work that was called off. */
const leftovers = new Set([
  'blob-orphan',
  'manifest-orphan',
  'manifest-not-indexed',
  'staging-leftover',
]);

/** Every unit that the store offers has the bytes that its digests promise. */
function expectRightBytes(store: Store, keys: readonly string[]): void {
  for (const key of keys) {
    for (const digest of store.candidates(key)) {
      for (const entry of store.manifest(digest)?.entries ?? []) {
        if (entry.kind !== 'file' || !store.hasBlobSync(entry.blob, entry.sizeBytes)) continue;
        expect(hashBytes(readFileSync(store.blobPath(entry.blob)))).toBe(entry.blob);
      }
    }
  }
}

/** Only leftovers, and after a repair nothing at all, also in a store that was opened anew. */
async function expectSound(world: StoreWorld, keys: readonly string[]): Promise<void> {
  expectRightBytes(world.store, keys);
  world.nowMs += laterMs;
  const found = await verifyStore(world.store, { repair: false });
  expect(found.problems.filter(({ kind }) => !leftovers.has(kind))).toEqual([]);
  await verifyStore(world.store, { repair: true });
  await world.reopen();
  expect((await verifyStore(world.store, { repair: false })).problems).toEqual([]);
  expectRightBytes(world.store, keys);
}

type Act = (store: Store) => Promise<unknown>;

/**
 * Runs `act` on a store with one unit again and again, with a fault one call later each time until
 * none is left; afterwards, without faults, it must succeed. Returns the number of faults.
 */
async function faultAtEachCall(code: string, lasts: boolean, act: Act): Promise<number> {
  for (let at = 0; ; at += stride) {
    await using world = await createStoreWorld();
    await storeUnit(world.store, ['shared', 'first'], { lookupKey: 'first' });
    const faults = await failingCalls(
      code,
      (number) => (lasts ? number >= at : number === at),
      async () => {
        // It may fail, and it may do without the call that failed; then it was not needed.
        await act(world.store).catch((error: unknown) => expect(error).toBeInstanceOf(Error));
      },
    );
    await act(world.store);
    await expectSound(world, ['first', 'second']);
    if (!faults.hasStruck) return at;
  }
}

const removeAll: Act = async (store) => {
  const snapshot = await loadGcSnapshot(store);
  return await executeGc(store, planGc(snapshot, { nowMs: 0, maxSizeBytes: 0 }));
};

describe.each(codes)('a store whose disk answers %s', (code) => {
  it.each([
    ['once', false],
    ['from then on', true],
  ])('%s stores nothing by halves, and all of it afterwards', async (_, lasts) => {
    const count = await faultAtEachCall(code, lasts, async (store) => {
      await storeUnit(store, ['shared', 'second'], { lookupKey: 'second' });
      expect(store.candidates('first')).toHaveLength(1);
    });
    expect(count).toBeGreaterThan(10);
  });

  it.each([
    ['once', false],
    ['from then on', true],
  ])('%s removes nothing by halves', async (_, lasts) => {
    expect(await faultAtEachCall(code, lasts, removeAll)).toBeGreaterThan(3);
  });

  it('once while it is verified loses nothing', async () => {
    const count = await faultAtEachCall(code, false, async (store) => {
      await verifyStore(store, { repair: true });
    });
    expect(count).toBeGreaterThan(5);
  });

  it('once while it is opened is opened the next time, with all it had', async () => {
    for (let at = 0; ; at += stride) {
      await using world = await createStoreWorld();
      const first = await storeUnit(world.store, ['first'], { lookupKey: 'first' });
      const faults = await failingCalls(
        code,
        (number) => number === at,
        async () => {
          await world.reopen().catch((error: unknown) => expect(error).toBeInstanceOf(Error));
        },
      );
      await world.reopen();
      expect(world.store.candidates('first')).toEqual([first]);
      expect(world.store.manifest(first)).toBeDefined();
      await expectSound(world, ['first']);
      if (!faults.hasStruck) break;
    }
  });
});

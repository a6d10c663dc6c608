import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashBytes } from '../../src/store/digest.js';
import { collectOrphans } from '../../src/store/orphans.js';
import { silentLog } from '../../src/store/store-log.js';
import { openStore } from '../../src/store/store.js';
import type { Store } from '../../src/store/store.js';
import { verifyStore } from '../../src/store/verify.js';
import { createTempDirectory } from '../support/tmp.js';
import { isStoreBuilt, runInChild } from './child-store.js';
import { collect, storeUnit } from './store-world.js';

/** What a kill may leave behind: bytes that nothing names, to be collected later. */
const harmless = new Set(['blob-orphan']);

/** Opens the store with a hook that kills the process at the step that \`argument\` counts to. */
const openToBeKilled = `
  let steps = 0;
  const stepHook = () => {
    steps += 1;
    if (steps === Number(argument)) process.kill(process.pid, 'SIGKILL');
  };
  const store = await openStore({ directory, log, stepHook });
`;

const commitTwoUnits = `
  const blob = async (text) => [await store.putBytes(Buffer.from(text)), text.length];
  const unit = (lookupKey, blobs) => ({
    manifest: {
      version: 1,
      lookupKey,
      createdMs: 1,
      facts: null,
      markers: ['marker'],
      entries: blobs.map(([blob, sizeBytes], at) => ({
        kind: 'file', path: 'file-' + at, blob, offset: 0, sizeBytes, mode: 0o644,
      })),
    },
  });
  const shared = await blob('shared');
  await store.commit([unit('b', [shared, await blob('b')]), unit('c', [shared, await blob('c')])]);
`;

const removeEverything = `
  const snapshot = await gc.loadGcSnapshot(store);
  await gc.executeGc(store, gc.planGc(snapshot, { nowMs: 0, maxSizeBytes: 0 }));
`;

/** Runs the script again and again, killed one step later each time, until it comes to its end. */
async function killAtEachStep(
  script: string,
  prepare: (directory: string) => Promise<void>,
  check: (store: Store) => Promise<void>,
): Promise<number> {
  await using root = await createTempDirectory();
  const prepared = join(root.path, 'prepared');
  await prepare(prepared);
  for (let step = 1; ; step += 1) {
    const directory = join(root.path, `killed-${step}`);
    await cp(prepared, directory, { recursive: true, preserveTimestamps: true });
    const { signal } = await runInChild(
      `${openToBeKilled}${script} await store.close();`,
      directory,
      String(step),
    );
    const store = await openStore({ directory, log: silentLog });
    try {
      await expectWhole(store);
      await check(store);
    } finally {
      await store.close();
    }
    await expectNothingLeft(directory);
    await rm(directory, { recursive: true });
    if (signal === null) return step - 1;
  }
}

/** Every unit that is served is whole, and the index agrees with itself. */
async function expectWhole(store: Store): Promise<void> {
  const { problems } = await verifyStore(store, { repair: false });
  expect(problems.filter(({ kind }) => !harmless.has(kind))).toEqual([]);
  for (const { digest } of await collect(store.list())) {
    for (const entry of store.manifest(digest)?.entries ?? []) {
      if (entry.kind !== 'file') continue;
      expect(store.hasBlobSync(entry.blob, entry.offset + entry.sizeBytes)).toBe(true);
    }
  }
}

/** In the next run the leftovers are collected, and then nothing at all is wrong. */
async function expectNothingLeft(directory: string): Promise<void> {
  const clock = (): number => Date.now() + 24 * 3_600_000;
  await using store = await openStore({ directory, log: silentLog, clock });
  await collectOrphans(store);
  expect((await verifyStore(store, { repair: false })).problems).toEqual([]);
}

describe.runIf(isStoreBuilt)('a store whose process is killed', () => {
  it('while units are stored has all of them or none, and what was there before', async () => {
    const kills = await killAtEachStep(
      commitTwoUnits,
      async (directory) => {
        await using store = await openStore({ directory, log: silentLog });
        await storeUnit(store, ['shared', 'a'], { lookupKey: 'a' });
      },
      async (store) => {
        await Promise.resolve();
        expect(store.candidates('a')).toHaveLength(1);
        const [b, c] = [store.candidates('b').length, store.candidates('c').length];
        expect(b).toBe(c);
        expect(store.hasMarker('marker')).toBe(b === 1);
        expect(store.hasBlobSync(hashBytes(Buffer.from('shared')))).toBe(true);
      },
    );
    // Two blobs and two manifests, each written and made visible; the batch, before and after.
    expect(kills).toBe(10);
  });

  it('during clean-up has whole units only', async () => {
    const kills = await killAtEachStep(
      removeEverything,
      async (directory) => {
        await using store = await openStore({ directory, log: silentLog });
        for (let at = 0; at < 20; at += 1) {
          await storeUnit(store, ['shared', `blob ${at}`], { lookupKey: `key ${at}` });
        }
      },
      async (store) => {
        const left = await collect(store.list());
        expect([0, 4, 20]).toContain(left.length);
      },
    );
    // Two groups of units, each with its index batch, manifests and blobs.
    expect(kills).toBe(6);
  });

  it('while the index is rebuilt rebuilds it at the next start', async () => {
    const kills = await killAtEachStep(
      '',
      async (directory) => {
        await using store = await openStore({ directory, log: silentLog });
        await storeUnit(store, ['shared', 'a'], { lookupKey: 'a' });
        await storeUnit(store, ['shared', 'b'], { lookupKey: 'b' });
        await store.close();
        await rm(join(directory, 'v1/index'), { recursive: true });
      },
      async (store) => {
        await Promise.resolve();
        expect(store.stats()).toMatchObject({ units: 2, blobs: 3 });
      },
    );
    expect(kills).toBe(2);
  });

  it('while a bad unit is rejected never serves it again', async () => {
    const reject = `
      const [bad] = store.candidates('a');
      await store.rejectManifest(bad, 'test');
    `;
    const kills = await killAtEachStep(
      reject,
      async (directory) => {
        await using store = await openStore({ directory, log: silentLog });
        await storeUnit(store, ['a'], { lookupKey: 'a' });
      },
      async (store) => {
        await Promise.resolve();
        expect(store.candidates('a')).toEqual([]);
      },
    );
    expect(kills).toBe(1);
  });
});

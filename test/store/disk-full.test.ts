import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/store/store-log.js';
import { openStore } from '../../src/store/store.js';
import { verifyStore } from '../../src/store/verify.js';
import { createTempDirectory } from '../support/tmp.js';
import { storeUnit } from './store-world.js';

/** A small disk of its own, or undefined where this user cannot mount one. */
async function createSmallDisk(
  sizeBytes: number,
): Promise<(AsyncDisposable & { readonly path: string }) | undefined> {
  const root = await createTempDirectory();
  const path = join(root.path, 'disk');
  await mkdir(path);
  const options = `size=${sizeBytes},mode=0700,nosuid,nodev`;
  const mounted = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', options, 'xcache-test', path]);
  if (mounted.status !== 0) {
    await root[Symbol.asyncDispose]();
    return undefined;
  }
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      spawnSync('/bin/umount', [path]);
      await root[Symbol.asyncDispose]();
    },
  };
}

describe.runIf(process.geteuid?.() === 0)('on a full disk', () => {
  it('a commit fails, everything stored stays, and the next commit with room succeeds', async (context) => {
    await using disk = await createSmallDisk(2 << 20);
    if (disk === undefined) return context.skip('no tmpfs can be mounted here');
    const directory = join(disk.path, 'store');
    await using store = await openStore({ directory, log: silentLog });
    const first = await storeUnit(store, ['one'], { lookupKey: 'first' });

    const filler = join(disk.path, 'filler');
    for (let round = 0; round < 3; round += 1) {
      await fill(filler);
      await expect(
        storeUnit(store, [`blob ${round}`], { lookupKey: `key ${round}` }),
      ).rejects.toMatchObject({ code: 'XC_NO_SPACE' });
      expect(store.manifest(first)).toBeDefined();
      expect(store.candidates(`key ${round}`)).toEqual([]);
      await rm(filler);
      await storeUnit(store, [`blob ${round}`], { lookupKey: `key ${round}` });
      expect(store.candidates(`key ${round}`)).toHaveLength(1);
    }
    expect((await verifyStore(store, { repair: false })).problems).toEqual([]);
    await store.close();
    await using again = await openStore({ directory, log: silentLog });
    expect(again.stats().units).toBe(4);
    expect((await verifyStore(again, { repair: false })).problems).toEqual([]);
  });

  it('an index that cannot be written is opened anew, and loses nothing', async (context) => {
    await using disk = await createSmallDisk(4 << 20);
    if (disk === undefined) return context.skip('no tmpfs can be mounted here');
    const directory = join(disk.path, 'store');
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (_fields: object, text: string) => void warnings.push(text) };
    await using store = await openStore({ directory, log });
    await storeUnit(store, ['one'], { lookupKey: 'first' });
    const filler = join(disk.path, 'filler');
    const { db } = store.parts.index;
    const value = Buffer.alloc(300_000, 1);
    for (let round = 0; round < 3; round += 1) {
      await fill(filler);
      // Only the log of the index grows here: the write fails in the middle of a record.
      await expect(db.write([{ type: 'put', key: 'i!large', value }], true)).rejects.toMatchObject({
        code: 'XC_NO_SPACE',
      });
      await rm(filler);
      await storeUnit(store, [`blob ${round}`], { lookupKey: `key ${round}` });
    }
    await store.close();
    await using again = await openStore({ directory, log });
    for (const key of ['first', 'key 0', 'key 1', 'key 2']) {
      expect(again.candidates(key)).toHaveLength(1);
    }
    expect(warnings).toEqual([]);
  });
});

/** Takes all room that is left. */
async function fill(path: string): Promise<void> {
  for (const size of [1 << 20, 1 << 16, 1 << 12]) {
    for (;;) {
      try {
        await writeFile(path, Buffer.alloc(size), { flag: 'a' });
      } catch {
        // A shorter piece may still fit.
        break;
      }
    }
  }
}

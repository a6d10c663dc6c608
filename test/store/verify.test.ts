import {
  chmod,
  link,
  open,
  readdir,
  rename,
  rm,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashBytes } from '../../src/store/digest.js';
import type { Digest } from '../../src/store/manifest.js';
import { encodeRow, rowPrefix, totalsKey } from '../../src/store/rows.js';
import { verifyStore } from '../../src/store/verify.js';
import { createStoreWorld, storeUnit, warningsOf } from './store-world.js';
import type { StoreWorld } from './store-world.js';

const shared = hashBytes(Buffer.from('shared'));

/** Two units over one shared blob, and one that shares nothing. */
async function createFilledWorld(): Promise<
  StoreWorld & { readonly units: readonly [Digest, Digest, Digest] }
> {
  const world = await createStoreWorld();
  const markers = ['marker'];
  const units = [
    await storeUnit(world.store, ['shared', 'one'], { lookupKey: 'one', markers }),
    await storeUnit(world.store, ['shared', 'two'], { lookupKey: 'two', markers }),
    await storeUnit(world.store, ['three'], { lookupKey: 'three' }),
  ] as const;
  return Object.assign(world, { units });
}

async function kindsOf(world: StoreWorld): Promise<string[]> {
  const { problems } = await verifyStore(world.store, { repair: false });
  return [...new Set(problems.map(({ kind }) => kind))].sort();
}

/** Repairs, and expects a second look to find nothing more. */
async function repair(world: StoreWorld): Promise<number> {
  const { repaired, problems } = await verifyStore(world.store, { repair: true });
  expect(problems.length).toBeGreaterThan(0);
  expect((await verifyStore(world.store, { repair: false })).problems).toEqual([]);
  await world.reopen();
  expect((await verifyStore(world.store, { repair: false })).problems).toEqual([]);
  return repaired;
}

async function flipByte(path: string): Promise<void> {
  await chmod(path, 0o600);
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, 1);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await file.write(byte, 0, 1, 1);
  await file.close();
  await chmod(path, 0o444);
}

describe('verify', () => {
  it('finds nothing in a whole store and says what it looked at', async () => {
    await using world = await createFilledWorld();
    const phases = new Set<string>();
    const outcome = await verifyStore(world.store, {
      repair: false,
      onProgress: ({ phase, done, total }) => {
        expect(done).toBeLessThanOrEqual(total);
        phases.add(phase);
      },
    });
    expect(outcome).toEqual({ checkedBlobs: 4, checkedManifests: 3, problems: [], repaired: 0 });
    expect([...phases]).toEqual(['blobs', 'manifests']);
  });

  it('finds a flipped bit in a blob and drops every unit that uses it', async () => {
    await using world = await createFilledWorld();
    await flipByte(world.store.blobPath(shared));
    expect(await kindsOf(world)).toEqual(['blob-damaged']);
    await repair(world);
    const [one, two, three] = world.units;
    expect(world.store.manifest(one)).toBeUndefined();
    expect(world.store.manifest(two)).toBeUndefined();
    expect(world.store.manifest(three)).toBeDefined();
    expect(world.store.hasBlobSync(shared)).toBe(false);
    expect(world.store.hasMarker('marker')).toBe(false);
  });

  it('takes a unit with a damaged blob out of service even without repair', async () => {
    await using world = await createFilledWorld();
    await flipByte(world.store.blobPath(shared));
    await verifyStore(world.store, { repair: false });
    expect(world.store.manifest(world.units[0])).toBeUndefined();
    expect(world.store.candidates('one')).toEqual([]);
  });

  it('finds a blob that was cut off', async () => {
    await using world = await createFilledWorld();
    await truncate(world.store.blobPath(shared), 2);
    expect(await kindsOf(world)).toEqual(['blob-damaged', 'blob-short']);
    await repair(world);
    expect(world.store.stats().units).toBe(1);
  });

  it('finds a blob that is gone', async () => {
    await using world = await createFilledWorld();
    await unlink(world.store.blobPath(shared));
    expect(await kindsOf(world)).toEqual(['blob-missing']);
    await repair(world);
    expect(world.store.stats().units).toBe(1);
  });

  it('finds a manifest file that was changed, and writes it anew from the index', async () => {
    await using world = await createFilledWorld();
    const path = world.store.parts.manifests.pathOf(world.units[0]);
    await flipByte(path);
    expect(await kindsOf(world)).toEqual(['manifest-damaged']);
    await repair(world);
    expect(world.store.stats().units).toBe(3);
  });

  it('finds a manifest file that is gone, and writes it anew from the index', async () => {
    await using world = await createFilledWorld();
    await unlink(world.store.parts.manifests.pathOf(world.units[0]));
    expect(await kindsOf(world)).toEqual(['manifest-file-missing']);
    await repair(world);
    expect(world.store.stats().units).toBe(3);
  });

  it('drops a unit whose manifest is gone from file and index', async () => {
    await using world = await createFilledWorld();
    const [one] = world.units;
    await unlink(world.store.parts.manifests.pathOf(one));
    await deleteRow(world, rowPrefix.manifest + one);
    expect(await kindsOf(world)).toEqual(['index-row-missing', 'manifest-file-missing']);
    await repair(world);
    expect(world.store.stats().units).toBe(2);
  });

  it.each(['manifest', 'unit', 'lookup', 'blob', 'marker'] as const)(
    'finds a lost or damaged %s row and makes it anew',
    async (kind) => {
      await using world = await createFilledWorld();
      const names = { manifest: 0, unit: 0, lookup: 'one', blob: shared, marker: 'marker' };
      const name = names[kind];
      const key = rowPrefix[kind] + (typeof name === 'number' ? world.units[0] : name);
      const before = await statsOf(world);
      await deleteRow(world, key);
      expect(await kindsOf(world)).not.toEqual([]);
      await repair(world);
      await damageRow(world, key);
      expect(await kindsOf(world)).not.toEqual([]);
      await repair(world);
      expect(await statsOf(world)).toEqual(before);
      expect(world.store.candidates('one')).toEqual([world.units[0]]);
      expect(world.store.manifest(world.units[0])).toBeDefined();
    },
  );

  it('finds wrong reference counts and totals', async () => {
    await using world = await createFilledWorld();
    const key = rowPrefix.blob + shared;
    const row = { ...world.store.parts.index.blob(shared)!, references: 7 };
    await putRow(world, key, encodeRow('blob', key, row));
    expect(await kindsOf(world)).toEqual(['index-row-wrong']);
    await repair(world);
    const totals = { ...world.store.parts.index.totals, logicalBytes: 1 };
    await putRow(world, totalsKey, encodeRow('totals', totalsKey, totals));
    expect(await kindsOf(world)).toEqual(['index-row-wrong']);
    await repair(world);
  });

  it('finds damaged rows that only save time and removes them', async () => {
    await using world = await createFilledWorld();
    for (const key of ['u!x', 'v!view', 'i!/src/lib.rs', 't!counters']) await damageRow(world, key);
    expect(await kindsOf(world)).toEqual(['index-row-damaged']);
    expect(await repair(world)).toBe(4);
  });

  it('finds a unit that the index does not have, and takes it in', async () => {
    await using world = await createFilledWorld();
    const { manifests, index } = world.store.parts;
    const path = manifests.pathOf(world.units[0]);
    await rename(path, join(world.directory, 'aside'));
    await index.remove([world.units[0]]);
    await rename(join(world.directory, 'aside'), path);
    expect(await kindsOf(world)).toEqual(['manifest-not-indexed']);
    await repair(world);
    expect(world.store.candidates('one')).toEqual([world.units[0]]);
  });

  it('removes a manifest that a killed removal has left without its blobs', async () => {
    await using world = await createFilledWorld();
    await world.store.parts.index.remove([world.units[2]]);
    await unlink(world.store.blobPath(hashBytes(Buffer.from('three'))));
    expect(await kindsOf(world)).toEqual(['manifest-orphan']);
    await repair(world);
    expect(world.store.stats().units).toBe(2);
  });

  it('reports orphans and leftovers only when no work in progress can own them', async () => {
    await using world = await createFilledWorld();
    await world.store.putBytes(Buffer.from('orphan'));
    await writeFile(join(world.directory, 'v1/staging/leftover'), '');
    expect(await kindsOf(world)).toEqual([]);
    world.nowMs += 2 * 3_600_000;
    expect(await kindsOf(world)).toEqual(['blob-orphan', 'staging-leftover']);
    await repair(world);
  });

  it('puts into quarantine what does not belong into the store', async () => {
    await using world = await createFilledWorld();
    await writeFile(join(world.directory, 'v1/blobs/README'), '');
    await writeFile(join(world.directory, 'v1/manifests', world.units[0].slice(0, 2), 'x'), '');
    expect(await kindsOf(world)).toEqual(['foreign-file']);
    expect(await repair(world)).toBe(2);
    expect(world.store.stats().units).toBe(3);
  });

  it('makes a writable blob read-only, and reports one that has a second name', async () => {
    await using world = await createFilledWorld();
    await chmod(world.store.blobPath(shared), 0o644);
    expect(await kindsOf(world)).toEqual(['blob-writable']);
    await repair(world);
    await link(world.store.blobPath(shared), join(world.directory, 'second'));
    const outcome = await verifyStore(world.store, { repair: true });
    expect(outcome).toMatchObject({ repaired: 0, problems: [{ kind: 'blob-second-name' }] });
  });

  it('reports a blob that a view serves and that is gone', async () => {
    await using world = await createFilledWorld();
    const blob = await world.store.putBytes(Buffer.from('viewed'));
    await world.store.setViewReferences('view', { manifests: [], blobs: [blob] });
    await unlink(world.store.blobPath(blob));
    expect(await kindsOf(world)).toEqual(['view-blob-missing']);
  });

  it('lets units be stored while it runs', async () => {
    await using world = await createFilledWorld();
    const verifying = verifyStore(world.store, { repair: true });
    for (let at = 0; at < 10; at += 1) await storeUnit(world.store, ['shared', `more ${at}`]);
    expect((await verifying).problems).toEqual([]);
    expect(world.store.stats().units).toBe(13);
  });
});

describe('the index', () => {
  it('is rebuilt from the manifests when it is gone', async () => {
    await using world = await createFilledWorld();
    const before = await statsOf(world);
    await world.store.close();
    await rm(join(world.directory, 'v1/index'), { recursive: true });
    await world.reopen();
    expect(await statsOf(world)).toEqual(before);
    expect(world.store.candidates('two')).toEqual([world.units[1]]);
    expect(warningsOf(world)).toContain('the index is rebuilt from the manifests');
    expect((await verifyStore(world.store, { repair: false })).problems).toEqual([]);
  });

  it.each(['CURRENT', 'MANIFEST'])('is rebuilt when its %s is gone or garbage', async (name) => {
    await using world = await createFilledWorld();
    const before = await statsOf(world);
    for (const content of [undefined, 'garbage']) {
      const index = join(world.directory, 'v1/index');
      await world.store.close();
      for (const file of await readdir(index)) {
        if (!file.startsWith(name)) continue;
        if (content === undefined) await rm(join(index, file));
        else await writeFile(join(index, file), content);
      }
      await world.reopen();
      expect(await statsOf(world)).toEqual(before);
      expect((await verifyStore(world.store, { repair: false })).problems).toEqual([]);
    }
  });

  it('is rebuilt when bytes in the middle of its log are damaged', async () => {
    await using world = await createStoreWorld();
    for (let at = 0; at < 60; at += 1) {
      await storeUnit(world.store, [`unit ${at}`], { lookupKey: `key ${at}` });
    }
    world.store.addCounters({ served: 3 });
    const before = await statsOf(world);
    // Not closed cleanly but cut off, so that everything is still in the log.
    await world.store.close();
    const index = join(world.directory, 'v1/index');
    const logs = (await readdir(index)).filter((name) => name.endsWith('.log'));
    const file = await open(join(index, logs.at(-1)!), 'r+');
    const { size } = await file.stat();
    expect(size).toBeGreaterThan(50_000);
    await file.write(Buffer.alloc(64, 0xff), 0, 64, size >> 1);
    await file.close();
    await world.reopen();
    expect(warningsOf(world)).toContain('the index is rebuilt from the manifests');
    expect(await statsOf(world)).toEqual(before);
    for (let at = 0; at < 60; at += 1) expect(world.store.candidates(`key ${at}`)).toHaveLength(1);
    expect((await verifyStore(world.store, { repair: false })).problems).toEqual([]);
  });

  it('leaves out units that are not whole when it is rebuilt', async () => {
    await using world = await createFilledWorld();
    const [one, two, three] = world.units;
    await world.store.close();
    await rm(join(world.directory, 'v1/index'), { recursive: true });
    await flipByte(world.store.parts.manifests.pathOf(one));
    await truncate(world.store.blobPath(hashBytes(Buffer.from('three'))), 0);
    await world.reopen();
    expect(world.store.manifest(one)).toBeUndefined();
    expect(world.store.manifest(two)).toBeDefined();
    expect(world.store.manifest(three)).toBeUndefined();
    expect(world.store.stats().units).toBe(1);
  });

  it('treats a damaged row as a miss and says so once', async () => {
    await using world = await createFilledWorld();
    await damageRow(world, rowPrefix.manifest + world.units[0]);
    await damageRow(world, `${rowPrefix.lookup}two`);
    for (let round = 0; round < 3; round += 1) {
      expect(world.store.manifest(world.units[0])).toBeUndefined();
      expect(world.store.candidates('two')).toEqual([]);
    }
    expect(warningsOf(world)).toEqual([
      'index row is damaged and counts as missing',
      'index row is damaged and counts as missing',
    ]);
  });

  it('is rebuilt before a commit that would count on a damaged row', async () => {
    await using world = await createFilledWorld();
    await damageRow(world, rowPrefix.blob + shared);
    await storeUnit(world.store, ['shared', 'four'], { lookupKey: 'four' });
    expect(world.store.parts.index.blob(shared)?.references).toBe(3);
    expect((await verifyStore(world.store, { repair: false })).problems).toEqual([]);
  });
});

async function statsOf(world: StoreWorld): Promise<object> {
  await world.store.flush();
  return world.store.stats();
}

async function putRow(world: StoreWorld, key: string, value: Buffer): Promise<void> {
  await world.store.parts.index.db.write([{ type: 'put', key, value }], true);
  await world.reopen();
}

async function deleteRow(world: StoreWorld, key: string): Promise<void> {
  await world.store.parts.index.db.write([{ type: 'del', key }], true);
}

async function damageRow(world: StoreWorld, key: string): Promise<void> {
  const value = Buffer.from(world.store.parts.index.db.getSync(key) ?? 'garbage');
  value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
  await world.store.parts.index.db.write([{ type: 'put', key, value }], true);
}

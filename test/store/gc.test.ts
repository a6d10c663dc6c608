import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashBytes } from '../../src/store/digest.js';
import { executeGc, loadGcSnapshot } from '../../src/store/gc.js';
import { planGc, planGcInSlices, type GcUnit } from '../../src/store/gc-plan.js';
import type { Digest } from '../../src/store/manifest.js';
import { collectOrphans, planOrphans } from '../../src/store/orphans.js';
import { Pacer } from '../../src/store/pacer.js';
import { verifyStore } from '../../src/store/verify.js';
import { createStoreWorld, manifestOf, storeUnit } from './store-world.js';

const hourMs = 3_600_000;

function digestOf(text: string): Digest {
  return hashBytes(Buffer.from(text));
}

function unit(name: string, lastUsedMs: number, blobs: string[], isProtected = false): GcUnit {
  return {
    digest: digestOf(name),
    lastUsedMs,
    allocatedBytes: 1,
    blobs: blobs.map(digestOf),
    isProtected,
  };
}

function snapshotOf(units: GcUnit[]) {
  const blobBytes = new Map<Digest, number>();
  for (const { blobs } of units) for (const blob of blobs) blobBytes.set(blob, 10);
  return { units, blobBytes };
}

describe('a plan', () => {
  const units = [unit('c', 30, ['x']), unit('a', 10, ['x', 'y']), unit('b', 20, ['z'])];

  it('removes nothing without a limit', () => {
    expect(planGc(snapshotOf(units), { nowMs: 100 })).toEqual({
      remove: [],
      removedBlobs: 0,
      freedBytes: 0,
      keptBytes: 33,
      age: { units: 0, bytes: 0 },
      size: { units: 0, bytes: 0 },
    });
  });

  it('removes what was not used for longer than the age', () => {
    const plan = planGc(snapshotOf(units), { nowMs: 100, maxAgeMs: 80 });
    expect(plan.remove).toEqual([{ digest: digestOf('a'), reason: 'age' }]);
    // Blob x stays for unit c.
    expect(plan).toMatchObject({ removedBlobs: 1, freedBytes: 11, keptBytes: 22 });
  });

  it('removes the least recently used until the size fits', () => {
    const plan = planGc(snapshotOf(units), { nowMs: 100, maxSizeBytes: 21 });
    expect(plan.remove.map(({ digest }) => digest)).toEqual([digestOf('a'), digestOf('b')]);
    expect(plan).toMatchObject({ removedBlobs: 2, freedBytes: 22, keptBytes: 11 });
  });

  it('goes down to the target once the limit is passed, and not before', () => {
    const limits = { nowMs: 100, targetSizeBytes: 11 };
    expect(planGc(snapshotOf(units), { ...limits, maxSizeBytes: 33 }).remove).toHaveLength(0);
    expect(planGc(snapshotOf(units), { ...limits, maxSizeBytes: 32 }).remove).toHaveLength(2);
  });

  it('is the same in slices, in the order of last use, told apart by its reasons', async () => {
    const many = Array.from({ length: 2_000 }, (_, at) =>
      unit(`unit ${at}`, (at * 7919) % 1999, [`blob ${at % 700}`]),
    );
    const snapshot = snapshotOf(many);
    const limits = { nowMs: 2_000, maxAgeMs: 1_800, maxSizeBytes: 6_000 };
    const plan = await planGcInSlices(snapshot, limits, new Pacer());
    expect(plan).toEqual(planGc(snapshot, limits));
    const lastUses = new Map(many.map(({ digest, lastUsedMs }) => [digest, lastUsedMs]));
    const uses = plan.remove.map(({ digest }) => lastUses.get(digest) ?? -1);
    expect(uses).toEqual(uses.toSorted((one, other) => one - other));
    expect(plan.age.units + plan.size.units).toBe(plan.remove.length);
    expect(plan.age.bytes + plan.size.bytes).toBe(plan.freedBytes);
    expect(plan.remove.filter(({ reason }) => reason === 'age')).toHaveLength(plan.age.units);
  });

  it('never names a protected unit', () => {
    const held = [unit('a', 10, ['x'], true), unit('b', 20, ['y'])];
    const plan = planGc(snapshotOf(held), { nowMs: 100, maxSizeBytes: 0, maxAgeMs: 0 });
    expect(plan.remove).toEqual([{ digest: digestOf('b'), reason: 'age' }]);
    expect(plan.keptBytes).toBe(11);
  });
});

describe('clean-up', () => {
  it('removes units, their files and the blobs that nothing else uses', async () => {
    await using world = await createStoreWorld();
    const { store } = world;
    const old = await storeUnit(store, ['shared', 'old'], { lookupKey: 'old', markers: ['m'] });
    const kept = await storeUnit(store, ['shared', 'new'], { createdMs: world.nowMs });
    const plan = planGc(await loadGcSnapshot(store), { nowMs: world.nowMs, maxAgeMs: hourMs });
    const before = store.stats().physicalBytes;
    const outcome = await executeGc(store, plan);
    expect(outcome).toEqual({
      removedUnits: 1,
      removedBlobs: 1,
      freedBytes: 8192,
      keptBytes: before - 8192,
    });
    expect(outcome.freedBytes).toBe(plan.freedBytes);
    expect(store.manifest(old)).toBeUndefined();
    expect(store.candidates('old')).toEqual([]);
    expect(store.hasMarker('m')).toBe(false);
    expect(store.manifest(kept)).toBeDefined();
    expect(store.hasBlobSync(digestOf('old'))).toBe(false);
    expect(store.hasBlobSync(digestOf('shared'))).toBe(true);
    expect((await verifyStore(store, { repair: false })).problems).toEqual([]);
  });

  it('spares units in recent use', async () => {
    await using world = await createStoreWorld();
    const digest = await storeUnit(world.store, ['one']);
    world.store.recordUse([digest], world.nowMs);
    await world.reopen();
    const limits = { nowMs: world.nowMs, maxAgeMs: hourMs };
    expect(planGc(await loadGcSnapshot(world.store), limits).remove).toEqual([]);
  });

  it('spares what was leased or attached after the plan was made', async () => {
    await using world = await createStoreWorld();
    const { store } = world;
    const leased = await storeUnit(store, ['leased'], { lookupKey: 'leased' });
    const attached = await storeUnit(store, ['attached'], { lookupKey: 'attached' });
    const free = await storeUnit(store, ['free'], { lookupKey: 'free' });
    const plan = planGc(await loadGcSnapshot(store), { nowMs: world.nowMs, maxSizeBytes: 0 });
    expect(plan.remove).toHaveLength(3);
    using lease = store.lease('test', [leased]);
    await store.setViewReferences('view', { manifests: [attached], blobs: [] });
    expect(await executeGc(store, plan)).toMatchObject({ removedUnits: 1 });
    expect(store.manifest(free)).toBeUndefined();
    expect(store.manifest(leased)).toBeDefined();
    expect(store.manifest(attached)).toBeDefined();
    lease[Symbol.dispose]();
    await store.dropView('view');
    expect(await executeGc(store, plan)).toMatchObject({ removedUnits: 2 });
  });

  it('spares leased blobs of units that go', async () => {
    await using world = await createStoreWorld();
    const { store } = world;
    await storeUnit(store, ['one']);
    using lease = store.lease('test', [digestOf('one')]);
    const plan = planGc(await loadGcSnapshot(store), { nowMs: world.nowMs, maxSizeBytes: 0 });
    expect(await executeGc(store, plan)).toMatchObject({ removedUnits: 1, removedBlobs: 0 });
    expect(store.hasBlobSync(digestOf('one'))).toBe(true);
    lease[Symbol.dispose]();
    world.nowMs += 2 * hourMs;
    expect(await collectOrphans(store)).toMatchObject({ blobs: 1 });
  });

  it('spares a blob that was put and waits for its unit', async () => {
    await using world = await createStoreWorld();
    const { store } = world;
    await storeUnit(store, ['one']);
    await store.putBytes(Buffer.from('one'));
    const plan = planGc(await loadGcSnapshot(store), { nowMs: world.nowMs, maxSizeBytes: 0 });
    await executeGc(store, plan);
    const manifest = manifestOf([[digestOf('one'), 3]], { lookupKey: 'again' });
    await store.commit([{ manifest }]);
    expect(store.candidates('again')).toHaveLength(1);
  });

  it('reports its progress and stops when told', async () => {
    await using world = await createStoreWorld();
    const { store } = world;
    for (let at = 0; at < 40; at += 1) await storeUnit(store, [`unit ${at}`]);
    const plan = planGc(await loadGcSnapshot(store), { nowMs: world.nowMs, maxSizeBytes: 0 });
    const seen: number[] = [];
    const abort = new AbortController();
    const onProgress = ({ done }: { done: number }): void => {
      seen.push(done);
      abort.abort();
    };
    await executeGc(store, plan, { onProgress, signal: abort.signal });
    await executeGc(store, plan, { onProgress: ({ done }) => seen.push(done) });
    expect(seen).toEqual([16, 16, 32, 40]);
    expect(store.stats()).toEqual({ units: 0, blobs: 0, physicalBytes: 0, logicalBytes: 0 });
  });

  it('leaves nothing behind that another process could trip over', async () => {
    await using world = await createStoreWorld();
    await storeUnit(world.store, ['one']);
    const plan = planGc(await loadGcSnapshot(world.store), { nowMs: 0, maxSizeBytes: 0 });
    await executeGc(world.store, plan);
    expect(await readdir(join(world.directory, 'v1/staging'))).toEqual([]);
    const shards = await readdir(join(world.directory, 'v1/blobs'), { recursive: true });
    expect(shards.filter((name) => name.includes('/'))).toEqual([]);
  });
});

describe('the collection of orphans', () => {
  it('waits an hour for blobs of this run', async () => {
    await using world = await createStoreWorld();
    const digest = await world.store.putBytes(Buffer.from('orphan'));
    expect(await collectOrphans(world.store)).toMatchObject({ blobs: 0 });
    world.nowMs += hourMs + 1000;
    expect(await planOrphans(world.store)).toEqual({ blobs: 1, freedBytes: 4096 });
    expect(await collectOrphans(world.store)).toEqual({
      blobs: 1,
      manifests: 0,
      freedBytes: 4096,
    });
    expect(world.store.hasBlobSync(digest)).toBe(false);
  });

  it('takes blobs of an earlier run at once, whatever their modification time', async () => {
    await using world = await createStoreWorld();
    const digest = await world.store.putBytes(Buffer.from('orphan'));
    const future = new Date(world.nowMs + 24 * hourMs);
    await utimes(world.store.blobPath(digest), future, future);
    world.nowMs += 10 * 60_000;
    await world.reopen();
    expect(await collectOrphans(world.store)).toMatchObject({ blobs: 1 });
  });

  it('never takes what a unit, a lease or a view needs', async () => {
    await using world = await createStoreWorld();
    const { store } = world;
    await storeUnit(store, ['used']);
    const leased = await store.putBytes(Buffer.from('leased'));
    const viewed = await store.putBytes(Buffer.from('viewed'));
    using _lease = store.lease('test', [leased]);
    await store.setViewReferences('view', { manifests: [], blobs: [viewed] });
    world.nowMs += 24 * hourMs;
    expect(await collectOrphans(store)).toMatchObject({ blobs: 0, manifests: 0 });
    await world.reopen();
    expect(await collectOrphans(world.store)).toMatchObject({ blobs: 1 });
    expect(world.store.hasBlobSync(viewed)).toBe(true);
  });
});

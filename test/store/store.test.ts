import { link, mkdir, open, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashBytes } from '../../src/store/digest.js';
import type { Digest } from '../../src/store/manifest.js';
import { countersKey, decodeRow, frameRow } from '../../src/store/rows.js';
import { collect, createStoreWorld, manifestOf, storeUnit, warningsOf } from './store-world.js';

const absent = 'f'.repeat(64) as Digest;

describe('a stored unit', () => {
  it('is found under its key, newest first, and survives a restart', async () => {
    await using world = await createStoreWorld();
    const first = await storeUnit(world.store, ['one', 'two']);
    const second = await storeUnit(world.store, ['one', 'three'], { createdMs: 2_000 });
    for (const open of [() => world.store, world.reopen]) {
      const store = await open();
      expect(store.candidates('key')).toEqual([second, first]);
      expect(store.manifest(first)?.entries).toHaveLength(2);
      expect(store.manifest(second)?.facts).toEqual({ package: 'demo' });
      expect(store.candidates('another key')).toEqual([]);
      expect(store.manifest(absent)).toBeUndefined();
    }
    expect(warningsOf(world)).toEqual([]);
  });

  it('is stored once however often it is committed', async () => {
    await using world = await createStoreWorld();
    const first = await storeUnit(world.store, ['one']);
    const before = world.store.stats();
    expect(await storeUnit(world.store, ['one'])).toBe(first);
    expect(world.store.stats()).toEqual(before);
    expect(world.store.candidates('key')).toEqual([first]);
  });

  it('keeps every field of its manifest', async () => {
    await using world = await createStoreWorld();
    const blob = await world.store.putBytes(Buffer.from('0123456789'));
    const manifest = manifestOf([], {
      markers: ['package demo'],
      facts: { nested: [1, 'two', null] },
      entries: [
        { kind: 'directory', path: 'build/demo' },
        { kind: 'file', path: 'build/demo/a', blob, offset: 2, sizeBytes: 3, mode: 0o755 },
        {
          kind: 'file',
          path: 'build/demo/\xff',
          blob,
          offset: 0,
          sizeBytes: 10,
          mode: 0o644,
          linkGroup: 1,
        },
        { kind: 'symlink', path: 'build/demo/l', target: 'a' },
      ],
    });
    const [digest] = await world.store.commit([{ manifest }]);
    await world.reopen();
    expect(world.store.manifest(digest!)).toEqual(manifest);
  });

  it('is listed with its size, age and last use', async () => {
    await using world = await createStoreWorld();
    const digest = await storeUnit(world.store, ['one', 'four']);
    world.store.recordUse([digest], 5_000);
    for (const open of [() => world.store, world.reopen]) {
      const store = await open();
      expect(await collect(store.list())).toEqual([
        {
          digest,
          lookupKey: 'key',
          sizeBytes: 7,
          createdMs: 1_000,
          lastUsedMs: 5_000,
          facts: { package: 'demo' },
        },
      ]);
    }
  });

  it('is counted with what it takes and what it stands for', async () => {
    await using world = await createStoreWorld();
    expect(world.store.stats()).toEqual({ units: 0, blobs: 0, physicalBytes: 0, logicalBytes: 0 });
    await storeUnit(world.store, ['shared', 'x']);
    await storeUnit(world.store, ['shared', 'yy'], { lookupKey: 'other' });
    const stats = world.store.stats();
    expect(stats).toMatchObject({ units: 2, blobs: 3, logicalBytes: 15 });
    // Three blobs and two manifests of one block each.
    expect(stats.physicalBytes).toBe(5 * 4096);
    expect((await world.reopen()).stats()).toEqual(stats);
  });

  it('brings its markers', async () => {
    await using world = await createStoreWorld();
    await storeUnit(world.store, ['one'], { markers: ['package/demo', 'package/other'] });
    expect(world.store.hasMarker('package/demo')).toBe(true);
    expect(world.store.hasMarker('package/dem')).toBe(false);
    expect((await world.reopen()).hasMarker('package/other')).toBe(true);
  });

  it('is found by the prefix of its key', async () => {
    await using world = await createStoreWorld();
    for (const lookupKey of ['a/1', 'a/2', 'b/1']) {
      await storeUnit(world.store, [lookupKey], { lookupKey });
    }
    expect(await collect(world.store.keysWithPrefix('a/'))).toEqual(['a/1', 'a/2']);
    expect(await collect(world.store.keysWithPrefix(''))).toHaveLength(3);
  });
});

describe('bytes that are put again', () => {
  it('replace a blob that was damaged and kept its length', async () => {
    await using world = await createStoreWorld();
    const bytes = Buffer.from('0123456789');
    const blob = await world.store.putBytes(bytes);
    const path = world.store.blobPath(blob);
    const puts = [
      async () => await world.store.putBytes(bytes),
      () => world.store.putBytesSync(bytes),
    ];
    for (const put of puts) {
      const { ino } = await stat(path);
      expect(await put()).toBe(blob);
      expect((await stat(path)).ino).toBe(ino);
      await writeFile(path, '0123456780');
      expect(await put()).toBe(blob);
      expect(await readFile(path)).toEqual(bytes);
    }
  });
});

describe('a commit', () => {
  it('refuses a unit with a missing or short blob and stores nothing of the batch', async () => {
    await using world = await createStoreWorld();
    const blob = await world.store.putBytes(Buffer.from('abc'));
    const good = manifestOf([[blob, 3]]);
    for (const bad of [manifestOf([[absent, 0]]), manifestOf([[blob, 4]])]) {
      await expect(
        world.store.commit([{ manifest: good }, { manifest: bad }]),
      ).rejects.toMatchObject({ code: 'XC_NOT_FOUND' });
    }
    expect(world.store.stats().units).toBe(0);
    await world.store.commit([{ manifest: good }]);
    expect(world.store.stats().units).toBe(1);
  });

  it('refuses a blob that can be written through a second name', async () => {
    await using world = await createStoreWorld();
    const blob = await world.store.putBytes(Buffer.from('abc'));
    await link(world.store.blobPath(blob), join(world.directory, 'second'));
    await expect(world.store.commit([{ manifest: manifestOf([[blob, 3]]) }])).rejects.toThrow(
      'second name',
    );
  });

  it('refuses a manifest that breaks a rule', async () => {
    await using world = await createStoreWorld();
    const blob = await world.store.putBytes(Buffer.from('abc'));
    const manifest = manifestOf([[blob, 3]], { lookupKey: '' });
    await expect(world.store.commit([{ manifest }])).rejects.toThrow('lookup key');
  });

  it('takes files that were renamed into place, and makes them read-only', async () => {
    await using world = await createStoreWorld();
    const { store } = world;
    const upper = join(world.directory, 'upper');
    await writeFile(upper, 'built', { mode: 0o755 });
    const [hashed] = await store.hashFiles([{ path: upper, sync: true }]);
    expect(hashed).toEqual({ digest: hashBytes(Buffer.from('built')), sizeBytes: 5 });
    const { digest } = hashed!;
    store.ensureBlobDirectorySync(digest);
    await rename(upper, store.blobPath(digest));
    await store.fsyncBlobDirectories([digest]);
    await store.commit([{ manifest: manifestOf([[digest, 5]]) }]);
    expect((await stat(store.blobPath(digest))).mode & 0o777).toBe(0o444);
  });
});

describe('a blob', () => {
  it('has its digest as its name and cannot be written', async () => {
    await using world = await createStoreWorld();
    const digest = await world.store.putBytes(Buffer.from('abc'));
    expect(world.store.blobPath(digest)).toBe(
      join(world.directory, 'v1/blobs', digest.slice(0, 2), digest.slice(2)),
    );
    expect(await readFile(world.store.blobPath(digest), 'utf8')).toBe('abc');
    expect((await stat(world.store.blobPath(digest))).mode & 0o777).toBe(0o444);
  });

  it('is there only with enough bytes', async () => {
    await using world = await createStoreWorld();
    const digest = await world.store.putBytes(Buffer.from('abc'));
    expect(world.store.hasBlobSync(digest)).toBe(true);
    expect(world.store.hasBlobSync(digest, 3)).toBe(true);
    expect(world.store.hasBlobSync(digest, 4)).toBe(false);
    expect(world.store.hasBlobSync(absent)).toBe(false);
    await mkdir(world.store.blobPath(absent), { recursive: true });
    expect(world.store.hasBlobSync(absent)).toBe(false);
  });

  it('that was cut off is replaced when its bytes come again', async () => {
    await using world = await createStoreWorld();
    const digest = await world.store.putBytes(Buffer.from('abc'));
    await truncate(world.store.blobPath(digest), 1);
    await world.store.putBytes(Buffer.from('abc'));
    expect(await readFile(world.store.blobPath(digest), 'utf8')).toBe('abc');
  });

  it('that is there already is not written again', async () => {
    await using world = await createStoreWorld();
    const digest = await world.store.putBytes(Buffer.from('abc'));
    const { ino } = await stat(world.store.blobPath(digest));
    await world.store.putBytes(Buffer.from('abc'));
    expect((await stat(world.store.blobPath(digest))).ino).toBe(ino);
  });
});

describe('a rejected unit', () => {
  it('is a miss at once, and so is every unit with the same bad blob', async () => {
    await using world = await createStoreWorld();
    const { store } = world;
    const bad = await storeUnit(store, ['shared', 'a'], { lookupKey: 'a' });
    const alsoBad = await storeUnit(store, ['shared', 'b'], { lookupKey: 'b' });
    const good = await storeUnit(store, ['a', 'b'], { lookupKey: 'c' });
    const blob = hashBytes(Buffer.from('shared'));
    await flipByte(store.blobPath(blob));
    const rejecting = store.rejectManifest(bad, 'test');
    expect(store.manifest(bad)).toBeUndefined();
    expect([...(await rejecting)].sort()).toEqual([bad, alsoBad].sort());
    expect(store.candidates('b')).toEqual([]);
    expect(store.manifest(good)).toBeDefined();
    expect(store.hasBlobSync(blob)).toBe(false);
    await world.reopen();
    expect(world.store.candidates('a')).toEqual([]);
    expect(world.store.stats().units).toBe(1);
    expect(warningsOf(world)).toHaveLength(3);
  });

  it('can be stored again when it is whole', async () => {
    await using world = await createStoreWorld();
    const digest = await storeUnit(world.store, ['one']);
    await world.store.rejectManifest(digest, 'test');
    expect(world.store.manifest(digest)).toBeUndefined();
    expect(await storeUnit(world.store, ['one'])).toBe(digest);
    expect(world.store.manifest(digest)).toBeDefined();
  });
});

describe('what is remembered beside units', () => {
  it('holds the digests of source files', async () => {
    await using world = await createStoreWorld();
    const row = {
      sizeBytes: 10,
      mtimeNs: 1_700_000_000_123_456_789n,
      ctimeNs: -1n,
      ino: 2n ** 63n,
      dev: 5n,
      digest: absent,
    };
    world.store.putInputRows([{ path: '/src/lib.rs', ...row }]);
    expect(world.store.inputRow('/src/lib.rs')).toEqual(row);
    await world.reopen();
    expect(world.store.inputRow('/src/lib.rs')).toMatchObject(row);
    expect(world.store.inputRow('/src/other.rs')).toBeUndefined();
  });

  it('sums the counters over restarts', async () => {
    await using world = await createStoreWorld();
    world.store.addCounters({ served: 2, savedMs: 10 });
    await world.reopen();
    world.store.addCounters({ served: 1, missed: 4 });
    await world.reopen();
    expect(world.store.counters()).toEqual({
      served: 3,
      missed: 4,
      missedSharable: 0,
      missedOwn: 0,
      verified: 0,
      differed: 0,
      promoted: 0,
      refused: 0,
      savedMs: 10,
    });
  });

  it('takes back what was counted too early, and never goes below zero', async () => {
    await using world = await createStoreWorld();
    world.store.addCounters({ served: 2, savedMs: 10 });
    world.store.addCounters({ served: -1, savedMs: -4, missed: 1 });
    expect(world.store.counters()).toMatchObject({ served: 1, savedMs: 6, missed: 1 });
    world.store.addCounters({ served: -5, savedMs: Number.NaN, missed: 1e300 });
    await world.reopen();
    expect(world.store.counters()).toMatchObject({
      served: 0,
      savedMs: 6,
      missed: Number.MAX_SAFE_INTEGER,
    });
  });

  it('reads counters of a version that counted less', () => {
    const old = { served: 7, missed: 6, promoted: 5, refused: 4, savedMs: 3 };
    const framed = frameRow(countersKey, Buffer.from(JSON.stringify(old)));
    const row = decodeRow('counters', countersKey, framed);
    expect(row).toEqual({ ...old, missedSharable: 0, missedOwn: 0, verified: 0, differed: 0 });
  });

  it('keeps the references of views', async () => {
    await using world = await createStoreWorld();
    const digest = await storeUnit(world.store, ['one']);
    await world.store.setViewReferences('view', { manifests: [digest], blobs: [] });
    await world.reopen();
    expect(world.store.views()).toEqual(['view']);
    expect(world.store.attachedViews(new Map()).get(digest)).toBe(1);
    const attached = (...views: readonly string[]): number | undefined =>
      world.store.attachedViews(new Map(views.map((view) => [view, [digest]]))).get(digest);
    expect(attached('view')).toBe(1);
    expect(attached('view', 'other')).toBe(2);
    expect(world.store.attachedViews(new Map([['view', []]])).get(digest)).toBeUndefined();
    await world.store.dropView('view');
    await world.reopen();
    expect(world.store.views()).toEqual([]);
  });
});

async function flipByte(path: string): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, 0);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await file.write(byte, 0, 1, 0);
  await file.close();
}

/** The files of LevelDB, truncated or overwritten at random: what the store makes of the rest. */
import {
  closeSync,
  cpSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Digest, Manifest } from '../../src/store/manifest.js';
import { silentLog } from '../../src/store/store-log.js';
import { loadGcSnapshot } from '../../src/store/gc.js';
import { openStore, type Store } from '../../src/store/store.js';
import { verifyStore } from '../../src/store/verify.js';
import { createStoreWorld, storeUnit } from '../store/store-world.js';
import { createTempDirectory } from '../support/tmp.js';

const runs = Number(process.env['XCACHE_FAULT_RUNS'] ?? '8');
const unitsMax = 40;

/** What is done to one file of the index. */
interface Damage {
  readonly file: number;
  readonly kind: 'truncate' | 'overwrite' | 'zero' | 'empty' | 'append';
  readonly place: number;
  readonly bytes: Uint8Array;
}

const damages: fc.Arbitrary<Damage> = fc.record({
  file: fc.nat(20),
  kind: fc.constantFrom('truncate', 'overwrite', 'zero', 'empty', 'append'),
  place: fc.double({ min: 0, max: 1, noNaN: true }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 600 }),
});

/** Returns the name of the file. */
function damage(index: string, { file, kind, place, bytes }: Damage): string {
  // The lock is not a file of the database: it is empty.
  const names = readdirSync(index).filter((name) => name !== 'LOCK');
  const name = names[file % names.length] ?? '';
  const path = join(index, name);
  const content = readFileSync(path);
  const at = Math.floor(place * content.length);
  const end = Math.min(at + bytes.length, content.length);
  if (kind === 'truncate') truncateSync(path, at);
  else if (kind === 'empty') truncateSync(path, 0);
  else if (kind === 'append') writeFileSync(path, bytes, { flag: 'a' });
  else {
    if (kind === 'zero') content.fill(0, at, end);
    else content.set(bytes.subarray(0, end - at), at);
    writeFileSync(path, content);
  }
  return name;
}

/** A store whose index has tables as well as a log, and what it holds. */
async function fill(directory: string): Promise<ReadonlyMap<Digest, Manifest>> {
  await using world = await createStoreWorld();
  const held = new Map<Digest, Manifest>();
  for (let at = 0; at < unitsMax; at += 1) {
    const digest = await storeUnit(world.store, ['shared', `unit ${at}`], {
      lookupKey: `key ${at % 25}`,
      createdMs: at,
      markers: [`marker ${at % 3}`],
    });
    held.set(digest, world.store.manifest(digest)!);
    // Opening writes what the log holds into a table.
    if (at === 15 || at === 30) await world.reopen();
  }
  await world.store.close();
  cpSync(world.directory, directory, { recursive: true, preserveTimestamps: true });
  return held;
}

it('a damaged index gives right answers or none, is repaired, and is whole again', async () => {
  await using root = await createTempDirectory();
  const original = join(root.path, 'original');
  const held = await fill(original);
  let count = 0;
  let shortened = 0;
  const property = fc.asyncProperty(
    fc.array(damages, { minLength: 1, maxLength: 3 }),
    async (all) => {
      const directory = join(root.path, `damaged-${(count += 1)}`);
      cpSync(original, directory, { recursive: true, preserveTimestamps: true });
      const files = all.map((each) => damage(join(directory, 'v1/index'), each));
      await using store = await openStore({ directory, log: silentLog });
      for (let at = 0; at < 25; at += 1) {
        for (const digest of store.candidates(`key ${at}`)) {
          const manifest = store.manifest(digest);
          if (manifest === undefined) continue;
          expect(manifest).toEqual(held.get(digest));
          expect(manifest.lookupKey).toBe(`key ${at}`);
        }
      }
      // A store that is damaged goes on working.
      await storeUnit(store, ['shared', 'another'], { lookupKey: 'another' });
      await verifyStore(store, { repair: true });
      expect((await verifyStore(store, { repair: false })).problems).toEqual([]);
      const left = [...held].filter(([digest]) => store.manifest(digest) !== undefined);
      for (const [digest, manifest] of left) expect(store.manifest(digest)).toEqual(manifest);
      expect(store.stats().units).toBe(left.length + 1);
      // A log without its last batches is that of an earlier moment, and as good as any.
      if (!files.some((name) => name.endsWith('.log'))) expect(left).toHaveLength(unitsMax);
      if (left.length < unitsMax) shortened += 1;
      await store.close();
      await using again = await openStore({ directory, log: silentLog });
      expect(again.stats().units).toBe(left.length + 1);
      expect((await verifyStore(again, { repair: false })).problems).toEqual([]);
    },
  );
  const seed = Number(process.env['XCACHE_FUZZ_SEED'] ?? Date.now() & 0x7fffffff);
  await fc.assert(property, { numRuns: runs, seed, endOnFailure: true });
  console.log(`index damage: ${count} stores, ${shortened} went back in time, seed ${seed}`);
}, 1_800_000);

/** Overwrites every table in place: LevelDB has mapped it, so a shorter one would be fatal. */
function spoilTables(index: string): void {
  for (const name of readdirSync(index).filter((each) => each.endsWith('.ldb'))) {
    const path = join(index, name);
    const fd = openSync(path, 'r+');
    const { size } = fstatSync(fd);
    writeSync(fd, Buffer.alloc(size - 60, 0xff), 0, size - 60, 0);
    closeSync(fd);
  }
}

const acts: readonly (readonly [string, (store: Store) => Promise<unknown>])[] = [
  ['units are stored', async (store) => await storeUnit(store, ['shared', 'more'])],
  ['it is collected', async (store) => await loadGcSnapshot(store)],
  ['it is verified', async (store) => await verifyStore(store, { repair: true })],
];

it.each(acts)(
  'tables that are damaged while the store is open are replaced when %s',
  async (_, act) => {
    await using root = await createTempDirectory();
    const directory = join(root.path, 'store');
    const held = await fill(directory);
    await using store = await openStore({ directory, log: silentLog });
    await store.setViewReferences('view', { manifests: [...held.keys()], blobs: [] });
    spoilTables(join(directory, 'v1/index'));
    expect((await verifyStore(store, { repair: false })).problems).toEqual([
      expect.objectContaining({ kind: 'index-row-damaged', subject: 'index' }),
    ]);
    await act(store);
    await verifyStore(store, { repair: true });
    expect((await verifyStore(store, { repair: false })).problems).toEqual([]);
    for (const [digest, manifest] of held) expect(store.manifest(digest)).toEqual(manifest);
    await store.close();
    await using again = await openStore({ directory, log: silentLog });
    expect(new Set(again.viewManifests('view'))).toEqual(new Set(held.keys()));
  },
);

it('an index whose CURRENT names nothing is rebuilt', async () => {
  await using root = await createTempDirectory();
  const directory = join(root.path, 'store');
  const held = await fill(directory);
  writeFileSync(join(directory, 'v1/index/CURRENT'), Buffer.alloc(16));
  await using store = await openStore({ directory, log: silentLog });
  expect(store.stats().units).toBe(held.size);
});

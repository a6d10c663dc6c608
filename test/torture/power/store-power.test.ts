/**
 * Power cuts during the work of a store: its operations are recorded once, then the disk is put
 * into states that a cut at any of them may have left. XCACHE_TORTURE_CUTS says how many.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hashBytes } from '../../../src/store/digest.js';
import { silentLog } from '../../../src/store/store-log.js';
import { openStore } from '../../../src/store/store.js';
import type { Store } from '../../../src/store/store.js';
import { verifyStore } from '../../../src/store/verify.js';
import { isStoreBuilt, runInChild } from '../../store/child-store.js';
import { collect } from '../../store/store-world.js';
import { createTempDirectory } from '../../support/tmp.js';
import { randomOf } from '../random.js';
import { writeState, type Ordering } from './disk-history.js';
import { loadTrace, tracing, whyNoTrace, type Mark, type Trace } from './trace.js';

const cuts = Number(process.env['XCACHE_TORTURE_CUTS'] ?? 25);
const seed = Number(process.env['XCACHE_TORTURE_SEED'] ?? Date.now() % 1_000_000);
const reason = isStoreBuilt ? whyNoTrace() : 'the program is not built';
const title = `a store whose machine loses power (seed ${seed})`;

/**
 * Units one by one and several at once, with shared blobs, put and renamed in as promotion does it;
 * views, clean-up, a rejection, another opening. Marks tell what has been promised when.
 */
const work = `
  const fs = await import('node:fs');
  const { dirname, join } = await import('node:path');
  const mark = (word) => { try { fs.unlinkSync('/mark/' + word); } catch {} };
  const views = join(directory, '../views');
  fs.mkdirSync(views);
  let count = 0;
  const unitOf = (lookupKey, blobs) => ({ manifest: {
    version: 1, lookupKey, createdMs: count += 1, facts: null, markers: ['marker ' + count % 3],
    entries: blobs.map(([blob, sizeBytes], at) => ({
      kind: 'file', path: 'file-' + at, blob, offset: 0, sizeBytes, mode: 0o644,
    })),
  } });
  const put = async (store, text) => [await store.putBytes(Buffer.from(text)), text.length];
  const moveIn = async (store, text) => {
    const path = join(views, 'file');
    fs.writeFileSync(path, text);
    const [{ digest }] = await store.hashFiles([{ path, sync: true }]);
    const target = store.blobPath(digest);
    fs.mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    fs.renameSync(path, target);
    return [digest, text.length];
  };
  const commit = async (store, units) => {
    for (const digest of await store.commit(units)) mark('stored-' + digest);
  };
  const fill = async (store, from, to) => {
    for (let at = from; at < to; at += 1) {
      const own = 'own ' + at + 'x'.repeat(at * 50);
      const blob = at % 2 === 0 ? await put(store, own) : await moveIn(store, own);
      await commit(store, [unitOf('key ' + at, [await put(store, 'shared ' + at % 3), blob])]);
    }
    const several = [];
    for (let at = 0; at < 4; at += 1) {
      several.push(unitOf('several ' + from, [await put(store, 'one of several ' + from + at)]));
    }
    await commit(store, several);
  };
  let store = await openStore({ directory, log });
  await fill(store, 0, 8);
  const [kept] = store.candidates('key 1');
  await store.setViewReferences('view', { manifests: [kept], blobs: [] });
  mark('kept-' + kept);
  store.recordUse(store.candidates('key 2'), 5);
  await store.close();
  store = await openStore({ directory, log });
  await fill(store, 8, 14);
  const [bad] = store.candidates('key 4');
  mark('unwanted-' + bad);
  await store.rejectManifest(bad, 'test');
  mark('rejected-' + bad);
  mark('collecting-');
  const snapshot = await gc.loadGcSnapshot(store);
  await gc.executeGc(store, gc.planGc(snapshot, { nowMs: 0, maxSizeBytes: 0 }));
  await fill(store, 14, 18);
  await store.close();
`;

/** What is wrong with the store in this state; nothing wrong is repaired. */
async function wrongIn(store: Store, marks: readonly Mark[]): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const { digest } of await collect(store.list())) {
    for (const entry of store.manifest(digest)?.entries ?? []) {
      if (entry.kind !== 'file') continue;
      const bytes = await readFile(store.blobPath(entry.blob)).catch(() => undefined);
      if (bytes === undefined) wrong.push(`unit ${digest} is served without ${entry.blob}`);
      else if (hashBytes(bytes) !== entry.blob) wrong.push(`wrong bytes in ${entry.blob}`);
    }
  }
  for (const digest of promised(marks)) {
    if (store.manifest(digest as never) === undefined) wrong.push(`unit ${digest} was promised`);
  }
  for (const { word } of marks) {
    const rejected = /^rejected-(.*)$/.exec(word)?.[1];
    if (rejected !== undefined && store.manifest(rejected as never) !== undefined) {
      wrong.push(`unit ${rejected} was rejected and is back`);
    }
  }
  const { problems } = await verifyStore(store, { repair: false });
  for (const { kind, subject, message } of problems) {
    if (kind !== 'blob-orphan') wrong.push(`verify: ${kind} ${subject}: ${message}`);
  }
  return wrong;
}

/** Units whose commit had returned, less those that may have been removed since. */
function promised(marks: readonly Mark[]): ReadonlySet<string> {
  const units = new Set<string>();
  let kept = '';
  for (const { word } of marks) {
    const [verb = '', digest = ''] = word.split('-');
    if (verb === 'stored') units.add(digest);
    if (verb === 'kept') kept = digest;
    if (verb === 'unwanted') units.delete(digest);
    if (verb !== 'collecting') continue;
    units.clear();
    units.add(kept);
  }
  return units;
}

async function record(directory: string): Promise<Trace> {
  const file = join(directory, 'trace');
  const root = join(directory, 'recorded');
  await mkdir(root);
  await runInChild(work, join(root, 'store'), '', tracing(file));
  const trace = await loadTrace(file, root);
  await rm(file);
  return trace;
}

describe.skipIf(reason !== undefined)(reason === undefined ? title : `${title} (${reason})`, () => {
  test('serves nothing wrong and keeps what was promised, wherever the cut comes', async () => {
    await using temporary = await createTempDirectory();
    const { history, marks } = await record(temporary.path);
    const recorded = join(temporary.path, 'recorded');
    await expectComplete(history.finalState(), recorded);
    const found: string[] = [];
    for (let number = 1; number <= cuts; number += 1) {
      const random = randomOf(seed * 100_003 + number);
      const ordering: Ordering = number % 2 === 0 ? 'any' : 'ordered';
      const cut = 1 + random.below(history.length);
      const root = join(temporary.path, 'state');
      await mkdir(join(root, 'store'), { recursive: true, mode: 0o700 });
      writeState(history.stateAt(cut, ordering, random), recorded, root);
      const store = await openStore({ directory: join(root, 'store'), log: silentLog });
      const before = marks.filter(({ at }) => at <= cut);
      for (const what of await wrongIn(store, before)) {
        found.push(`cut ${number} (${ordering}, operation ${cut} of ${history.length}): ${what}`);
      }
      await store.close();
      await rm(root, { recursive: true });
    }
    console.log(`power: ${cuts} cuts of ${history.length} operations, ${found.length} violations`);
    expect(found).toEqual([]);
  }, 3_600_000);
});

/** The recording tells the whole truth: replayed, it gives the very files that are there. */
async function expectComplete(
  state: ReadonlyMap<string, Buffer | undefined>,
  root: string,
): Promise<void> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true });
  const real = new Map<string, Buffer | undefined>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    real.set(relative(root, path), entry.isFile() ? await readFile(path) : undefined);
  }
  const told = [...state].map(([path, bytes]) => [relative(root, path), bytes] as const);
  expect(new Map(told)).toEqual(real);
}

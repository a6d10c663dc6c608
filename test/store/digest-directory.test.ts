import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DigestDirectory } from '../../src/store/digest-directory.js';
import type { Digest } from '../../src/store/manifest.js';
import { failingCalls } from '../faults/failing-calls.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

const digest = 'ab'.repeat(32) as Digest;
let temporary: TempDirectory;
let directory: DigestDirectory;

beforeEach(async () => {
  temporary = await createTempDirectory();
  const root = join(temporary.path, 'blobs');
  const staging = join(temporary.path, 'staging');
  mkdirSync(root);
  mkdirSync(staging);
  directory = new DigestDirectory(root, staging, () => undefined);
});

afterEach(async () => {
  await temporary[Symbol.asyncDispose]();
});

/** How many calls of the disk a sync of no shard makes: none, unless the root is due. */
async function callsOfSync(): Promise<number> {
  const { calls } = await failingCalls(
    'EIO',
    () => false,
    async () => {
      await directory.syncShards([]);
    },
  );
  return calls;
}

test('a sync of the root that failed is made up for by the next one', async () => {
  directory.ensureShardSync(digest);
  await failingCalls(
    'EIO',
    () => true,
    async () => {
      await expect(directory.syncShards([])).rejects.toMatchObject({ code: 'EIO' });
    },
  );
  expect(await callsOfSync()).toBe(2);
  expect(await callsOfSync()).toBe(0);
});

test('a put beside another one is not done before the root is durable', async () => {
  directory.ensureShardSync(digest);
  await failingCalls(
    'EIO',
    () => true,
    async () => {
      const both = await Promise.allSettled([directory.syncShards([]), directory.syncShards([])]);
      expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    },
  );
});

test('a shard that an earlier process left is made durable, too', async () => {
  mkdirSync(join(directory.root, digest.slice(0, 2)));
  directory.ensureShardSync(digest);
  expect(await callsOfSync()).toBe(2);
});

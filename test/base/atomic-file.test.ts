import { closeSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDirectory, replaceFileSync, saveFile } from '../../src/base/atomic-file.js';
import { failingCalls } from '../faults/failing-calls.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

let directory: TempDirectory;
let path = '';

beforeEach(async () => {
  directory = await createTempDirectory();
  path = join(directory.path, 'file');
});

afterEach(async () => {
  await directory[Symbol.asyncDispose]();
});

test('a file is replaced as a whole, with the mode that was asked for', async () => {
  await saveFile(path, 'old');
  await saveFile(path, 'new', 0o644);
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(readdirSync(directory.path)).toEqual(['file']);
});

test('whichever call fails, the old file or the new one is there and the caller hears of it', async () => {
  await saveFile(path, 'old');
  let isOver = false;
  for (let failing = 0; !isOver; failing += 1) {
    const { hasStruck } = await failingCalls(
      'EIO',
      (number) => number === failing,
      async () => {
        await saveFile(path, 'new').catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'EIO' });
        });
      },
    );
    expect(['old', 'new']).toContain(readFileSync(path, 'utf8'));
    isOver = !hasStruck;
  }
  expect(readFileSync(path, 'utf8')).toBe('new');
});

test('a save is not done before the directory is durable', async () => {
  let syncs = 0;
  const count = async (failing: number): Promise<boolean> => {
    let isRejected = false;
    await failingCalls(
      'EIO',
      (number) => number === failing,
      async () => {
        await saveFile(path, 'text').catch(() => {
          isRejected = true;
        });
      },
    );
    return isRejected;
  };
  // The last calls that may fail come after the rename: they are those on the directory.
  for (let failing = 0; await count(failing); failing += 1) syncs = failing + 1;
  // open, writeFile, sync, rename; open and sync of the directory
  expect(syncs).toBe(6);
});

test('saves of one file at the same time do not mix, and the last one counts', async () => {
  const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(1000 * (20 - index)));
  await Promise.all(texts.map(async (text) => await saveFile(path, text)));
  expect(readFileSync(path, 'utf8')).toBe(texts.at(-1));
});

test('a descriptor of the replaced file leads to the new one', () => {
  const fd = replaceFileSync(path, Buffer.from('bytes'));
  try {
    expect(readFileSync(path, 'utf8')).toBe('bytes');
    expect(readFileSync(fd, 'utf8')).toBe('bytes');
  } finally {
    closeSync(fd);
  }
});

test('a directory is not made before all of its new names are durable', async () => {
  const made = join(directory.path, 'a', 'b');
  let failed = 0;
  const { calls } = await failingCalls(
    'EIO',
    // After the mkdir: the directories above each of the two.
    (number) => number === 3,
    async () => {
      await makeDirectory(made, 0o700).catch(() => (failed += 1));
    },
  );
  expect({ calls, failed }).toEqual({ calls: 4, failed: 1 });
});

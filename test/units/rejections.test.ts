import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openRejections } from '../../src/units/rejections.js';
import type { UnitFacts } from '../../src/units/unit-facts.js';
import { createTempDirectory } from '../support/tmp.js';

const unit = (identity: string, outputs: string): UnitFacts =>
  ({
    identity,
    outputs,
    package: 'demo',
    packageVersion: '1.0.0',
    kind: 'lib',
    profilePath: 'debug',
    unitHash: '0'.repeat(16),
  }) as UnitFacts;

const why = { rejectedMs: 1, by: 'user' } as const;

test('what was rejected is known after a restart, and not any more after it was taken back', async () => {
  await using directory = await createTempDirectory();
  const path = join(directory.path, 'rejected.json');
  const first = await openRejections(path);
  await Promise.all([first.add([unit('a', '1')], why), first.add([unit('b', '1')], why)]);
  const second = await openRejections(path);
  expect(['a', 'b', 'c'].map((identity) => second.has(unit(identity, '1')))).toEqual([
    true,
    true,
    false,
  ]);
  // The same way to make it, and something else that came of it.
  expect(second.has(unit('a', '2'))).toBe(false);
  expect(await second.remove(({ identity }) => identity === 'a')).toHaveLength(1);
  const third = await openRejections(path);
  expect([third.has(unit('a', '1')), third.has(unit('b', '1'))]).toEqual([false, true]);
});

test('a list that cannot be understood keeps the store closed, and is left as it is', async () => {
  await using directory = await createTempDirectory();
  const path = join(directory.path, 'rejected.json');
  for (const text of ['', '{', '{"version":2,"units":[]}', '{"version":1,"units":[{}]}']) {
    await writeFile(path, text);
    await expect(openRejections(path)).rejects.toMatchObject({ code: 'XC_STORE_CORRUPT' });
    expect(await readFile(path, 'utf8')).toBe(text);
  }
});

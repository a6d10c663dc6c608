import { readdirSync, readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadBackingDigests } from '../../src/fs/closed-view.js';
import { attachmentOf, b, digestOf, lowerFile, put, World } from './world.js';

test('what a closed view needs is told by its journal, which stays as it is', () => {
  using world = new World();
  const [kept, gone] = [world.store('kept'), world.store('gone')];
  world.overlay.attach([attachmentOf('u', [lowerFile('kept', kept), lowerFile('gone', gone)])]);
  world.driver.unlink(b('gone'));
  world.overlay.close();
  const before = [readFileSync(world.journalPath), statSync(world.journalPath, { bigint: true })];
  const names = readdirSync(world.directory, { recursive: true });
  expect(loadBackingDigests(world.journalPath)).toEqual([kept.digest]);
  const after = [readFileSync(world.journalPath), statSync(world.journalPath, { bigint: true })];
  expect(after).toEqual(before);
  expect(readdirSync(world.directory, { recursive: true })).toEqual(names);
});

test('the bytes of an interrupted adoption are among what a closed view needs', () => {
  using world = new World();
  put(world, 'a', 'content');
  const [entry] = world.overlay.snapshot(b('a'));
  const extent = { digest: digestOf(Buffer.from('content')), offset: 0, sizeBytes: 7 };
  const file = { ...entry!, extent, disposal: 'move' } as const;
  expect(world.overlay.prepareAdoption({ attachment: 'u', files: [file], witnesses: [] })).toBe(
    'done',
  );
  world.overlay.close();
  expect(loadBackingDigests(world.journalPath)).toEqual([extent.digest]);
});

test('a view without a journal needs nothing', () => {
  expect(loadBackingDigests('/nowhere/journal')).toEqual([]);
});

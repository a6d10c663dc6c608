import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { byteStringFromBuffer } from '../../src/base/byte-string.js';
import { XcacheError } from '../../src/base/errors.js';
import { decodeRecord, encodeRecord, type JournalRecord } from '../../src/fs/journal-records.js';
import { Journal, loadJournal } from '../../src/fs/journal.js';
import { failingCalls } from '../faults/failing-calls.js';
import { b } from './world.js';

let directory = '';
let path = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'xcache-journal-'));
  path = join(directory, 'journal');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const oddName = byteStringFromBuffer(Buffer.from([0xff, 0x0a, 0x22, 0x80]));
const mtimeNs = 1_700_000_000_123_456_789n;
const extent = { digest: 'ab'.repeat(32), offset: 5, sizeBytes: 2 ** 40 };

const records: readonly JournalRecord[] = [
  {
    kind: 'attach',
    id: 'unit',
    requires: ['other'],
    isIntact: true,
    entries: [
      { kind: 'directory', path: b('d'), mtimeNs, mode: 0o755 },
      { kind: 'file', path: oddName, mtimeNs, mode: 0o644, extent, isTransient: true },
      {
        kind: 'file',
        path: b('d/b'),
        mtimeNs,
        mode: 0o644,
        extent,
        linkGroup: 3,
        isTransient: false,
      },
      { kind: 'symlink', path: b('d/l'), mtimeNs, target: oddName, isTransient: false },
    ],
  },
  { kind: 'detach', path: oddName },
  { kind: 'raise', path: b('d') },
  { kind: 'adopt', sequence: 4, id: 'adopted', entries: [] },
  { kind: 'adopted', sequence: 4 },
  { kind: 'revoked', sequence: 5 },
  { kind: 'exchange', first: b('a'), second: oddName, temporary: 'exchange-1' },
  {
    kind: 'times',
    realIno: 2n ** 63n,
    times: { realMtimeNs: 1n, mtimeNs: 2n, realAtimeNs: 3n, atimeNs: -4n },
  },
  { kind: 'times', realIno: 7n, times: undefined },
  { kind: 'note', key: 'lone \ud800 surrogate', value: 'any\ntext \u2028 größe' },
  { kind: 'note', key: 'gone', value: null },
];

test('every record is read as it was written', () => {
  for (const record of records) {
    expect(decodeRecord(encodeRecord(record).subarray(0, -1))).toEqual(record);
  }
});

test('appended records are there without being flushed', () => {
  const journal = new Journal(path);
  journal.rewrite([]);
  for (const record of records) journal.append(record);
  expect(loadJournal(path)).toEqual({ records, skippedLines: 0 });
  journal.close();
});

test('a missing journal is an empty one', () => {
  expect(loadJournal(path)).toEqual({ records: [], skippedLines: 0 });
});

test('a torn last line is skipped and the rest read', () => {
  const journal = new Journal(path);
  journal.rewrite(records.slice(0, 3));
  journal.close();
  appendFileSync(path, encodeRecord(records[3]!).subarray(0, 20));
  expect(loadJournal(path)).toEqual({ records: records.slice(0, 3), skippedLines: 1 });
});

test('any flipped bit of a line makes that line alone skipped', () => {
  const journal = new Journal(path);
  journal.rewrite([records[1]!, records[2]!, records[4]!]);
  journal.close();
  const bytes = readFileSync(path);
  const start = bytes.indexOf(encodeRecord(records[2]!));
  const length = encodeRecord(records[2]!).length - 1;
  for (let offset = 0; offset < length; offset += 1) {
    const damaged = Buffer.from(bytes);
    damaged[start + offset] = damaged[start + offset]! ^ 0x04;
    writeFileSync(path, damaged);
    expect(loadJournal(path).records).toEqual([records[1], records[4]]);
  }
});

test('a journal of a newer version is refused with both versions named', () => {
  writeFileSync(path, encodeRecord({ kind: 'journal', version: 2 }));
  expect(() => loadJournal(path)).toThrow(XcacheError);
  expect(() => loadJournal(path)).toThrow(/version 2.* 1$/);
});

test('rewriting replaces all records at once', () => {
  const journal = new Journal(path);
  journal.rewrite(records);
  journal.rewrite([records[1]!]);
  journal.append(records[2]!);
  expect(loadJournal(path).records).toEqual([records[1], records[2]]);
  journal.close();
});

test('space for records is there before they are written', () => {
  const journal = new Journal(path);
  journal.rewrite([]);
  journal.append(records[1]!);
  const before = statSync(path).size;
  for (let i = 0; i < 300; i += 1) journal.append(records[1]!);
  expect(statSync(path).size).toBe(before);
  expect(loadJournal(path).records.length).toBe(301);
  journal.close();
});

test('a record of any size fits', () => {
  const journal = new Journal(path);
  journal.rewrite([]);
  const large: JournalRecord = { kind: 'note', key: 'k', value: 'x'.repeat(1_000_000) };
  journal.append(large);
  journal.append(records[1]!);
  expect(loadJournal(path).records).toEqual([large, records[1]]);
  journal.close();
});

test.each<[string, unknown]>([
  ['no array', null],
  ['an array of nothing', []],
  ['a path that climbs', ['detach', 'a/../../b']],
  ['an absolute path', ['raise', '/etc']],
  ['a path with a NUL', ['detach', 'a\0b']],
  ['the root', ['detach', '']],
  ['a name out of the work directory', ['exchange', 'a', 'b', '../../x']],
  ['a digest that is a path', ['adopt', 1, 'u', [['f', 'a', '1', 420, '../x', 0, 1, 0, 0]]]],
  ['an extent that is no range', ['adopt', 1, 'u', [['f', 'a', '1', 420, 'ab', -1, 1, 0, 0]]]],
  ['a time that is none', ['attach', 'u', [], 1, [['d', 'a', 'soon', 493]]]],
  ['an unknown kind of entry', ['attach', 'u', [], 1, [['x', 'a', '1', 493]]]],
  ['a list that is none', ['attach', 'u', 'v', 1, []]],
  ['too few times', ['times', '1', '2', '3']],
])('a record with %s is skipped although its checksum is right', (_, value) => {
  const json = JSON.stringify(value);
  const line = `${crc32(json).toString(16).padStart(8, '0')} ${json}`;
  expect(decodeRecord(Buffer.from(line))).toBeUndefined();
  const journal = new Journal(path);
  journal.rewrite(records.slice(0, 2));
  journal.close();
  appendFileSync(path, `${line}\n`);
  expect(loadJournal(path)).toEqual({ records: records.slice(0, 2), skippedLines: 1 });
});

test('a compacted journal has a durable name at return, or says that it has not', async () => {
  const journal = new Journal(path);
  const rewrite = async (): Promise<void> => {
    await Promise.resolve();
    journal.rewrite(records);
  };
  // open, fsync and rename of the file; open and fsync of the directory
  const seen = await failingCalls('EIO', () => false, rewrite);
  expect(seen.calls).toBe(5);
  const { hasStruck } = await failingCalls(
    'EIO',
    (call) => call === 4,
    async () => {
      await expect(rewrite()).rejects.toMatchObject({ code: 'EIO' });
    },
  );
  expect(hasStruck).toBe(true);
  // The new file is in use; what is appended goes there, and `sync` makes up for the name.
  journal.append({ kind: 'note', key: 'after', value: 'x' });
  expect(loadJournal(path).records.at(-1)).toMatchObject({ key: 'after' });
  await failingCalls(
    'EIO',
    (call) => call === 2,
    async () => {
      await Promise.resolve();
      expect(() => journal.sync()).toThrow('EIO');
    },
  );
  journal.sync();
  journal.close();
});

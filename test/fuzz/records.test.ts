/** Records of our own that a disk, another program or another version may have changed. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { decodeRecord, encodeRecord, type JournalRecord } from '../../src/fs/journal-records.js';
import { decodeManifest, encodeManifest } from '../../src/store/manifest-codec.js';
import type { Digest, Manifest } from '../../src/store/manifest.js';
import { decodeRow, encodeRow, frameRow, totalsKey, type RowKind } from '../../src/store/rows.js';
import { loadDecisions, saveDecisions } from '../../src/units/decision-file.js';
import { reportDecisions } from '../../src/units/decision-report.js';
import { DecisionLog, type UnitDecision } from '../../src/units/decisions.js';
import { createTempDirectory } from '../support/tmp.js';
import { parseUnitFacts } from '../../src/units/unit-facts.js';
import {
  attachmentOf,
  b,
  digestOf,
  get,
  list,
  lowerDirectory,
  lowerFile,
  put,
  World,
} from '../fs/world.js';
import { fuzz } from './fuzz.js';
import { mutated, mutatedJson } from './mutations.js';

const digest = 'a'.repeat(64) as Digest;
const facts = {
  version: 2,
  identity: 'i',
  package: 'serde',
  packageVersion: null,
  kind: 'lib',
  target: 'serde',
  layout: 'classic',
  profilePath: 'debug',
  unitHash: '0123456789abcdef',
  fingerprint: '0123456789abcdef',
  namespace: 'n',
  origin: 'registry',
  packageRoot: '/r',
  dependencies: [{ unitKey: 'k', fingerprint: 'f', identity: 'i', outputs: 'o' }],
  outputs: 'o',
  inputs: [{ kind: 'files', root: '/r', paths: ['src/lib.rs'], digest }],
  variables: [['A', null]],
  steering: { CC: 'cc' },
  tools: { cc: 'c', ld: null },
  settings: { RUSTC_LINKER: null },
  cpu: null,
  buildDir: '/t',
  boundBecause: null,
  rewrites: [],
  built: { startedNs: '1', finishedNs: '2', durationMs: 1, workingDirectory: null },
};
const manifest: Manifest = {
  version: 1,
  lookupKey: 'key',
  createdMs: 1,
  markers: ['m', 'n'],
  facts,
  entries: [
    { kind: 'directory', path: 'd' },
    { kind: 'file', path: 'd/f', blob: digest, offset: 0, sizeBytes: 9, mode: 0o644, linkGroup: 1 },
    { kind: 'file', path: 'd/g', blob: digest, offset: 0, sizeBytes: 9, mode: 0o644, linkGroup: 1 },
    { kind: 'symlink', path: 'd/l', target: '../d/f' },
  ],
};

const rows: readonly (readonly [RowKind, string, object])[] = [
  [
    'unit',
    `s!${digest}`,
    {
      lookupKey: 'k',
      createdMs: 1,
      sizeBytes: 2,
      allocatedBytes: 4096,
      blobs: [digest],
      markers: ['m'],
    },
  ],
  ['lookup', 'k!key', { manifests: [digest] }],
  ['blob', `b!${digest}`, { references: 1, sizeBytes: 2, allocatedBytes: 3 }],
  ['view', 'v!view', { manifests: [digest], blobs: [digest, digest] }],
  [
    'input',
    'i!/a',
    {
      sizeBytes: 1,
      mtimeNs: '1700000000000000000',
      ctimeNs: '1',
      ino: '2',
      dev: '3',
      digest,
      seenMs: 1,
    },
  ],
  [
    'totals',
    totalsKey,
    { units: 1, setHash: '0123456789abcdef', blobs: 1, physicalBytes: 1, logicalBytes: 1 },
  ],
];

const extent = { digest: digestOf(Buffer.from('lower')), offset: 0, sizeBytes: 3 };
const records: readonly JournalRecord[] = [
  {
    kind: 'attach',
    id: 'u',
    requires: ['v'],
    isIntact: true,
    entries: [
      lowerDirectory('d'),
      lowerFile('d/f', extent, { linkGroup: 2, isTransient: true }),
      { kind: 'symlink', path: b('d/l'), mtimeNs: 1n, target: b('f') },
    ],
  },
  { kind: 'detach', path: b('d/f') },
  { kind: 'raise', path: b('d') },
  { kind: 'adopt', sequence: 1, id: 'u', entries: [lowerFile('d/f', extent)] },
  { kind: 'adopted', sequence: 1 },
  { kind: 'revoked', sequence: 1 },
  { kind: 'exchange', first: b('a'), second: b('b'), temporary: 'exchange-1' },
  {
    kind: 'times',
    realIno: 7n,
    times: { realMtimeNs: 1n, mtimeNs: 2n, realAtimeNs: 3n, atimeNs: -4n },
  },
  { kind: 'times', realIno: 7n, times: undefined },
  { kind: 'note', key: 'k', value: 'v' },
  { kind: 'note', key: 'k', value: null },
];

/** The JSON of a record, without its checksum. */
function arrayOf(record: JournalRecord): unknown {
  return JSON.parse(encodeRecord(record).subarray(9).toString());
}

/** A line whose checksum is right, whatever it says. */
function lineOf(value: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(value));
  return Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} ${json.toString()}`);
}

const decision: UnitDecision = {
  atMs: 1,
  session: '42:777',
  directory: '/ws/target',
  workspace: '/ws',
  profilePath: 'debug',
  package: 'serde',
  unitHash: '0123456789abcdef',
  state: 'compiled',
  savedMs: 0,
  miss: { reason: 'unknown-unit', message: 'm' },
  verdict: { outcome: 'stored', reason: 'stored', message: 'stored', isOwn: false },
  counted: 'judged',
};

const hostileLines = fc.oneof(
  { weight: 3, arbitrary: mutatedJson(records.map(arrayOf)).map(lineOf) },
  { weight: 1, arbitrary: mutated(records.map((record) => encodeRecord(record).subarray(0, -1))) },
);

const hostileDecisions = fc.oneof(
  { weight: 3, arbitrary: mutatedJson([decision]).map(lineOf) },
  { weight: 1, arbitrary: mutated([Buffer.from(JSON.stringify(decision))]) },
);

describe('a record of our own that somebody has changed', () => {
  fuzz('manifest', {
    inputs: fc.oneof(
      mutated([encodeManifest(manifest).bytes]),
      mutatedJson([manifest]).map((value) => Buffer.from(JSON.stringify(value))),
    ),
    check: (bytes) => {
      const found = decodeManifest(bytes);
      if (found === undefined) return;
      parseUnitFacts(found);
      expect(decodeManifest(encodeManifest(found).bytes)).toEqual(found);
      for (const entry of found.entries) {
        expect(`/${entry.path}/`).not.toMatch(/\/\.\.?\/|\/\/|\0/);
        if (entry.kind === 'file') expect([0o644, 0o755]).toContain(entry.mode);
      }
    },
  });

  fuzz('facts of a unit', {
    inputs: mutatedJson([facts]),
    check: (value) => void parseUnitFacts({ ...manifest, facts: value }),
  });

  fuzz('index row with a wrong frame', {
    inputs: fc.constantFrom(...rows).chain(([kind, key, value]) => {
      const framed = encodeRow(kind, key, value as never);
      return fc.tuple(fc.constant([kind, key, framed] as const), mutated([framed]));
    }),
    check: ([[kind, key, framed], changed]) => {
      if (!changed.equals(framed)) expect(decodeRow(kind, key, changed)).toBeUndefined();
      else expect(decodeRow(kind, key, changed)).toBeDefined();
    },
  });

  fuzz('index row with a right frame', {
    inputs: fc
      .constantFrom(...rows)
      .chain(([kind, key, value]) =>
        fc.tuple(fc.constant([kind, key] as const), mutatedJson([value])),
      ),
    check: ([[kind, key], value]) => {
      const bytes = Buffer.from(JSON.stringify(value));
      const row = decodeRow(kind, key, frameRow(key, bytes));
      if (row !== undefined) expect(decodeRow(kind, key, encodeRow(kind, key, row))).toEqual(row);
    },
  });

  fuzz('file of decisions', {
    inputs: fc.array(hostileDecisions, { maxLength: 12 }),
    check: async (lines) => {
      await using directory = await createTempDirectory();
      const path = join(directory.path, 'decisions.jsonl');
      const header = Buffer.from('{"version":1,"boot":"b"}\n');
      const newline = Buffer.from('\n');
      writeFileSync(path, Buffer.concat([header, ...lines.flatMap((line) => [line, newline])]));
      const found = await loadDecisions(path, 'b');
      const log = new DecisionLog();
      log.restore(found);
      expect(JSON.stringify(reportDecisions(log.rows(), { all: true }))).toContain('version');
      await saveDecisions(path, 'b', log.rows());
      expect(await loadDecisions(path, 'b')).toEqual(log.rows());
    },
  });

  fuzz('file of decisions as a whole', {
    inputs: mutated([Buffer.from(`{"version":1,"boot":"b"}\n${JSON.stringify(decision)}\n`)]),
    check: async (bytes) => {
      await using directory = await createTempDirectory();
      const path = join(directory.path, 'decisions.jsonl');
      writeFileSync(path, bytes);
      reportDecisions(await loadDecisions(path, 'b'), { directory: '/ws', unit: 'serde' });
    },
  });

  fuzz('journal record', {
    inputs: hostileLines,
    check: (line) => {
      const record = decodeRecord(line);
      if (record === undefined) return;
      const again = encodeRecord(record);
      expect(decodeRecord(again.subarray(0, -1))).toEqual(record);
    },
  });

  // A journal of records that all have the right shape, in an order that nobody wrote.
  fuzz('journal of a view', {
    inputs: fc.array(hostileLines, { maxLength: 12 }),
    check: (lines) => {
      using world = new World(existsSync('/dev/shm') ? '/dev/shm' : undefined);
      put(world, 'own', 'kept');
      world.overlay.attach([
        attachmentOf('u', [lowerDirectory('l'), lowerFile('l/f', world.store('lower'))]),
      ]);
      world.overlay.close();
      // A newer version is refused as a whole, which is another test's.
      const journal = lines.filter((line) => decodeRecord(line)?.kind !== 'journal');
      writeFileSync(
        world.journalPath,
        Buffer.concat([...journal.flatMap((line) => [line, Buffer.from('\n')])]),
        { flag: 'a' },
      );
      world.reopen();
      world.overlay.assertInvariants();
      expect(get(world, 'own')).toBe('kept');
      list(world, '');
      world.reopen();
      world.overlay.assertInvariants();
    },
  });
});

import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decisionFileBytesMax, decisionRowsMax } from '../../src/base/limits.js';
import { createLogger } from '../../src/base/log.js';
import { loadDecisions, saveDecisions, SavedDecisions } from '../../src/units/decision-file.js';
import type { UnitDecision } from '../../src/units/decisions.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

const log = createLogger({ level: 'silent' });
const boot = '0b0c0d0e-1111-2222-3333-444455556666';
const ws = { directory: '/ws/target', workspace: '/ws' };
const unknown = { reason: 'unknown-unit', message: 'no equal unit is in the store' };

let directory: TempDirectory;
let path: string;

beforeEach(async () => {
  directory = await createTempDirectory();
  path = join(directory.path, 'decisions.jsonl');
});

afterEach(async () => {
  await directory[Symbol.asyncDispose]();
});

function row(index: number, message = 'no equal unit is in the store'): UnitDecision {
  return {
    ...{ ...ws, atMs: 1_700_000_000_000 + index, session: '42:777', profilePath: 'debug' },
    ...{ package: `p${index}`, unitHash: index.toString(16).padStart(16, '0') },
    ...{ state: 'compiled', savedMs: 0.5, miss: { reason: 'unknown-unit', message } },
    verdict: { outcome: 'stored', reason: 'stored', message: 'stored', isOwn: false },
    counted: 'judged',
  };
}

async function open(): Promise<SavedDecisions> {
  return await SavedDecisions.open({ path, log, boot });
}

/** Decides about one unit, so that there is something to write. */
function decide(saved: SavedDecisions): void {
  saved.decisions.missed(
    { package: 'serde', profilePath: 'debug', unitHash: 'f'.repeat(16) },
    ws,
    '1:1',
    unknown,
  );
}

describe('the file of decisions', () => {
  test('has what was decided when the service ended', async () => {
    const saved = await open();
    decide(saved);
    saved.decisions.served(
      { package: 'itoa', profilePath: 'debug', unitHash: 'e'.repeat(16) },
      ws,
      '1:1',
      1234.5,
    );
    await saved[Symbol.asyncDispose]();
    await using again = await open();
    expect(again.decisions.rows()).toEqual(saved.decisions.rows());
    expect(again.decisions.rows()).toHaveLength(2);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory.path)).toEqual(['decisions.jsonl']);
  });

  test('is not written where nothing was decided, nor after the end', async () => {
    const saved = await open();
    await saved[Symbol.asyncDispose]();
    decide(saved);
    await saved[Symbol.asyncDispose]();
    expect(await readdir(directory.path)).toEqual([]);
  });

  test('goes on where it ended: an unjudged miss is judged after a restart', async () => {
    const saved = await open();
    decide(saved);
    await saved[Symbol.asyncDispose]();
    await using again = await open();
    const verdict = {
      outcome: 'stored',
      reason: 'stored',
      message: 'stored',
      isOwn: false,
    } as const;
    const subject = { package: 'serde', profilePath: 'debug', unitHash: 'f'.repeat(16) };
    expect(again.decisions.judged(subject, ws, undefined, verdict)).toBe('sharable');
    expect(again.decisions.rows()).toHaveLength(1);
  });

  test('takes no process of this boot for one of an earlier boot', async () => {
    await saveDecisions(path, 'another-boot-id', [row(1)]);
    const [first] = await loadDecisions(path, boot);
    expect(first).toEqual({ ...row(1), session: '42:777@another-' });
    // And keeps it apart for good.
    await saveDecisions(path, boot, first === undefined ? [] : [first, row(2)]);
    const sessions = (await loadDecisions(path, 'third')).map(({ session }) => session);
    expect(sessions).toEqual(['42:777@another-', '42:777@0b0c0d0e']);
  });

  test('is bounded: the oldest decisions go', async () => {
    const long = 'x'.repeat(1_990);
    const many = Array.from({ length: 3_000 }, (_, index) => row(index, long));
    await saveDecisions(path, boot, many);
    expect((await stat(path)).size).toBeLessThanOrEqual(decisionFileBytesMax + 100);
    const kept = await loadDecisions(path, boot);
    expect(kept.length).toBeGreaterThan(1_500);
    expect(kept).toEqual(many.slice(-kept.length));
  });

  test('is read and written in steps that leave time for others', async () => {
    const many = Array.from({ length: decisionRowsMax }, (_, index) => row(index));
    let turns = 0;
    const others = setInterval(() => (turns += 1), 1);
    await saveDecisions(path, boot, many);
    await loadDecisions(path, boot);
    clearInterval(others);
    // Not how long it takes, which depends on the machine: others had their turn in between.
    expect(turns).toBeGreaterThan(5);
  });
});

describe('a file that cannot be used', () => {
  test('with a torn end gives what is whole', async () => {
    await saveDecisions(path, boot, [row(1), row(2), row(3)]);
    const text = await readFile(path);
    for (const cut of [1, 2, 40]) {
      await writeFile(path, text.subarray(0, -cut));
      const kept = await loadDecisions(path, boot);
      // The last newline is no part of the last row.
      expect(kept).toEqual(cut === 1 ? [row(1), row(2), row(3)] : [row(1), row(2)]);
    }
  });

  test.each([
    ['is empty', ''],
    ['has no header', JSON.stringify(row(1))],
    ['is of another version', '{"version":2,"boot":"b"}\n'],
    ['is no text', Buffer.from([0, 255, 10, 254, 10, 123])],
    ['is too large', 'x'.repeat(3 * decisionFileBytesMax)],
  ])('because it %s counts as none, and is replaced', async (_name, content) => {
    await writeFile(path, content);
    const saved = await open();
    expect(saved.decisions.rows()).toEqual([]);
    decide(saved);
    await saved[Symbol.asyncDispose]();
    expect(await loadDecisions(path, boot)).toHaveLength(1);
  });

  test.each([
    ['a state', { state: 'gone' }],
    ['a time', { atMs: 1e300 }],
    ['a session', { session: '../x' }],
    ['a directory', { directory: 'relative' }],
    ['a text', { miss: { reason: 'x', message: 'y'.repeat(1 << 16) } }],
    ['one field too many', { more: true }],
    ['nothing at all', { verdict: undefined, unitHash: undefined }],
  ])('in one row, for %s, lacks that row', async (_name, change) => {
    await saveDecisions(path, boot, [row(1), { ...row(2), ...change } as UnitDecision, row(3)]);
    expect(await loadDecisions(path, boot)).toEqual([row(1), row(3)]);
  });

  test.each([
    ['a FIFO', async () => await Promise.resolve(spawnSync('mkfifo', [path]))],
    ['a dead link', async () => await symlink('nowhere', path)],
    ['unreadable', async () => await writeFile(path, 'x').then(async () => await chmod(path, 0))],
  ])('because it is %s is replaced', async (_name, make) => {
    await make();
    const saved = await open();
    expect(saved.decisions.rows()).toEqual([]);
    decide(saved);
    await saved[Symbol.asyncDispose]();
    expect((await stat(path)).isFile()).toBe(true);
    expect(await loadDecisions(path, boot)).toHaveLength(1);
  });

  test('because a directory is in its place costs the decisions and nothing else', async () => {
    await mkdir(path);
    const saved = await open();
    decide(saved);
    await saved[Symbol.asyncDispose]();
    expect(saved.decisions.rows()).toHaveLength(1);
    expect((await stat(path)).isDirectory()).toBe(true);
  });
});

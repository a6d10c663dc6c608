import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { HostFiles } from '../../src/service/host/host-files.js';
import { InputVerifier } from '../../src/service/units/input-verifier.js';
import { createTempDirectory } from '../support/tmp.js';

const memory = { inputRow: () => undefined, putInputRows: () => undefined };
const farAwayNs = 1n << 62n;

describe('the inputs of a unit', () => {
  test('rule 17: an input that changed after the unit was started is not recorded', async () => {
    await using directory = await createTempDirectory();
    const path = join(directory.path, 'lib.rs');
    writeFileSync(path, 'one');
    const files = new HostFiles(() => []);
    const verifier = new InputVerifier(files, memory);
    const set = { kind: 'files', root: directory.path, paths: ['lib.rs'] } as const;
    const writtenNs = files.stat(path)?.ctimeNs ?? 0n;
    expect(verifier.record(set, farAwayNs)).toMatchObject(set);
    expect(verifier.record(set, writtenNs)).toMatchObject(set);
    expect(verifier.record(set, writtenNs - 1n)).toBeUndefined();
    // A time in the past hides nothing: the change of the inode keeps its own.
    utimesSync(path, 1, 1);
    expect(verifier.record(set, writtenNs - 1n)).toBeUndefined();
  });

  test('are looked at again after a moment, though the clock was set back', async () => {
    await using directory = await createTempDirectory();
    const path = join(directory.path, 'lib.rs');
    writeFileSync(path, 'one');
    const verifier = new InputVerifier(new HostFiles(() => []), memory);
    const recorded = verifier.record(
      { kind: 'files', root: directory.path, paths: ['lib.rs'] },
      farAwayNs,
    )!;
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    try {
      expect(verifier.holds(recorded, true)).toBe(true);
      writeFileSync(path, 'two');
      expect(verifier.holds(recorded, true)).toBe(true);
      vi.advanceTimersByTime(10_000);
      vi.setSystemTime(Date.now() - 3_600_000);
      expect(verifier.holds(recorded, true)).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});

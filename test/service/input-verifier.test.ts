import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
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
});

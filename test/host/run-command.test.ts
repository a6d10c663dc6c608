import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommand, runCommandSync, type CommandOptions } from '../../src/host/run-command.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

const runners = [
  ['asynchronous', runCommand],
  [
    'blocking',
    async (file: string, args: readonly string[], options?: CommandOptions) =>
      await Promise.resolve(runCommandSync(file, args, options)),
  ],
] as const;

let directory: TempDirectory;
const savedPath = process.env['PATH'];

beforeEach(async () => {
  directory = await createTempDirectory();
});

afterEach(async () => {
  process.env['PATH'] = savedPath;
  await directory[Symbol.asyncDispose]();
});

describe.each(runners)('a command that is run %s', (_name, run) => {
  test('is not looked for on the PATH of this process', async () => {
    const bin = join(directory.path, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'printf'), '#!/bin/sh\necho wrong\n', { mode: 0o755 });
    process.env['PATH'] = bin;
    expect(await run('printf', ['right'])).toMatchObject({ kind: 'exited', stdout: 'right' });
  });

  test('is answered with `missing` where there is none', async () => {
    expect(await run('xcache-has-no-such-program', [])).toEqual({ kind: 'missing' });
  });

  test('answers where it cannot be started for another reason', async () => {
    const file = join(directory.path, 'plain');
    writeFileSync(file, 'text', { mode: 0o644 });
    expect(await run(file, [])).toMatchObject({ kind: 'exited', status: 126 });
    const tooLong = 'x'.repeat(4 << 20);
    expect(await run('true', [tooLong])).toMatchObject({ kind: 'exited', status: 126 });
    expect(await run('true', ['nul\0byte'])).toMatchObject({ kind: 'exited', status: 126 });
  });

  test('is ended when its time is over, also if it does not care for signals', async () => {
    const options = { timeoutMs: 300 };
    const result = await run('sh', ['-c', 'trap "" TERM; while :; do sleep 1; done'], options);
    expect(result).toEqual({ kind: 'timeout' });
  });

  test('is ended when it says more than it may', async () => {
    const result = await run('yes', [], { outputBytesMax: 1000 });
    expect(result).toMatchObject({ kind: 'exited', status: 126 });
  });

  test('keeps bytes that are no UTF-8 where latin1 is asked for', async () => {
    const result = await run('printf', ['\\377'], { encoding: 'latin1' });
    expect(result).toMatchObject({ stdout: '\u00ff' });
  });
});

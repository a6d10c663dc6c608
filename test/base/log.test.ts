import { mkdir, readFile, rmdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { logFileBytesMax } from '../../src/base/limits.js';
import { createLogger, openLogFile } from '../../src/base/log.js';
import { closeSync, openSync } from 'node:fs';
import { createTempDirectory } from '../support/tmp.js';

describe('the log file', () => {
  test('has a line of JSON per message, at once, and is for its owner alone', async () => {
    await using directory = await createTempDirectory();
    const file = join(directory.path, 'service.log');
    const log = createLogger({ level: 'info', file });
    log.info({ unit: 'serde' }, 'stored');
    log.debug('not asked for');
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ unit: 'serde', msg: 'stored', pid: process.pid });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('is continued by the next process', async () => {
    await using directory = await createTempDirectory();
    const file = join(directory.path, 'service.log');
    createLogger({ level: 'info', file }).info('first');
    createLogger({ level: 'info', file }).info('second');
    expect((await readFile(file, 'utf8')).trimEnd().split('\n')).toHaveLength(2);
  });

  test('is set aside when it is full at the start', async () => {
    await using directory = await createTempDirectory();
    const file = join(directory.path, 'service.log');
    await writeFile(file, 'old');
    await truncate(file, logFileBytesMax + 1);
    const { fd, sizeBytes } = openLogFile(file);
    closeSync(fd);
    expect(sizeBytes).toBe(0);
    expect((await stat(`${file}.1`)).size).toBe(logFileBytesMax + 1);
    expect((await stat(file)).size).toBe(0);
  });

  test('is set aside when it grows beyond the limit', async () => {
    await using directory = await createTempDirectory();
    const file = join(directory.path, 'service.log');
    await writeFile(file, 'old');
    await truncate(file, logFileBytesMax - 10);
    const log = createLogger({ level: 'info', file });
    log.info('one line too many');
    log.info('in the new file');
    expect((await stat(`${file}.1`)).size).toBeGreaterThan(logFileBytesMax);
    expect(await readFile(file, 'utf8')).toMatch(/^\{.*in the new file.*\}\n$/);
  });

  test('is written on where it cannot be set aside, and nothing else is', async () => {
    await using directory = await createTempDirectory();
    const file = join(directory.path, 'service.log');
    await writeFile(file, 'old');
    await truncate(file, logFileBytesMax - 10);
    const log = createLogger({ level: 'info', file });
    // A directory is in the way of the old file.
    await mkdir(`${file}.1`);
    log.info('one line too many');
    // Has the number of whatever was closed meanwhile.
    const other = openSync(join(directory.path, 'other'), 'w');
    log.info('still in the old file');
    closeSync(other);
    expect((await stat(join(directory.path, 'other'))).size).toBe(0);
    expect((await readFile(file)).subarray(-100).toString()).toContain('still in the old file');
    await rmdir(`${file}.1`);
    log.info('the last one there');
    log.info('in the new file');
    expect(await readFile(file, 'utf8')).toMatch(/^\{.*in the new file.*\}\n$/);
  });
});

import { appendFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { followLines, loadLastLines, renderLogLine } from '../../src/cli/commands/service-log.js';
import { createStyle } from '../../src/cli/terminal.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

let directory: TempDirectory;
let file: string;

beforeEach(async () => {
  directory = await createTempDirectory();
  file = join(directory.path, 'service.log');
});

afterEach(async () => await directory[Symbol.asyncDispose]());

test.each([
  ['', 5, []],
  ['a\nb\nc\n', 2, ['b', 'c']],
  ['a\nb\nc\n', 9, ['a', 'b', 'c']],
  ['a\nb\n', 0, []],
  ['a\nhalf', 5, ['a']],
])('of %j the last %i whole lines are %j', async (text, count, expected) => {
  await writeFile(file, text);
  const { lines, endBytes } = await loadLastLines(file, count);
  expect(lines).toEqual(expected);
  expect(endBytes).toBe(text.lastIndexOf('\n') + 1);
});

test('a file that is followed is followed when it was full, too', async () => {
  await writeFile(file, 'one\nhal');
  const seen: string[] = [];
  const over = new AbortController();
  const { endBytes } = await loadLastLines(file, 1);
  const following = followLines(file, endBytes, (line) => void seen.push(line), over.signal);
  await appendFile(file, 'f\n');
  await vi.waitFor(() => expect(seen).toEqual(['half']), { timeout: 5000 });
  await rename(file, `${file}.1`);
  await writeFile(file, 'a longer first line of the next file\n');
  await vi.waitFor(() => expect(seen).toHaveLength(2), { timeout: 5000 });
  over.abort();
  await following;
  expect(seen[1]).toBe('a longer first line of the next file');
});

test.each([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info'],
  [40, 'warn'],
  [50, 'error'],
  [60, 'fatal'],
])('level %i is %s', (level, word) => {
  const text = renderLogLine(JSON.stringify({ level, time: 0, msg: 'm' }), createStyle(false));
  expect(text).toMatch(new RegExp(`^\\d{4}-\\d\\d-\\d\\d [\\d:.]+ ${word} * m$`));
});

test.each(['null', '[]', '3', '{}', 'not JSON', ''])('%j is left as it is', (line) => {
  expect(renderLogLine(line, createStyle(false))).toBe(line);
});

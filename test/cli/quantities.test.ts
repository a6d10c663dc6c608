import { describe, expect, test } from 'vitest';
import {
  formatCount,
  formatDuration,
  formatSize,
  formatTime,
  parseDuration,
  parseSize,
} from '../../src/cli/quantities.js';

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['123', 123],
    ['512MiB', 512 * 2 ** 20],
    ['20GiB', 20 * 2 ** 30],
    ['10G', 10 * 2 ** 30],
    ['10g', 10 * 2 ** 30],
    ['10 GB', 10e9],
    ['1.5K', 1536],
    ['5e9', 5e9],
    ['100B', 100],
  ])('%s is understood', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', 'G', '-1', '20XB', '1e', '0x10', '1_000', '9e30', 'NaN', '1 2', 'constructor'])(
    '%s is refused with an example',
    (text) => {
      expect(() => parseSize(text)).toThrow('20GiB');
    },
  );

  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1048575, '1.0 MiB'],
    [1536 * 1024, '1.5 MiB'],
    [20.3 * 2 ** 30, '20.3 GiB'],
  ])('%i bytes read well', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});

describe('durations', () => {
  test.each([
    ['30s', 30_000],
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['1.5h', 5_400_000],
  ])('%s is understood', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '7', 'd', '-1d', '7 days', '1y', '1d12h'])(
    '%s is refused with an example',
    (text) => {
      expect(() => parseDuration(text)).toThrow('7d');
    },
  );

  test.each([
    [0, '0.0 s'],
    [340, '0.3 s'],
    [9_960, '10 s'],
    [59_400, '59 s'],
    [59_600, '1 min 00 s'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 05 min'],
    [273_600_000, '3 d 4 h'],
  ])('%i ms read well', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

test('times are local and to the minute', () => {
  expect(formatTime(new Date(2026, 0, 31, 9, 5, 59).getTime())).toBe('2026-01-31 09:05');
});

test('counts agree with their noun', () => {
  expect([0, 1, 1234].map((count) => formatCount(count, 'unit'))).toEqual([
    '0 units',
    '1 unit',
    '1,234 units',
  ]);
});

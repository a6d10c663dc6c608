import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig, type ConfigEntry } from '../../src/service/config.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

let directory: TempDirectory;
let file: string;

beforeEach(async () => {
  directory = await createTempDirectory();
  file = join(directory.path, 'config.toml');
});

afterEach(async () => {
  await directory[Symbol.asyncDispose]();
});

async function configured(
  text: string,
  env: Readonly<Record<string, string>> = {},
): ReturnType<typeof loadConfig> {
  await writeFile(file, text);
  return await loadConfig(file, env);
}

function entry(entries: readonly ConfigEntry[], key: string): ConfigEntry | undefined {
  return entries.find((each) => each.key === key);
}

describe('the configuration', () => {
  test('has its defaults where there is no file', async () => {
    const { config, entries } = await loadConfig(join(directory.path, 'none', 'config.toml'), {});
    expect(config).toEqual({
      gc: { isAutomatic: true },
      service: { logLevel: 'info' },
      mount: { driver: undefined },
      verify: { sample: 0 },
    });
    expect(new Set(entries.map(({ source }) => source))).toEqual(new Set(['default']));
  });

  test('has what the file says, with sizes and durations as the commands take them', async () => {
    const { config, entries } = await configured(
      '# mine\n\n[gc]\nautomatic = false\nmax-size = "20GiB"\nmax-age = "90d"\n' +
        '[service]\nlog-level = "debug"\n[mount]\ndriver = "fuse-native"\n',
    );
    expect(config).toEqual({
      gc: { isAutomatic: false, maxSizeBytes: 20 * 2 ** 30, maxAgeMs: 90 * 86_400_000 },
      service: { logLevel: 'debug' },
      mount: { driver: 'fuse-native' },
      verify: { sample: 0 },
    });
    expect(entry(entries, 'gc.max-size')).toEqual({
      key: 'gc.max-size',
      value: '20GiB',
      source: 'file',
      line: 5,
      variable: 'XCACHE_GC_MAX_SIZE',
    });
  });

  test.each([
    ['[gc]\r\n# gc.max-age = 1\r\n\r\nmax-age = "90d"\r\n', 4],
    ['gc.max-age = "90d"', 1],
    ['\n\ngc = { automatic = true, max-age = "90d" }\n', 3],
    ['[mount]\n# driver\n\n[gc]\nautomatic = true\nmax-age = "90d" # long\n', 6],
  ])('finds the line of a key in %j', async (text, line) => {
    const { entries } = await configured(text);
    expect(entry(entries, 'gc.max-age')).toMatchObject({ source: 'file', line });
  });

  test('is overruled by the environment, and an empty variable is none', async () => {
    const { config, entries } = await configured(
      '[gc]\nautomatic = true\nmax-size = "1GiB"\nmax-age = "1d"\n[mount]\ndriver = "direct"\n',
      {
        XCACHE_GC_AUTOMATIC: '0',
        XCACHE_GC_MAX_SIZE: '2GiB',
        XCACHE_GC_MAX_AGE: '',
        XCACHE_LOG: 'WARN',
        XCACHE_MOUNT_DRIVER: 'auto',
      },
    );
    expect(config).toEqual({
      gc: { isAutomatic: false, maxSizeBytes: 2 * 2 ** 30, maxAgeMs: 86_400_000 },
      service: { logLevel: 'warn' },
      mount: { driver: undefined },
      verify: { sample: 0 },
    });
    expect(entry(entries, 'service.log-level')).toMatchObject({
      source: 'environment',
      variable: 'XCACHE_LOG',
      line: null,
    });
  });
});

describe('a mistake in the file', () => {
  test.each([
    ['[gc]\nmax_size = "20GiB"', 2, 'unknown key gc.max_size', 'gc.max-size'],
    ['[gc]\nmax-sise = "20GiB"', 2, 'unknown key gc.max-sise', 'gc.max-size'],
    ['\n[service]\nloglevel = "info"', 3, 'unknown key service.loglevel', 'service.log-level'],
    ['[frobnicate]\nx = 1', 1, 'unknown key frobnicate', 'known are gc.automatic'],
    ['gc = 5', 1, 'unknown key gc', 'known are gc.automatic'],
    ['"gc.automatic" = true', 1, 'unknown key "gc.automatic"', 'gc.automatic'],
    ['[gc]\n\n[gc.extra]\nx = 1', 3, 'unknown key gc.extra', 'known are'],
  ])('is an unknown key in %j', async (text, line, message, hint) => {
    await expect(configured(text)).rejects.toMatchObject({
      code: 'XC_CONFIG',
      message: `${file}:${line}: ${message}`,
      hint: expect.stringContaining(hint) as string,
    });
  });

  test.each([
    ['[gc]\nmax-size = 20', 2, 'gc.max-size is 20: a size such as "20GiB" is wanted'],
    ['[gc]\nmax-size = "20XB"', 2, 'gc.max-size is "20XB": a size such as "20GiB"'],
    ['[gc]\nmax-size = "0"', 2, 'gc.max-size is "0"'],
    ['[gc]\n\nmax-age = "soon"', 3, 'gc.max-age is "soon": a duration such as "90d"'],
    ['[gc]\nautomatic = "yes"', 2, 'gc.automatic is "yes": true or false is wanted'],
    ['[service]\nlog-level = "loud"', 2, 'one of "trace", "debug", "info"'],
    ['[mount]\ndriver = [\n"direct"\n]', 2, 'mount.driver is ["direct"]'],
    ['[gc.automatic]', 1, 'gc.automatic is {}'],
    ['[gc]\nmax-size = "20GiB\n', 2, 'not TOML'],
    ['[gc]\nautomatic = true\nautomatic = false', 3, 'not TOML'],
  ])('is a value that will not do in %j', async (text, line, message) => {
    await expect(configured(text)).rejects.toMatchObject({
      code: 'XC_CONFIG',
      message: expect.stringContaining(message) as string,
    });
    await expect(configured(text)).rejects.toThrow(`${file}:${line}:`);
  });

  test('is named by its variable where it comes from the environment', async () => {
    await expect(loadConfig(file, { XCACHE_GC_MAX_AGE: 'soon' })).rejects.toMatchObject({
      code: 'XC_CONFIG',
      message: `XCACHE_GC_MAX_AGE is 'soon': a duration such as "90d", or "auto", is wanted`,
    });
    await expect(loadConfig(file, { XCACHE_GC_AUTOMATIC: 'yes' })).rejects.toThrow('true or false');
  });

  test('is a file that is a directory, binary or far too large', async () => {
    await mkdir(file);
    await expect(loadConfig(file, {})).rejects.toMatchObject({ code: 'XC_CONFIG' });
    const binary = join(directory.path, 'binary.toml');
    await writeFile(binary, Buffer.from([0x61, 0xff, 0xfe]));
    await expect(loadConfig(binary, {})).rejects.toThrow('not UTF-8');
    const large = join(directory.path, 'large.toml');
    await writeFile(large, '#'.repeat(1 << 17));
    await expect(loadConfig(large, {})).rejects.toThrow('too large');
  });

  test.skipIf(process.geteuid?.() === 0)('is a file that may not be read', async () => {
    await writeFile(file, '');
    await chmod(file, 0);
    await expect(loadConfig(file, {})).rejects.toThrow('cannot be read');
  });

  test.each([
    ['empty lines', `${'\n'.repeat(60_000)}x = 1`, 60_001],
    ['comments', `${'#\n'.repeat(30_000)}x = 1`, 30_001],
    ['a long list', `x = [\n${'1,\n'.repeat(20_000)}]`, 1],
    ['a long text', `x = """\n${'a\n'.repeat(30_000)}"""`, 1],
  ])(
    'names the line of a mistake among %s without reading them each again',
    async (_, text, line) => {
      const before = process.cpuUsage();
      await expect(configured(text)).rejects.toThrow(`${file}:${line}: unknown key x`);
      // Half a minute, where every line is tried.
      expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
    },
  );
});

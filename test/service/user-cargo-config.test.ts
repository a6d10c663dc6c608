import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { XcacheError } from '../../src/base/errors.js';
import {
  cargoHomeOf,
  clearUserCargoConfig,
  loadUserCargoConfig,
  planInsert,
  saveUserCargoConfig,
} from '../../src/service/setup/user-cargo-config.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

const value = '/mnt{workspace-root}/@build';
let directory: TempDirectory;
let cargoHome: string;

beforeEach(async () => {
  directory = await createTempDirectory();
  cargoHome = join(directory.path, 'cargo');
  await mkdir(cargoHome);
});

afterEach(async () => await directory[Symbol.asyncDispose]());

async function setValue(): Promise<void> {
  const config = await loadUserCargoConfig(cargoHome);
  const plan = planInsert(config, value, false);
  if (plan.kind !== 'changed') throw new Error(`it is ${plan.kind}`);
  await saveUserCargoConfig(config, plan.text);
}

async function clearValue(): Promise<boolean> {
  return await clearUserCargoConfig(await loadUserCargoConfig(cargoHome));
}

async function failureOf(promise: Promise<unknown>): Promise<XcacheError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof XcacheError) return error;
  throw error;
}

const inHome = (name: string): string => join(cargoHome, name);

test('the home of cargo is $CARGO_HOME, else ~/.cargo', () => {
  expect(cargoHomeOf({ CARGO_HOME: '/c', HOME: '/h' })).toBe('/c');
  expect(cargoHomeOf({ CARGO_HOME: '', HOME: '/h' })).toBe('/h/.cargo');
  expect(cargoHomeOf({ CARGO_HOME: 'c' })).toBe(join(process.cwd(), 'c'));
});

describe('where there is no file', () => {
  test('config.toml is made, and removed again', async () => {
    await setValue();
    expect(await readdir(cargoHome)).toEqual(['config.toml']);
    expect((await stat(inHome('config.toml'))).mode & 0o111).toBe(0);
    expect(await clearValue()).toBe(true);
    expect(await readdir(cargoHome)).toEqual([]);
    expect(await clearValue()).toBe(false);
  });

  test('a missing home of cargo is made', async () => {
    cargoHome = join(directory.path, 'new', 'cargo');
    await setValue();
    expect(await readdir(cargoHome)).toEqual(['config.toml']);
  });
});

test('the older name is used where it exists, as cargo does', async () => {
  await writeFile(inHome('config'), '[net]\nretry = 3\n');
  await writeFile(inHome('config.toml'), '[net]\nretry = 4\n');
  const config = await loadUserCargoConfig(cargoHome);
  expect(config).toMatchObject({ path: inHome('config'), shadowed: inHome('config.toml') });
  await setValue();
  expect(await readFile(inHome('config'), 'utf8')).toContain(value);
  expect(await readFile(inHome('config.toml'), 'utf8')).toBe('[net]\nretry = 4\n');
  await clearValue();
  expect(await readFile(inHome('config'), 'utf8')).toBe('[net]\nretry = 3\n');
});

test('mode and content come back as they were', async () => {
  await writeFile(inHome('config.toml'), '[build]\r\njobs = 2', { mode: 0o600 });
  await setValue();
  expect((await stat(inHome('config.toml'))).mode & 0o777).toBe(0o600);
  await clearValue();
  expect(await readFile(inHome('config.toml'), 'utf8')).toBe('[build]\r\njobs = 2');
  expect(await readdir(cargoHome)).toEqual(['config.toml']);
});

test('a symbolic link stays one, and what it leads to is changed', async () => {
  const target = join(directory.path, 'dotfiles.toml');
  await writeFile(target, '[net]\nretry = 3\n');
  await symlink('../dotfiles.toml', inHome('config.toml'));
  await setValue();
  expect(await readlink(inHome('config.toml'))).toBe('../dotfiles.toml');
  expect(await readFile(target, 'utf8')).toContain(value);
  await clearValue();
  expect((await lstat(inHome('config.toml'))).isSymbolicLink()).toBe(true);
  expect(await readFile(target, 'utf8')).toBe('[net]\nretry = 3\n');
});

describe('refused, and left as it is', () => {
  test('a symbolic link that leads nowhere', async () => {
    await symlink('nowhere', inHome('config.toml'));
    expect((await failureOf(setValue())).message).toContain('cannot be read');
    expect(await readdir(cargoHome)).toEqual(['config.toml']);
  });

  test('a directory', async () => {
    await mkdir(inHome('config.toml'));
    expect((await failureOf(setValue())).message).toContain('not a file');
  });

  test('a read-only file', async () => {
    await writeFile(inHome('config.toml'), '[net]\nretry = 3\n');
    await chmod(inHome('config.toml'), 0o444);
    const { code, message } = await failureOf(setValue());
    expect(code).toBe('XC_CARGO_CONFIG');
    expect(message).toContain('read-only (mode 444)');
    expect(await readFile(inHome('config.toml'), 'utf8')).toBe('[net]\nretry = 3\n');
  });

  test('bytes that are no UTF-8', async () => {
    await writeFile(inHome('config.toml'), Buffer.from([0x23, 0xff, 0x0a]));
    expect((await failureOf(setValue())).code).toBe('XC_CARGO_CONFIG');
    expect(await readFile(inHome('config.toml'))).toEqual(Buffer.from([0x23, 0xff, 0x0a]));
  });

  test('a file with a mistake, which is named', async () => {
    await writeFile(inHome('config.toml'), '[net]\nretry = \n');
    const { message } = await failureOf(setValue());
    expect(message).toContain(`${inHome('config.toml')}: line 2`);
  });

  test('a file that somebody changes meanwhile', async () => {
    await writeFile(inHome('config.toml'), '[net]\n');
    const config = await loadUserCargoConfig(cargoHome);
    await writeFile(inHome('config.toml'), '[net]\nretry = 5\n');
    const { message } = await failureOf(saveUserCargoConfig(config, 'x = 1\n'));
    expect(message).toContain('changed by somebody else');
    expect(await readFile(inHome('config.toml'), 'utf8')).toBe('[net]\nretry = 5\n');
  });
});

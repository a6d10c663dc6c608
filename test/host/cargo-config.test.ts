/** What counts as cargo's configuration: files, includes, `--config`, aliases, the environment. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadCargoConfig, type CargoStart } from '../../src/host/cargo-config.js';
import { HostFiles } from '../../src/host/host-files.js';
import { createTempDirectory } from '../support/tmp.js';

type Files = Readonly<Record<string, string>>;

async function load(
  files: Files,
  start: Partial<CargoStart> = {},
): Promise<ReturnType<typeof loadCargoConfig> & { readonly at: string }> {
  await using directory = await createTempDirectory();
  const at = directory.path;
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), text.replaceAll('$AT', at));
  }
  mkdirSync(join(at, 'w/deep'), { recursive: true });
  const words = (start.words ?? ['build']).map((word) => word.replaceAll('$AT', at));
  const whole = { variables: start.variables ?? {}, words };
  const host = new HostFiles(() => []);
  return { ...loadCargoConfig(join(at, 'w/deep'), join(at, 'home'), host, whole), at };
}

function envOf(config: Awaited<ReturnType<typeof load>>): Record<string, string> {
  if ('unreadable' in config) throw new Error(config.unreadable);
  const entries = [...config.env].map(([name, { value, force }]) => {
    return [name, `${value.replace(config.at, '')}${force ? '!' : ''}`];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}

const deep = 'w/deep/.cargo/config.toml';
const upper = 'w/.cargo/config.toml';
const home = 'home/config.toml';

describe('[env]', () => {
  test('is merged key by key, the deepest value of each winning', async () => {
    const files = {
      [deep]: '[env]\nA = "deep"\n',
      [upper]: '[env]\nA = "upper"\nB = "upper"\n',
      [home]: '[env]\nB = "home"\nC = { value = "home", force = true }\n',
    };
    expect(envOf(await load(files))).toEqual({ A: 'deep', B: 'upper', C: 'home!' });
  });

  test('takes parts of one entry from several files, and paths from the file that cargo read first', async () => {
    const files = {
      [deep]: '[env]\nA = { value = "a" }\n[env.B]\nrelative = true\n',
      [upper]: '[env]\nA = { value = "b", force = true }\nB = { value = "./b" }\n',
    };
    expect(envOf(await load(files))).toEqual({ A: 'a!', B: '/w/deep/./b' });
  });

  test('that is a text here and a table there is refused, as cargo does', async () => {
    const files = { [deep]: '[env]\nA = "a"\n', [upper]: '[env]\nA = { value = "b" }\n' };
    expect(await load(files)).toMatchObject({
      unreadable: expect.stringContaining('env.A') as string,
    });
  });
});

describe('include', () => {
  test.each([
    ['a list', 'include = ["../extra.toml"]\n[env]\nA = "own"\n'],
    ['tables', 'include = [{ path = "../extra.toml" }]\n[env]\nA = "own"\n'],
    ['a text', 'include = "../extra.toml"\n[env]\nA = "own"\n'],
  ])('as %s is weaker than the file that has it', async (_form, text) => {
    const files = { [deep]: text, 'w/deep/extra.toml': '[env]\nA = "extra"\nB = "extra"\n' };
    const config = await load(files);
    expect(envOf(config)).toEqual({ A: 'own', B: 'extra' });
    expect(config).toMatchObject({ hasIncludes: true });
  });

  test('of a later file wins over an earlier one, and optional ones may be missing', async () => {
    const files = {
      [deep]: 'include = ["a.toml", { path = "none.toml", optional = true }, "b.toml"]\n',
      'w/deep/.cargo/a.toml': '[env]\nA = "a"\n',
      'w/deep/.cargo/b.toml': '[env]\nA = "b"\n',
    };
    expect(envOf(await load(files))).toEqual({ A: 'b' });
  });

  test.each([
    ['itself', { [deep]: 'include = ["config.toml"]\n' }],
    [
      'in a circle',
      { [deep]: 'include = ["a.toml"]\n', 'w/deep/.cargo/a.toml': 'include = ["config.toml"]\n' },
    ],
    ['what is missing', { [deep]: 'include = ["config.toml.toml"]\n' }],
    ['a number', { [deep]: 'include = [1] # config.toml\n' }],
  ])('of %s is refused with the name of the file', async (_what, files) => {
    expect(await load(files)).toMatchObject({
      unreadable: expect.stringContaining('config.toml') as string,
    });
  });
});

describe('--config', () => {
  test('is stronger than files and the environment, the last one most of all', async () => {
    const words = ['build', '--config', 'build.rustc="one"', '--config=build.rustc="./two"'];
    const variables = { CARGO_BUILD_RUSTC: 'variable', CARGO_BUILD_RUSTC_WRAPPER: 'sccache' };
    const config = await load({ [deep]: '[build]\nrustc = "file"\n' }, { words, variables });
    expect(config).toMatchObject({ rustc: `${config.at}/w/deep/./two`, rustcWrapper: 'sccache' });
  });

  test('takes files, whose paths count from the directory above theirs, as they are written', async () => {
    const files = {
      'x/y/z.toml': 'include = ["more.toml"]\n[build]\nrustc = "bin/rustc"\n',
      'x/y/more.toml': '[env]\nM = "m"\n',
    };
    const config = await load(files, { words: ['--config', '../../x/y/z.toml', 'check'] });
    expect(config).toMatchObject({ rustc: `${config.at}/w/deep/../../x/bin/rustc` });
    expect(envOf(config)).toEqual({ M: 'm' });
  });

  test('behind the subcommand takes the place of what stands before it', async () => {
    const words = ['--config', 'env.A="a"', 'build', '--config', 'env.B="b"'];
    expect(envOf(await load({}, { words }))).toEqual({ B: 'b' });
  });

  test('behind -- belongs to the program, and counts for nothing', async () => {
    expect(envOf(await load({}, { words: ['run', '--', '--config', 'env.A="a"'] }))).toEqual({});
  });

  test('that cannot be read is refused', async () => {
    for (const argument of ['no such thing', 'a.b', 'env.A=2020-01-01', 'build.rustc=1']) {
      const config = await load({}, { words: ['build', '--config', argument] });
      expect(config, argument).toHaveProperty('unreadable');
    }
    expect(await load({}, { words: ['run', 'x', '--config', 'env.A="a"'] })).toHaveProperty(
      'unreadable',
    );
  });
});

describe('an alias', () => {
  const wrapper = `build.rustc-wrapper='w'`;

  test.each([
    ['a text', '[alias]\nfast = "build --config build.rustc-wrapper=\'w\'"\n'],
    ['a list', `[alias]\nfast = ["build", "--config", "${wrapper}"]\n`],
    [
      'another alias',
      `[alias]\nfast = "inner --release"\ninner = ["b", "--config", "${wrapper}"]\n`,
    ],
    ['options first', `[alias]\nfast = ["--config", "${wrapper}", "build"]\n`],
  ])('that is %s is read as cargo does', async (_form, text) => {
    expect(await load({ [upper]: text }, { words: ['fast'] })).toMatchObject({
      rustcWrapper: 'w',
      command: { subcommand: 'build' },
    });
  });

  test('may come from the environment, and may be given further --config', async () => {
    const variables = { CARGO_ALIAS_MY_FAST: `build --config ${wrapper}` };
    const words = ['--config', 'env.A="a"', 'my-fast', '--config', 'env.B="b"'];
    const config = await load({}, { words, variables });
    expect(config).toMatchObject({ rustcWrapper: 'w' });
    expect(envOf(config)).toEqual({ A: 'a', B: 'b' });
  });

  test("never takes the place of cargo's own commands, but that of their short forms", async () => {
    const text = `[alias]\nbuild = ["check", "--config", "${wrapper}"]\nb = ["check", "--config", "${wrapper}"]\n`;
    expect(await load({ [upper]: text })).toMatchObject({ rustcWrapper: undefined });
    expect(await load({ [upper]: text }, { words: ['b'] })).toMatchObject({ rustcWrapper: 'w' });
    expect(await load({}, { words: ['b'] })).toMatchObject({ command: { subcommand: 'build' } });
  });

  test.each([
    ['leads back to itself', '[alias]\nfast = "inner"\ninner = "fast"\n'],
    ['is itself', '[alias]\nfast = "fast"\n'],
    ['is no text', '[alias]\nfast = 1\n'],
    ['is empty', '[alias]\nfast = ""\n'],
    ['has numbers in it', '[alias]\nfast = ["build", 1]\n'],
    ['has no command', '[alias]\nfast = "--release"\n'],
  ])('that %s is refused with its name', async (_what, text) => {
    expect(await load({ [upper]: text }, { words: ['fast'] })).toMatchObject({
      unreadable: expect.stringContaining('fast') as string,
    });
  });

  test('is not looked for in --config', async () => {
    const words = ['--config', `alias.fast=["build","--config","${wrapper}"]`, 'fast'];
    expect(await load({}, { words })).toMatchObject({ command: { subcommand: 'fast' } });
  });
});

test('what changes the meaning of the configuration is refused', async () => {
  for (const words of [
    ['-Zhost-config', 'build'],
    ['build', '-Z', 'advanced-env'],
  ]) {
    expect(await load({}, { words })).toHaveProperty('unreadable');
  }
  expect(await load({ [home]: '[unstable]\ntarget-applies-to-host = true\n' })).toHaveProperty(
    'unreadable',
  );
});

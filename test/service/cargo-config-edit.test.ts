import fc from 'fast-check';
import { parse } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { XcacheError } from '../../src/base/errors.js';
import { insertBuildDir, removeBuildDir } from '../../src/service/setup/cargo-config-edit.js';

const value = '/home/u/.cache/xcache/mnt{workspace-root}/@build';
const earlier = '/elsewhere/mnt{workspace-root}/@build';
const isOurs = (text: string): boolean => text.endsWith('{workspace-root}/@build');

function insert(text: string | undefined, mayReplace = false, wanted = value): string {
  const outcome = insertBuildDir(text, { value: wanted, isOurs, mayReplace });
  if (outcome.kind !== 'changed') throw new Error(`it is ${outcome.kind}`);
  return outcome.text;
}

function remove(text: string): string | undefined {
  const outcome = removeBuildDir(text, isOurs);
  return outcome.kind === 'changed' ? outcome.text : outcome.kind === 'delete' ? undefined : text;
}

function failureOf(action: () => unknown): XcacheError {
  try {
    action();
  } catch (error) {
    if (error instanceof XcacheError) return error;
    throw error;
  }
  throw new Error('it succeeded');
}

const settings = (text: string): Record<string, unknown> => parse(text);

/** Configurations without a build-dir. */
const plain: readonly (readonly [name: string, text: string])[] = [
  ['an empty file', ''],
  ['only a comment', '# mine\n'],
  ['only blank lines', '\n\n'],
  ['other tables', '[net]\nretry = 3\n\n[alias]\nb = "build"\n'],
  ['no line end at the end', '[net]\nretry = 3'],
  ['Windows line ends', '[net]\r\nretry = 3\r\n'],
  ['Windows line ends, none at the end', '[net]\r\nretry = 3'],
  ['[build] first', '[build]\njobs = 4\n\n[net]\nretry = 3\n'],
  ['[build] last', '[net]\nretry = 3\n[build]\njobs = 4\n'],
  ['[build] empty and last, without line end', '[net]\nretry = 3\n[build]'],
  ['[build] with Windows line ends', '[build]\r\njobs = 4\r\n'],
  ['[build] with spaces and a comment', '  [ build ]  # how\n  jobs = 4 # many\n'],
  ['[build] with quotes', '["build"]\njobs = 4\n'],
  ['dotted keys', 'build.jobs = 4\nbuild.rustflags = [\n  "-C",\n  "opt-level=1",\n]\n'],
  ['a dotted key after another table', 'net.retry = 3\nbuild.jobs = 4'],
  ['an inline table', 'build = { jobs = 4 } # few\n\n[net]\nretry = 3\n'],
  ['an empty inline table', 'build = {}\n'],
  ['a table below build alone', '[build.warnings]\nx = 1\n'],
  ['a table array at the end', '[[thing]]\nname = "a"\n'],
  ['a text that looks like a table', 'x = """\n[build]\n"""\n\n[build]\njobs = 4\n'],
  ['a text that looks like our block', "x = '''\n# >>> xcache >>>\n'''\n"],
  ['a commented [build]', '# [build]\n# build-dir = "/x"\n'],
  ['a byte order mark', '\uFEFF[build]\njobs = 4\n'],
  ['large integers and dates', 'n = 9007199254740993\nd = 2020-01-01T00:00:00Z\n'],
  ['a build-dir of another table', '[profile.x]\nbuild-dir = "y"\n[build]\njobs = 1\n'],
];

/** Configurations with a value of the user's own. */
const own: readonly (readonly [name: string, text: string])[] = [
  ['in [build]', '[build]\njobs = 4\nbuild-dir = "/fast/x" # SSD\n\n[net]\nretry = 3\n'],
  ['in [build], without line end', '[build]\nbuild-dir = "/fast/x"'],
  ['in [build], with Windows line ends', '[build]\r\n  build-dir = "/fast/x"\r\njobs = 1\r\n'],
  ['with quotes around the key', '[build]\n"build-dir" = \'/fast/x\'\n'],
  ['dotted', 'build.build-dir = "/fast/x"\n[net]\nretry = 3\n'],
  ['dotted, with spaces', 'build . build-dir = "/fast/x"\n'],
  ['in an inline table', 'build = { jobs = 4, build-dir = "/fast/x" }\n'],
];

describe.each(plain)('%s', (_, text) => {
  const strip = (each: string): string => each.replace(/^\uFEFF/, '');

  test('gets exactly one setting more', () => {
    const expected = parse(strip(text), { integersAsBigInt: true });
    const changed = parse(strip(insert(text)), { integersAsBigInt: true });
    const { 'build-dir': buildDir, ...build } = changed['build'] as Record<string, unknown>;
    expect(buildDir).toBe(value);
    expect(build).toEqual(expected['build'] ?? {});
    expect({ ...changed, build: 0 }).toEqual({ ...expected, build: 0 });
  });

  test('is not changed by a second setup', () => {
    const outcome = insertBuildDir(insert(text), { value, isOurs, mayReplace: false });
    expect(outcome.kind).toBe('unchanged');
  });

  test('has its bytes back after the teardown', () => {
    expect(remove(insert(text))).toBe(text);
  });

  test('has its bytes back also where the directory was another one for a while', () => {
    const moved = insert(insert(text, false, earlier));
    expect(moved).toBe(insert(text));
    expect(remove(moved)).toBe(text);
  });

  test('is not changed by a teardown without a setup', () => {
    expect(removeBuildDir(text, isOurs)).toEqual({ kind: 'unchanged' });
  });
});

describe.each(own)('a value of the user %s', (_, text) => {
  test('is not replaced without being asked', () => {
    const outcome = insertBuildDir(text, { value, isOurs, mayReplace: false });
    expect(outcome).toEqual({ kind: 'own-value', value: '/fast/x' });
  });

  test('is replaced when that is wanted, and nothing else', () => {
    const expected = settings(text);
    const changed = settings(insert(text, true));
    expect(changed).toEqual({
      ...expected,
      build: { ...(expected['build'] as object), 'build-dir': value },
    });
  });

  test('is back after the teardown, byte by byte', () => {
    expect(remove(insert(text, true))).toBe(text);
  });

  test('is kept when the directory changes', () => {
    const moved = insert(insert(text, true, earlier), true);
    expect(settings(moved)).toMatchObject({ build: { 'build-dir': value } });
    expect(remove(moved)).toBe(text);
  });

  test('is not touched by a teardown without a setup', () => {
    expect(removeBuildDir(text, isOurs)).toEqual({ kind: 'unchanged' });
  });
});

describe('a file that was not there', () => {
  test('is a marked block, and goes with it', () => {
    const text = insert(undefined);
    expect(text.split('\n')).toEqual([
      '# >>> xcache >>>',
      '# xcache setup made this file',
      '[build]',
      `build-dir = "${value}"`,
      '# <<< xcache <<<',
      '',
    ]);
    expect(removeBuildDir(text, isOurs)).toEqual({ kind: 'delete' });
    expect(removeBuildDir(insert(insert(undefined, false, earlier)), isOurs).kind).toBe('delete');
  });

  test('stays where the user has added to it', () => {
    expect(remove(`${insert(undefined)}[net]\nretry = 3\n`)).toBe('[net]\nretry = 3\n');
  });
});

describe('what the user did to the block meanwhile', () => {
  test('a setting below it stays in its table', () => {
    const text = `${insert('[net]\nretry = 3\n')}jobs = 4\n`;
    expect(settings(remove(text) ?? '')).toEqual({ net: { retry: 3 }, build: { jobs: 4 } });
  });

  test('a setting inside of it stays', () => {
    const text = insert('').replace('build-dir', 'jobs = 4\nbuild-dir');
    expect(settings(remove(text) ?? '')).toEqual({ build: { jobs: 4 } });
  });

  test('a value of their own inside of it is theirs', () => {
    const text = insert('').replace(value, '/mine');
    expect(insertBuildDir(text, { value, isOurs, mayReplace: false }).kind).toBe('own-value');
    expect(settings(remove(text) ?? '')).toEqual({ build: { 'build-dir': '/mine' } });
    const replaced = insert(text, true);
    expect(settings(remove(replaced) ?? '')).toEqual({ build: { 'build-dir': '/mine' } });
  });

  test('without its marks our value goes all the same', () => {
    const text = `[build]\njobs = 4\nbuild-dir = "${value}"\n`;
    expect(insertBuildDir(text, { value, isOurs, mayReplace: false }).kind).toBe('unchanged');
    expect(remove(text)).toBe('[build]\njobs = 4\n');
  });
});

describe('what cannot be edited', () => {
  test.each([
    ['no TOML', '[build\n'],
    ['a key twice', 'a = 1\na = 2\n'],
    ['a table twice', '[build]\n[build]\n'],
  ])('%s is an error that names the line', (_, text) => {
    for (const edit of [(): unknown => insert(text), (): unknown => remove(text)]) {
      const { code, message } = failureOf(edit);
      expect(code).toBe('XC_CARGO_CONFIG');
      expect(message).toMatch(/line \d/);
    }
  });

  test('a value over several lines is left to the user', () => {
    const text = '[build]\nbuild-dir = """\n/fast/x"""\n';
    expect(failureOf(() => insert(text, true)).hint).toContain('by hand');
  });

  test('tables nested too deeply to be compared are left to the user', () => {
    const text = `[${'a.'.repeat(5_000)}a]\nb = 1\n`;
    expect(failureOf(() => insert(text)).hint).toContain('by hand');
  });

  test('a build-dir that is no text is an error', () => {
    expect(failureOf(() => insert('build.build-dir = 3\n')).message).toContain('no string');
  });
});

test.each([
  '\nbuild = { jobs = 2, "build-dir" = "t" } # x\r\n[net]\r\n',
  '\r\nbuild = { jobs = 2 }\n[net]\n',
])('a configuration with line ends of both kinds has its bytes back (%j)', (text) => {
  expect(remove(insert(text, true))).toBe(text);
});

test('any configuration of such lines has its bytes back', () => {
  const line = fc.constantFrom(
    '# a comment',
    '',
    '  jobs = 4',
    'rustflags = ["-g"]',
    'build-dir = "/fast/x"',
    'build.jobs = 3',
    'build.build-dir = "/y"',
    '[build]',
    '[net]',
    '[build.x]',
    '[[a]]',
    'build = { jobs = 2 }',
    'build = { jobs = 2 } # \t ',
    's = "[build]"',
    'm = """',
    '"""',
  );
  const file = fc
    .tuple(fc.array(line, { maxLength: 8 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
    .map(([lines, end, isEnded]) => lines.join(end) + (isEnded && lines.length > 0 ? end : ''));
  fc.assert(
    fc.property(file, (text) => {
      let changed: string;
      try {
        changed = insert(text, true);
      } catch (error) {
        // Not TOML, mostly.
        return error instanceof XcacheError;
      }
      return remove(changed) === text;
    }),
    { numRuns: 3000 },
  );
});

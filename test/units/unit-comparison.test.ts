import { expect, test } from 'vitest';
import { compareUnits, type ComparedUnit } from '../../src/units/unit-comparison.js';
import type { UnitFacts } from '../../src/units/unit-facts.js';
import type { Digest, ManifestEntry } from '../../src/store/manifest.js';

const hash = '0123456789abcdef';
const blobs = new Map<string, Buffer>();

/** A unit of one file for each text; two units with other texts have other outputs. */
function unitOf(
  texts: Readonly<Record<string, string>>,
  facts: Partial<UnitFacts> = {},
): ComparedUnit {
  const entries = Object.entries(texts).map(([path, text]): ManifestEntry => {
    const bytes = Buffer.from(text, 'latin1');
    const blob = bytes.toString('hex').padEnd(64, '0') as Digest;
    blobs.set(blob, bytes);
    return { kind: 'file', path, blob, offset: 0, sizeBytes: bytes.length, mode: 0o644 };
  });
  const place = {
    layout: 'classic',
    profilePath: 'debug',
    package: 'demo',
    unitHash: hash,
  } as const;
  return {
    entries,
    facts: {
      ...place,
      kind: 'run-build-script',
      identity: 'same',
      outputs: JSON.stringify(texts),
      dependencies: [],
      buildDir: '/a/target',
      ...facts,
    } as unknown as UnitFacts,
  };
}

const output = `debug/build/demo-${hash}/output`;
const generated = `debug/build/demo-${hash}/out/generated.rs`;

async function verdict(stored: ComparedUnit, built: ComparedUnit): Promise<string> {
  const read = (entry: { readonly blob: string }): Promise<Buffer> =>
    Promise.resolve(blobs.get(entry.blob) ?? Buffer.alloc(0));
  const { kind, detail } = await compareUnits(stored, built, read);
  return `${kind} ${detail}`.trim();
}

test('times and the path of the build-dir make no difference, anything else does', async () => {
  const stored = unitOf({ [generated]: 'const T: u64 = 1700000001; // /a/target/x 2026-01-02' });
  const elsewhere = { buildDir: '/longer/b/target' };
  const text = 'const T: u64 = 1799999999; // /longer/b/target/x 2026-03-04';
  expect(await verdict(stored, unitOf({ [generated]: text }, elsewhere))).toBe('equal');
  expect(await verdict(stored, unitOf({ [generated]: 'const T: u64 = 17;' }))).toBe(
    `differs ${generated}`,
  );
});

test('a file that only one of both has is a difference', async () => {
  const stored = unitOf({ [output]: 'x' });
  expect(await verdict(stored, unitOf({ [output]: 'x', [generated]: '' }))).toBe(
    `differs ${generated}`,
  );
  expect(await verdict(unitOf({ [output]: 'x', [generated]: '' }), stored)).toBe(
    `differs ${generated}`,
  );
});

test('times in the headers of an archive make no difference, its members do', async () => {
  const archive = (time: string, content: string): string =>
    `!<arch>\n${'thing.o/'.padEnd(16)}${time.padEnd(12)}0     0     100644  ${'5'.padEnd(10)}\`\n${content}\n`;
  const name = `debug/build/demo-${hash}/out/libthing.a`;
  const stored = unitOf({ [name]: archive('1700000001', 'bytes') });
  expect(await verdict(stored, unitOf({ [name]: archive('1799999999', 'bytes') }))).toBe('equal');
  expect(await verdict(stored, unitOf({ [name]: archive('1700000001', 'other') }))).toBe(
    `differs ${name}`,
  );
});

test('what was made from other things, or with other dependencies, says nothing', async () => {
  const stored = unitOf({ [output]: 'a' });
  expect(await verdict(stored, unitOf({ [output]: 'b' }, { identity: 'other' }))).toMatch(
    /^incomparable/,
  );
  const needs = (outputs: string): Partial<UnitFacts> => ({
    dependencies: [{ unitKey: 'debug#classic#1', fingerprint: 'f', identity: 'i', outputs }],
  });
  expect(
    await verdict(unitOf({ [output]: 'a' }, needs('1')), unitOf({ [output]: 'b' }, needs('2'))),
  ).toBe('incomparable it was built with other bytes of debug#classic#1');
});

test('code that names its build-dir cannot be compared with that of another one', async () => {
  const name = `debug/build/demo-${hash}/out/data.bin`;
  const stored = unitOf({ [name]: '\0\x01 /a/target \x02' });
  const built = unitOf({ [name]: '\0\x07 /b/target \x02\x03' }, { buildDir: '/b/target' });
  expect(await verdict(stored, built)).toMatch(/^incomparable/);
  // At the same place there is no such excuse.
  expect(await verdict(stored, unitOf({ [name]: '\0\x07 /a/target \x02\x03' }))).toBe(
    `differs ${name}`,
  );
});

test('a crate whose hash has the path of its OUT_DIR cannot be compared with that of another one', async () => {
  const name = `debug/deps/libdemo-${hash}.rmeta`;
  const made = (buildDir: string, bytes: string, told: string): ComparedUnit =>
    unitOf(
      {
        [name]: bytes,
        [`debug/deps/demo-${hash}.d`]: `${buildDir}/debug/deps/demo-${hash}.d: src/lib.rs ${told}\n`,
      },
      { kind: 'lib', buildDir },
    );
  const note = (buildDir: string): string => `${buildDir}/debug/build/demo-${hash}/out/note.txt`;
  const variable = (buildDir: string): string => `\n# env-dep:OUT_DIR=${buildDir}/debug`;
  for (const told of [note, variable]) {
    const stored = made('/a/target', 'hash 1', told('/a/target'));
    const elsewhere = made('/b/target', 'hash 2', told('/b/target'));
    expect(await verdict(stored, elsewhere)).toBe(
      `incomparable ${name} was made with the path of the build-dir`,
    );
    const same = made('/a/target', 'hash 2', told('/a/target'));
    expect(await verdict(stored, same)).toBe(`differs ${name}`);
  }
  const stored = made('/a/target', 'hash 1', '');
  expect(await verdict(stored, made('/b/target', 'hash 2', ''))).toBe(`differs ${name}`);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fingerprintHash,
  formatFingerprintHash,
  parseFingerprintHash,
  parseFingerprintJson,
  rustcFieldHash,
} from '../../src/cargo/fingerprint.js';
import { parseFingerprintName } from '../../src/cargo/fingerprint-name.js';
import { readJson } from '../../src/cargo/json-reader.js';
import { fingerprintFixture, fixtureNames, fixtureText } from './fixtures.js';

describe('fingerprints that cargo wrote', () => {
  it.each(fixtureNames('fingerprints'))('rule 2: the hash of %s can be recomputed', (name) => {
    const { json, hash } = fingerprintFixture(name);
    const fingerprint = parseFingerprintJson(json);
    expect(fingerprint).toBeDefined();
    expect(formatFingerprintHash(fingerprintHash(fingerprint!))).toBe(hash);
    expect(parseFingerprintHash(hash)).toBe(fingerprintHash(fingerprint!));
  });

  it('show every variant of `local`', () => {
    const kinds = fixtureNames('fingerprints').flatMap((name) =>
      parseFingerprintJson(fingerprintFixture(name).json)!.local.map((local) => local.kind),
    );
    expect(new Set(kinds)).toEqual(
      new Set(['precalculated', 'check-dep-info', 'rerun-if-changed', 'rerun-if-env-changed']),
    );
  });

  it('name the compiler by the hash of what `rustc -vV` prints', () => {
    const { json } = fingerprintFixture('lib-serde_core.fingerprint');
    expect(rustcFieldHash(fixtureText('rustc-vV.txt'))).toBe(parseFingerprintJson(json)!.rustc);
  });

  it('keep numbers that a double would round', () => {
    const { json } = fingerprintFixture('lib-serde_core.fingerprint');
    const rustc = /"rustc":(\d+)/.exec(json)![1]!;
    expect(parseFingerprintJson(json)!.rustc).toBe(BigInt(rustc));
    expect(BigInt(Number(rustc))).not.toBe(BigInt(rustc));
  });
});

describe('a fingerprint JSON', () => {
  const sample = fingerprintFixture('run-build-script-own-package.fingerprint').json;
  const changed = (from: string | RegExp, to: string): unknown => {
    const text = sample.replace(from, to);
    expect(text).not.toBe(sample);
    return parseFingerprintJson(text);
  };

  it('rule 21: is unknown with a further key', () => {
    expect(changed('{"rustc"', '{"more":1,"rustc"')).toBeUndefined();
  });

  it('rule 21: is unknown without one of its keys', () => {
    expect(changed(',"config":0', '')).toBeUndefined();
  });

  it('rule 21: is unknown with an unknown variant of `local`', () => {
    expect(changed('"RerunIfEnvChanged"', '"RerunIfMoonChanged"')).toBeUndefined();
    expect(changed('"var":"PU_NONE"', '"var":"PU_NONE","x":1')).toBeUndefined();
  });

  it('is unknown with a number outside of 64 bits, a fraction or an exponent', () => {
    expect(changed('"config":0', '"config":18446744073709551616')).toBeUndefined();
    expect(changed('"config":0', '"config":-1')).toBeUndefined();
    expect(changed('"config":0', '"config":1.0')).toBeUndefined();
    expect(changed('"config":0', '"config":1e3')).toBeUndefined();
  });

  it('is unknown with a repeated key or text behind it', () => {
    expect(changed('{"rustc"', '{"config":0,"rustc"')).toBeUndefined();
    expect(parseFingerprintJson(`${sample} x`)).toBeUndefined();
  });

  it('is unknown when it was cut off anywhere', () => {
    for (let length = 0; length < sample.length; length += 1) {
      expect(parseFingerprintJson(sample.slice(0, length))).toBeUndefined();
    }
  });

  it('rule 21: may name the freshness method as cargo 1.100 does', () => {
    const classic = fingerprintFixture('lib-serde_core.fingerprint').json;
    const text = classic.replace('"checksum":false', '"fingerprint":"mtime"');
    expect(text).not.toBe(classic);
    expect(parseFingerprintJson(text)).toEqual(parseFingerprintJson(classic));
    expect(parseFingerprintJson(text.replace('"mtime"', '"moon"'))).toBeUndefined();
  });

  it('never makes the parser throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseFingerprintJson(text)));
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseFingerprintJson(text)).toBeUndefined();
      }),
    );
    const cut = fc.tuple(fc.nat(sample.length), fc.nat(sample.length), fc.string());
    fc.assert(
      fc.property(cut, ([from, to, middle]) => {
        parseFingerprintJson(sample.slice(0, from) + middle + sample.slice(to));
      }),
    );
  });

  it('never makes the parser overflow', () => {
    expect(readJson('['.repeat(1_000_000))).toBeUndefined();
    expect(readJson(`"${'\\"'.repeat(1_000_000)}"`)).toBe('"'.repeat(1_000_000));
  });
});

describe('the JSON reader', () => {
  it('agrees with JSON.parse wherever the numbers are small integers', () => {
    const safe = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(safe, (value) => {
        const text = JSON.stringify(value);
        if (/-0|[.eE]|\d{16}/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, ''))) return;
        expect(plain(readJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });
});

/** The reader's value as `JSON.parse` would give it. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  const entries = [...(value as Map<string, unknown>)].map(([key, item]) => [key, plain(item)]);
  return Object.fromEntries(entries) as unknown;
}

describe('a hash file', () => {
  it('rule 2: holds exactly 16 lower-case hex digits', () => {
    expect(parseFingerprintHash('')).toBeUndefined();
    expect(parseFingerprintHash('0123456789abcde')).toBeUndefined();
    expect(parseFingerprintHash('0123456789ABCDEF')).toBeUndefined();
    expect(parseFingerprintHash('0123456789abcdef\n')).toBeUndefined();
    expect(parseFingerprintHash('0123456789abcdef')).toBe(0xefcdab8967452301n);
  });

  it('reads back what was formatted', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (hash) => {
        expect(parseFingerprintHash(formatFingerprintHash(hash))).toBe(hash);
      }),
    );
  });
});

describe('the name of a fingerprint', () => {
  it.each([
    ['lib-serde', 'lib', 'serde'],
    ['bin-test-lib-x', 'bin', 'test-lib-x'],
    ['build-script-build-script-build', 'build-script', 'build-script-build'],
    ['run-build-script-build-script-main', 'run-build-script', 'build-script-main'],
    ['test-integration-test-te', 'test-integration-test', 'te'],
    ['test-lib-serde', 'test-lib', 'serde'],
    ['doc-lib-serde', 'doc-lib', 'serde'],
    ['example-ex-one', 'example', 'ex-one'],
  ])('%s says what the unit is', (name, kind, target) => {
    expect(parseFingerprintName(name)).toEqual({ kind, target });
  });

  it.each(['dep-lib-serde', 'lib-serde.json', 'output-lib-serde', 'invoked.timestamp', 'lib-', ''])(
    'is not %j',
    (name) => {
      expect(parseFingerprintName(name)).toBeUndefined();
    },
  );
});

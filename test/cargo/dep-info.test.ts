import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDepInfo } from '../../src/cargo/dep-info.js';
import { fixtureBytes } from './fixtures.js';

describe("cargo's dep-info", () => {
  it('names a generated source relative to the build-dir', () => {
    expect(parseDepInfo(fixtureBytes('dep-info/dep-lib-serde'))).toEqual({
      files: [
        {
          type: 'build-root',
          path: 'debug/build/serde-8171b9e16a21d063/out/private.rs',
          checksum: undefined,
        },
      ],
      env: [],
    });
  });

  it('tells variables that were set from those that were not', () => {
    expect(parseDepInfo(fixtureBytes('dep-info/dep-lib-with-env'))).toEqual({
      files: [{ type: 'package-root', path: 'src/lib.rs', checksum: undefined }],
      env: [
        ['PU_NAME', 'a\nb\\ c'],
        ['PU_OPT', undefined],
      ],
    });
  });

  it('may carry checksums', () => {
    const [file] = parseDepInfo(fixtureBytes('dep-info/dep-lib-with-checksum'))!.files;
    expect(file?.checksum).toEqual({
      sizeBytes: 145n,
      value: 'blake3=d39e9b40cd5b8dc155efa5674e268f1d4d63f8c21de25ce16da218b702e71354',
    });
  });

  it('keeps paths that are not UTF-8', () => {
    const bytes = Buffer.from('01000000ff0101000000000200000061ff0000000000', 'hex');
    expect(parseDepInfo(bytes)?.files[0]?.path).toBe('a\xff');
  });

  it('rule 21: of another version or before the marker existed is unknown', () => {
    const known = Buffer.from('01000000ff010000000000000000', 'hex');
    expect(parseDepInfo(known)).toEqual({ files: [], env: [] });
    const version2 = Buffer.from(known);
    version2[5] = 2;
    expect(parseDepInfo(version2)).toBeUndefined();
    expect(parseDepInfo(Buffer.from('01000000000400000072757374000000000', 'hex'))).toBeUndefined();
  });

  it('is unknown when it was cut off anywhere or has bytes behind it', () => {
    const whole = fixtureBytes('dep-info/dep-lib-with-checksum');
    for (let length = 0; length < whole.length; length += 1) {
      expect(parseDepInfo(whole.subarray(0, length))).toBeUndefined();
    }
    expect(parseDepInfo(Buffer.concat([whole, Buffer.of(0)]))).toBeUndefined();
  });

  it('does not make the parser throw or allocate for a count that is not true', () => {
    expect(parseDepInfo(Buffer.from('01000000ff01ffffffff', 'hex'))).toBeUndefined();
    const head = Buffer.from('01000000ff01', 'hex');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        parseDepInfo(tail);
        parseDepInfo(Buffer.concat([head, tail]));
      }),
    );
    const samples = ['serde', 'with-env', 'with-checksum'].map((name) =>
      fixtureBytes(`dep-info/dep-lib-${name}`),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        (bytes, at, value) => {
          const damaged = Buffer.from(bytes);
          damaged[at % damaged.length] = value;
          parseDepInfo(damaged);
        },
      ),
    );
  });
});

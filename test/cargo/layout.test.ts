import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteStringFromText } from '../../src/base/byte-string.js';
import type { VirtualPath } from '../../src/base/byte-string.js';
import {
  isFingerprintJson,
  isPackageDirectory,
  isUnitName,
  parseUnitPath,
  profileScope,
  unitLocations,
} from '../../src/cargo/layout.js';

const h = '0123456789abcdef';
const path = (text: string): VirtualPath => byteStringFromText(text);
const nameOf = (text: string): [VirtualPath, VirtualPath] => {
  const slash = text.lastIndexOf('/');
  return [path(text.slice(0, slash)), path(text.slice(slash + 1))];
};

const classicOf: [string, string | undefined][] = [
  [`deps/libserde-${h}.rlib`, undefined],
  [`deps/libserde-${h}.rmeta`, undefined],
  [`deps/libserde_derive-${h}.so`, undefined],
  [`deps/libserde-${h}.a`, undefined],
  [`deps/serde-${h}`, undefined],
  [`deps/serde-${h}.d`, undefined],
  [`deps/serde-${h}.1a2b3c.dwo`, undefined],
  [`.fingerprint/aws-lc-sys-${h}`, 'aws-lc-sys'],
  [`.fingerprint/aws-lc-sys-${h}/lib-aws_lc_sys`, 'aws-lc-sys'],
  [`build/aws-lc-sys-${h}`, 'aws-lc-sys'],
  [`build/aws-lc-sys-${h}/root-output`, 'aws-lc-sys'],
  [`build/aws-lc-sys-${h}/out/include/openssl/a.h`, 'aws-lc-sys'],
  [`examples/one-${h}`, undefined],
  [`examples/one-${h}.d`, undefined],
];

describe('the unit of a path', () => {
  it.each(classicOf)('rule 21: is known in the classic layout for %s', (rest, packageName) => {
    for (const profilePath of ['debug', 'x86_64-unknown-linux-gnu/release', 'release-lto']) {
      expect(parseUnitPath(path(`${profilePath}/${rest}`))).toEqual({
        layout: 'classic',
        profilePath,
        packageName,
        unitHash: h,
        unitKey: `${profilePath}#classic#${h}`,
      });
    }
  });

  it.each(['', '/fingerprint', '/fingerprint/lib-x.json', '/out/libx.rlib', '/run/stdout'])(
    'rule 21: is known in the per-unit layout for the unit directory and %j in it',
    (rest) => {
      expect(parseUnitPath(path(`wasm32-wasip1/debug/build/aws-lc-sys/${h}${rest}`))).toEqual({
        layout: 'per-unit',
        profilePath: 'wasm32-wasip1/debug',
        packageName: 'aws-lc-sys',
        unitHash: h,
        unitKey: `wasm32-wasip1/debug#per-unit#${h}`,
      });
    },
  );

  it.each([
    '',
    'debug',
    'CACHEDIR.TAG',
    'debug/app',
    'debug/libserde.rlib',
    'debug/deps',
    'debug/deps/libserde.so',
    `debug/deps/rmeta012345/libserde-${h}.rmeta`,
    `debug/deps/libserde-${h}0.rmeta`,
    `debug/deps/-${h}`,
    'debug/deps/libserde-0123456789ABCDEF.rlib',
    'debug/build/serde',
    'debug/build/serde/out',
    `debug/.fingerprint/${h}`,
    `debug/incremental/serde-${h}/s-abc`,
    `tmp/debug/deps/libserde-${h}.rlib`,
    `tmp/deps/libserde-${h}.rlib`,
    `doc/build/serde-${h}`,
    `a/b/c/deps/libserde-${h}.rlib`,
  ])('rule 5: does not exist for %j', (text) => {
    expect(parseUnitPath(path(text))).toBeUndefined();
  });

  it('is found under a profile that has the name of a directory of cargo', () => {
    expect(parseUnitPath(path(`deps/deps/libx-${h}.rlib`))?.profilePath).toBe('deps');
    expect(parseUnitPath(path(`x86/deps/deps/libx-${h}.rlib`))?.profilePath).toBe('x86/deps');
    expect(parseUnitPath(path(`x86/examples/build/x-${h}`))?.profilePath).toBe('x86/examples');
  });

  it('is the per-unit one where a package ends like a hash', () => {
    const unit = parseUnitPath(path(`debug/build/odd-aaaaaaaaaaaaaaaa/${h}/out`));
    expect(unit).toMatchObject({ layout: 'per-unit', packageName: 'odd-aaaaaaaaaaaaaaaa' });
    expect(unit?.unitHash).toBe(h);
  });
});

describe('names whose absence must not be remembered (rule 19)', () => {
  it.each([
    ...classicOf.map(([rest]) => `debug/${rest}`).filter((rest) => !rest.includes('/out/')),
    'debug/build/serde',
    `debug/build/serde/${h}`,
    `debug/build/serde/${h}/fingerprint`,
    `debug/build/serde/${h}/fingerprint/lib-serde`,
    `debug/build/serde/${h}/out/libserde-${h}.rmeta`,
    `x86/debug/build/serde/${h}/run/root-output`,
  ])('include %s', (text) => {
    expect(isUnitName(...nameOf(text))).toBe(true);
  });

  it.each([
    'debug/deps/libc.so.6',
    'debug/deps/rmetaAbCdEf',
    'debug/app',
    'debug/deps',
    `debug/build/aws-lc-sys-${h}/out/include/a.h`,
    `debug/build/aws-lc-sys/${h}/out/include/a.h`,
    `debug/incremental/app-${h}`,
    `tmp/debug/deps/libx-${h}.rlib`,
  ])('do not include %s', (text) => {
    expect(isUnitName(...nameOf(text))).toBe(false);
  });

  it('include each name that first makes a path a unit path', () => {
    const component = fc.constantFrom('debug', 'deps', 'build', 'x', `x-${h}`, h, '.fingerprint');
    fc.assert(
      fc.property(fc.array(component, { minLength: 2, maxLength: 6 }), (parts) => {
        const parent = path(parts.slice(0, -1).join('/'));
        const isFirst =
          parseUnitPath(parent) === undefined && parseUnitPath(path(parts.join('/'))) !== undefined;
        if (isFirst) expect(isUnitName(parent, path(parts.at(-1)!))).toBe(true);
      }),
    );
  });
});

describe('the directory of a package', () => {
  it('holds the units of one package in the per-unit layout', () => {
    expect(isPackageDirectory(path('x86/debug/build/aws-lc-sys'))).toEqual({
      profilePath: 'x86/debug',
      packageName: 'aws-lc-sys',
    });
  });

  it.each([`debug/build/serde-${h}`, `debug/build/serde/${h}`, 'debug/build', 'debug/deps/serde'])(
    'is not %s',
    (text) => {
      expect(isPackageDirectory(path(text))).toBeUndefined();
    },
  );
});

describe('the file that ends a unit', () => {
  it.each([
    `debug/.fingerprint/serde-${h}/lib-serde.json`,
    `debug/.fingerprint/serde-${h}/run-build-script-build-script-build.json`,
    `x86/debug/build/serde/${h}/fingerprint/lib-serde.json`,
  ])('rule 2: is %s', (text) => {
    expect(isFingerprintJson(path(text))?.unitHash).toBe(h);
  });

  it.each([
    `debug/.fingerprint/serde-${h}/lib-serde`,
    `debug/.fingerprint/serde-${h}/invoked.json`,
    `debug/.fingerprint/serde-${h}/x/lib-serde.json`,
    `debug/build/serde-${h}/out/lib-serde.json`,
    `debug/build/serde/${h}/out/lib-serde.json`,
    `debug/deps/lib-serde-${h}.json`,
    `debug/.fingerprint/serde/lib-serde.json`,
  ])('is not %s', (text) => {
    expect(isFingerprintJson(path(text))).toBeUndefined();
  });
});

describe('the profile directory of a path', () => {
  it.each([
    ['debug', 'debug'],
    ['debug/app', 'debug'],
    ['debug/.cargo-lock', 'debug'],
    [`release-lto/deps/libx-${h}.rlib`, 'release-lto'],
    ['x86_64-unknown-linux-gnu/debug', 'x86_64-unknown-linux-gnu/debug'],
    ['x86_64-unknown-linux-gnu/debug/app', 'x86_64-unknown-linux-gnu/debug'],
    ['wasm32-wasip1/thin/incremental/x', 'wasm32-wasip1/thin'],
  ])('of %s is %s', (text, scope) => {
    expect(profileScope(path(text))).toBe(scope);
  });

  it.each(['', '.rustc_info.json', 'CACHEDIR.TAG', 'tmp/x', 'doc/serde/index.html'])(
    'of %j does not exist',
    (text) => {
      expect(profileScope(path(text))).toBeUndefined();
    },
  );
});

describe('the locations of a unit', () => {
  it('take whole directories and the names with its hash in the classic layout', () => {
    const unit = parseUnitPath(path(`debug/.fingerprint/aws-lc-sys-${h}/x`))!;
    const { directories, shared } = unitLocations({ ...unit, packageName: unit.packageName! });
    expect(directories).toEqual([
      `debug/.fingerprint/aws-lc-sys-${h}`,
      `debug/build/aws-lc-sys-${h}`,
    ]);
    expect(shared.map((place) => place.directory)).toEqual(['debug/deps', 'debug/examples']);
    const belongs = shared[0]!.belongs;
    expect(belongs(path(`libaws_lc_sys-${h}.rlib`))).toBe(true);
    expect(belongs(path('libaws_lc_sys-fedcba9876543210.rlib'))).toBe(false);
  });

  it('are one directory in the per-unit layout', () => {
    const unit = parseUnitPath(path(`x86/debug/build/serde/${h}/out`))!;
    expect(unitLocations({ ...unit, packageName: 'serde' })).toEqual({
      directories: [`x86/debug/build/serde/${h}`],
      shared: [],
    });
  });
});

describe('any path at all', () => {
  it('is answered without an exception, and a unit is the same for all paths below it', () => {
    const component = fc.oneof(
      fc.constantFrom('debug', 'deps', 'build', `x-${h}`, h, 'examples', '.fingerprint', ''),
      fc.string({ unit: 'binary', maxLength: 8 }).map((text) => byteStringFromText(text)),
    );
    fc.assert(
      fc.property(fc.array(component, { maxLength: 7 }), component, (parts, last) => {
        const parent = path(parts.join('/'));
        const child = path([...parts, last].join('/'));
        isUnitName(parent, path(last));
        isPackageDirectory(child);
        isFingerprintJson(child);
        profileScope(child);
        const unit = parseUnitPath(parent);
        if (unit?.layout === 'per-unit') expect(parseUnitPath(child)).toEqual(unit);
      }),
    );
  });
});

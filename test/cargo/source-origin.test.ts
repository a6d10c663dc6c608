import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifySource } from '../../src/cargo/source-origin.js';

const cargoHome = '/home/dev/.cargo';
const classify = (path: string): unknown => classifySource(path, { cargoHome });
const registry = `${cargoHome}/registry/src/index-0123456789abcdef`;

describe('the origin of a crate', () => {
  it('is a registry below CARGO_HOME/registry/src, with the package root', () => {
    expect(classify(`${registry}/serde-1.0.229/src/lib.rs`)).toEqual({
      origin: 'registry',
      packageRoot: `${registry}/serde-1.0.229`,
    });
    expect(classify(`${registry}/wasi-0.11.1+wasi-snapshot-preview1/src/lib.rs`)).toMatchObject({
      packageRoot: `${registry}/wasi-0.11.1+wasi-snapshot-preview1`,
    });
  });

  it('is the same under a CARGO_HOME with a slash at its end', () => {
    const path = `${registry}/serde-1.0.229/src/lib.rs`;
    expect(classifySource(path, { cargoHome: `${cargoHome}/` })).toEqual(classify(path));
  });

  it('is git below CARGO_HOME/git/checkouts', () => {
    expect(
      classify(`${cargoHome}/git/checkouts/gd-0123456789abcdef/abc1234/sub/src/lib.rs`),
    ).toEqual({
      origin: 'git',
      packageRoot: undefined,
    });
  });

  it.each([
    'src/lib.rs',
    '/home/u/app/src/main.rs',
    '/home/u/app/vendor/serde/src/lib.rs',
    `${cargoHome}/registry/cache/x/serde-1.0.229.crate`,
    `${cargoHome}/registry/src/lib.rs`,
    `${registry}/serde/src/lib.rs`,
    `${registry}/serde-1.0.229/../../../../../../home/u/lib.rs`,
    `${registry}/../x/serde-1.0.229/lib.rs`,
    `${cargoHome}-2/registry/src/x/serde-1.0.229/src/lib.rs`,
    '',
  ])('is a path for %j', (path) => {
    expect(classify(path)).toEqual({ origin: 'path', packageRoot: undefined });
  });

  it('is a path for everything where CARGO_HOME is not absolute', () => {
    expect(classifySource('registry/src/x/serde-1.0.0/lib.rs', { cargoHome: '' }).origin).toBe(
      'path',
    );
  });

  it('is known for any text', () => {
    fc.assert(fc.property(fc.string(), (text) => void classify(`${cargoHome}/${text}`)));
  });
});

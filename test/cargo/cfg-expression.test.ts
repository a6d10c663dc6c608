import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evaluateCfg } from '../../src/cargo/cfg-expression.js';

const linux = new Set(['unix', 'target_os="linux"', 'target_arch="x86_64"', 'target_env="gnu"']);

describe('a cfg', () => {
  test.each([
    ['cfg(unix)', true],
    ['cfg(windows)', false],
    ['cfg(target_os = "linux")', true],
    ['cfg(all(unix, not(target_arch="aarch64")))', true],
    ['cfg(any(windows, target_env = "musl",))', false],
    ['cfg(all())', true],
    ['cfg(any())', false],
    ['cfg(true)', true],
    ['cfg(not(false))', true],
  ])('%s is %s', (text, value) => {
    expect(evaluateCfg(text, linux)).toBe(value);
  });

  // Flags decide about the first four as well, the others are no cfg at all.
  test.each([
    'cfg(feature = "x")',
    'cfg(tokio_unstable)',
    'cfg(target_feature = "avx2")',
    'cfg(all(windows, debug_assertions))',
    'x86_64-unknown-linux-gnu',
    'cfg()',
    'cfg(unix',
    'cfg(unix) x',
    'cfg(not(unix, windows))',
    'cfg(target_os = linux)',
    'cfg(maybe(unix))',
    'cfg(unix windows)',
  ])('%s is not for us to say', (text) => {
    expect(evaluateCfg(text, linux)).toBeUndefined();
  });

  test('of any text ends', () => {
    const piece = fc.constantFrom('cfg(', 'all(', 'not(', 'unix', ',', ')', '=', '"x"', ' ');
    const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
    fc.assert(fc.property(text, (each) => void evaluateCfg(each, linux)));
    expect(evaluateCfg(`cfg(${'not('.repeat(100_000)}`, linux)).toBeUndefined();
  });
});

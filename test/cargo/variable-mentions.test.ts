import { describe, expect, it } from 'vitest';
import { mentionsBeyondIncludes } from '../../src/cargo/variable-mentions.js';

describe('code that asks for a variable when it runs', () => {
  const asks = 'fn f() { let out = env::var("OUT_DIR").unwrap(); }';

  it('mentions it where macros run the code, and not otherwise', () => {
    expect(mentionsBeyondIncludes(asks, 'OUT_DIR', true)).toBe(true);
    expect(mentionsBeyondIncludes(asks, 'OUT_DIR', false)).toBe(false);
    expect(mentionsBeyondIncludes('std::env::var_os("OUT_DIR")', 'OUT_DIR', false)).toBe(false);
  });

  it.each([
    'const NAME: &str = "OUT_DIR";',
    'place!("OUT_DIR")',
    'var!("OUT_DIR")',
    'let x = env!("OUT_DIR");',
    'env::var(concat!("OUT", "_DIR", "OUT_DIR"))',
    'env::var("MY_OUT_DIR")',
    `${asks} const NAME: &str = "OUT_DIR";`,
    `macro_rules! place { () => { env!(env::var("OUT_DIR")) } } ${asks}`,
  ])('mentions it in any case with %j', (source) => {
    expect(mentionsBeyondIncludes(source, 'OUT_DIR', false)).toBe(true);
  });
});

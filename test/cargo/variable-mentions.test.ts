import { describe, expect, it } from 'vitest';
import { mentionsBeyondIncludes, scriptVariables } from '../../src/cargo/variable-mentions.js';

const find = (source: string, set: readonly string[] = []): readonly string[] => [
  ...scriptVariables(source, (name) => set.includes(name)),
];

describe('variables that a build script may read', () => {
  it('are names in capitals that stand as strings', () => {
    const source =
      'fn main() { env::var("MY_MODE").ok(); env::var_os(r"OTHER2"); // "IN_A_COMMENT"';
    expect(find(source)).toEqual(['MY_MODE', 'OTHER2', 'IN_A_COMMENT']);
  });

  it('are other names only where they are set', () => {
    expect(find('env::var("http_proxy")')).toEqual([]);
    expect(find('env::var("http_proxy")', ['http_proxy'])).toEqual(['http_proxy']);
  });

  it('are not those that cargo sets, nor the search path', () => {
    const source = '"OUT_DIR" "CARGO_CFG_TARGET_OS" "DEP_Z_ROOT" "TARGET" "PATH" "RUSTC" "CARGO"';
    expect(find(source, ['PATH'])).toEqual([]);
    expect(find('"CARGO_HOME" "CARGO_TARGET_DIR"')).toEqual(['CARGO_HOME', 'CARGO_TARGET_DIR']);
  });

  it('are not what a shell notes of its latest command', () => {
    expect(find('name.replace("-", "_")', ['_'])).toEqual([]);
  });

  it('are not text', () => {
    expect(find('println!("HELLO WORLD"); "A"; "x86_64"; "cargo:rustc-cfg=X"')).toEqual([]);
  });
});

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

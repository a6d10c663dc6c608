import { describe, expect, test } from 'vitest';
import { asmIncludes, hasAsm, mayIncludeInAsm } from '../../src/cargo/asm-includes.js';

describe('asmIncludes', () => {
  test.each([
    ['global_asm!(".incbin \\"/x/blob\\"");', ['/x/blob']],
    ['asm!(r#".include "defs.s""#);', ['defs.s']],
    ['global_asm!(concat!(".incbin \\"", env!("CARGO_MANIFEST_DIR"), "/blob\\""));', ['']],
    ['global_asm!(".incbin \\"{}\\"", const 1);', ['']],
    ['// global_asm!(".incbin \\"/x/blob\\"");', []],
    ['asm!("nop"); let text = ".included";', []],
  ])('of %s are %j', (source, paths) => {
    expect(asmIncludes(source)).toEqual(paths);
  });

  test('are asked for only where a source has a directive', () => {
    expect(mayIncludeInAsm(Buffer.from('asm!(".incbin")'))).toBe(true);
    expect(mayIncludeInAsm(Buffer.from('asm!("nop"); include!("x.rs")'))).toBe(false);
  });

  test('need a macro that assembles', () => {
    expect(['asm!("")', 'global_asm! {}', 'naked_asm!()'].map(hasAsm)).toEqual([true, true, true]);
    expect(hasAsm('let asm = 1;')).toBe(false);
  });
});

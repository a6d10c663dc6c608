import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRustcDepFile } from '../../src/cargo/rustc-dep-file.js';

const sample = String.raw`/w/target/debug/deps/pu-5a86600eb919ab15.d: src/lib.rs src/a\ b.rs /x/out/private.rs

/w/target/debug/deps/libpu-5a86600eb919ab15.rmeta: src/lib.rs src/a\ b.rs /x/out/private.rs

src/lib.rs:
src/a\ b.rs:
/x/out/private.rs:

# env-dep:CARGO_PKG_NAME=pu
# env-dep:PU_NAME=a\nb\\ c=d
# env-dep:PU_OPT
# checksum:blake3=d39e file_len:145 src/lib.rs: x
`;

describe('a .d file of rustc', () => {
  it('names outputs and sources', () => {
    const file = parseRustcDepFile(sample)!;
    expect(file.targets).toEqual([
      '/w/target/debug/deps/pu-5a86600eb919ab15.d',
      '/w/target/debug/deps/libpu-5a86600eb919ab15.rmeta',
    ]);
    expect(file.sources).toEqual(['src/lib.rs', 'src/a b.rs', '/x/out/private.rs']);
  });

  it('rule 10: lists all variables that env! and option_env! read, with their values', () => {
    expect(parseRustcDepFile(sample)!.env).toEqual([
      ['CARGO_PKG_NAME', 'pu'],
      ['PU_NAME', 'a\nb\\ c=d'],
      ['PU_OPT', undefined],
    ]);
  });

  it('may have spaces in a row, and at the end of a name', () => {
    const file = parseRustcDepFile('/a\\ b/x.d: /a\\ \\ b.rs /c\\ ')!;
    expect(file.targets).toEqual(['/a b/x.d']);
    expect(file.sources).toEqual(['/a  b.rs', '/c ']);
  });

  it('may end its lines as Windows does', () => {
    expect(parseRustcDepFile(sample.replaceAll('\n', '\r\n'))).toEqual(parseRustcDepFile(sample));
  });

  it('is unknown without a source or with an unknown escape', () => {
    expect(parseRustcDepFile('')).toBeUndefined();
    expect(parseRustcDepFile('x.d: \n')).toBeUndefined();
    expect(parseRustcDepFile('x.d: a.rs\n# env-dep:A=\\t')).toBeUndefined();
    expect(parseRustcDepFile('x.d: a.rs\n# env-dep:A=b\\')).toBeUndefined();
    expect(parseRustcDepFile('x.d: a.rs\\')).toBeUndefined();
  });

  it('gives back every name and value that rustc can write', () => {
    const name = fc
      .string({ minLength: 1, unit: fc.constantFrom('a', ' ', '/', '.', 'é', ':', '#') })
      .filter((text) => !text.includes(': ') && !text.endsWith(':'));
    const value = fc.string({ unit: fc.constantFrom('a', '\\', '\n', '\r', '=', ' ') });
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1 }), value, (names, text) => {
        const paths = names.map((path) => `/${path}`);
        const escaped = paths.map((path) => path.replaceAll(' ', '\\ '));
        const line = text.replace(/[\\\n\r]/g, (c) => ({ '\\': '\\\\', '\n': '\\n' })[c] ?? '\\r');
        const file = parseRustcDepFile(`/t.d: ${escaped.join(' ')}\n\n# env-dep:K=${line}\n`);
        expect(file?.sources).toEqual(paths);
        expect(file?.env).toEqual([['K', text]]);
      }),
    );
  });

  it('never makes the parser throw', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', ':', '\\', '\n', '#', 'env-dep:', '='),
    });
    fc.assert(fc.property(text, (line) => void parseRustcDepFile(line)));
    fc.assert(fc.property(fc.string(), (line) => void parseRustcDepFile(`x: ${line}`)));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foreignPaths, parseBuildOutput } from '../../src/cargo/build-output.js';

describe('the output of a build script', () => {
  it('holds directives of both forms', () => {
    const output = `a word to people
cargo:rustc-cfg=old
  cargo::rustc-env=K=a=b
cargo:root=/x/out
cargo::metadata=include=/x/out/include
cargo:rerun-if-changed=build.rs
cargo::rerun-if-env-changed=CC
cargo:nonsense
cargo::nonsense
not-cargo:rustc-cfg=x
`;
    expect(parseBuildOutput(output)).toEqual({
      directives: [
        { key: 'rustc-cfg', value: 'old' },
        { key: 'rustc-env', value: 'K=a=b' },
        { key: 'metadata', value: 'root=/x/out' },
        { key: 'metadata', value: 'include=/x/out/include' },
        { key: 'rerun-if-changed', value: 'build.rs' },
        { key: 'rerun-if-env-changed', value: 'CC' },
      ],
      rerunIfChanged: ['build.rs'],
      rerunIfEnvChanged: ['CC'],
    });
  });

  it('never makes the parser throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseBuildOutput(`cargo::${text}`)));
  });
});

describe('rule 12: foreign paths in the output of a build script', () => {
  const root = '/w/p1/target';
  const own = `${root}/debug/build/nat-sys-0123456789abcdef/out`;
  const other = `${root}/debug/build/dep-sys-fedcba9876543210/out`;
  const foreignIn = (output: string): readonly string[] => foreignPaths(output, own, root);

  it('are none where only its own OUT_DIR is named', () => {
    expect(
      foreignIn(`cargo:rustc-link-search=native=${own}/lib\ncargo:root=${own}\nOUT=Some("${own}")`),
    ).toEqual([]);
    expect(foreignIn('cargo:rustc-cfg=x\n')).toEqual([]);
  });

  it('are the directories of other units', () => {
    expect(
      foreignIn(`cargo:include=${other}/include\ncargo:root=${own}\nagain ${other}/include`),
    ).toEqual([`${other}/include`]);
  });

  it('are names that only begin like its OUT_DIR', () => {
    expect(foreignIn(`cargo:x=${own}put`)).toEqual([`${own}put`]);
  });

  it('are paths that leave its OUT_DIR, whatever their names hold', () => {
    expect(foreignIn(`cargo:x=${own}/../../../deps`)).toHaveLength(1);
    expect(foreignIn(`cargo:x=${own}/..`)).toHaveLength(1);
    expect(foreignIn(`cargo:x=${own}/a b/../../c`)).toHaveLength(1);
    expect(foreignIn(`cargo:x=${own}/..hidden`)).toEqual([]);
    expect(foreignIn(`cargo:x=${own}\ncargo:y=../z`)).toEqual([]);
  });

  it('are the build-dir itself and its neighbours of a longer name', () => {
    expect(foreignIn(`cargo:x=${root}`)).toEqual([root]);
    expect(foreignIn(`cargo:x=${root}-2/y;z`)).toEqual([`${root}-2/y`]);
  });

  it('are found wherever they stand', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '/', ':', '\n', '"', own, '=') });
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(foreignIn(`${before}${other}${after}`).length).toBeGreaterThan(0);
      }),
    );
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (a, b, c) => void foreignPaths(a, b, c)),
    );
  });
});

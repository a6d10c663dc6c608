import { describe, expect, test } from 'vitest';
import { parseBuildOutput } from '../../src/cargo/build-output.js';
import {
  libraryFileNames,
  libraryWord,
  linkDirectives,
  parseLibraryWord,
  isToolchainSoname,
  linkAttributes,
  staticLinkAttributes,
  type LinkDirectives,
} from '../../src/cargo/link-directives.js';

function read(...lines: readonly string[]): LinkDirectives {
  return linkDirectives(parseBuildOutput(lines.join('\n')));
}

describe('what a build script hands to the linker', () => {
  test.each([
    ['/opt/lib', '/opt/lib'],
    ['native=/opt/lib', '/opt/lib'],
    ['dependency=/opt/lib', '/opt/lib'],
    ['framework=/opt/lib', '/opt/lib'],
    ['all=/opt/lib', '/opt/lib'],
    ['crate=lib', 'lib'],
    ['other=/opt/lib', 'other=/opt/lib'],
  ])('searches for rustc-link-search=%s in %s', (value, directory) => {
    expect(read(`cargo:rustc-link-search=${value}`).searchDirectories).toEqual([directory]);
    expect(read(`cargo::rustc-link-search=${value}`).searchDirectories).toEqual([directory]);
  });

  test.each([
    ['z', 'z', ['libz.so', 'libz.a']],
    ['dylib=z', 'z', ['libz.so', 'libz.a']],
    ['static=z', 'static=z', ['libz.a']],
    ['static:+whole-archive,-bundle=z', 'static=z', ['libz.a']],
    ['static-nobundle=z', 'static=z', ['libz.a']],
    ['static:+verbatim=z.lib', 'static:+verbatim=z.lib', ['z.lib']],
    ['dylib:+verbatim=libz.so.1', 'dylib:+verbatim=libz.so.1', ['libz.so.1']],
    ['static=name:real', 'static=real', ['libreal.a']],
  ])('takes rustc-link-lib=%s for %s', (value, word, names) => {
    const { libraries } = read(`cargo:rustc-link-lib=${value}`);
    expect(libraries.map(libraryWord)).toEqual([word]);
    expect(libraryFileNames(parseLibraryWord(word))).toEqual(names);
    expect(parseLibraryWord(word)).toEqual(libraries[0]);
  });

  test('looks for no framework among the libraries', () => {
    const { libraries } = read('cargo:rustc-link-lib=framework=Metal');
    expect(libraries).toEqual([]);
  });

  test('reads both forms of the flags in rustc-flags', () => {
    const found = read('cargo:rustc-flags=-l static=a  -lb -L /opt/a -Lnative=/opt/b');
    expect(found.libraries.map(libraryWord)).toEqual(['static=a', 'b']);
    expect(found.searchDirectories).toEqual(['/opt/a', '/opt/b']);
  });

  test('finds paths and libraries in arguments of the linker', () => {
    const found = read(
      'cargo:rustc-link-arg=-L/opt/lib',
      'cargo:rustc-link-arg=-lfoo',
      'cargo:rustc-link-arg=-l:libbar.so.2',
      'cargo:rustc-link-arg-bins=/opt/lib/libbaz.a',
      'cargo:rustc-cdylib-link-arg=-Wl,-rpath,/opt/run',
      'cargo::rustc-link-arg-bin=app=-Wl,--version-script=/opt/map.txt',
      'cargo:rustc-link-arg=-T/opt/linker.ld',
    );
    expect(found.searchDirectories).toEqual(['/opt/lib']);
    expect(found.libraries.map(libraryWord)).toEqual(['foo', 'dylib:+verbatim=libbar.so.2']);
    expect(found.linkerPaths).toEqual([
      '/opt/lib/libbaz.a',
      '/opt/run',
      '/opt/map.txt',
      '/opt/linker.ld',
    ]);
  });

  test.each([
    ['cargo:root=/opt/x', ['/opt/x']],
    ['cargo::metadata=include=/usr/include/x', ['/usr/include/x']],
    ['cargo:include=/a:/b;/c', ['/a', '/b', '/c']],
    ['cargo:flags=-I/opt/include -DX=1 -L/opt/lib', ['/opt/include', '/opt/lib']],
    ['cargo:root=/opt/My Library', ['/opt/My Library', '/opt/My']],
    ['cargo:version=1.2/3', []],
    ['cargo:rustc-cfg=path="/opt"', []],
  ])('names for dependents with %s: %s', (line, paths) => {
    expect(read(line).metadataPaths).toEqual(paths);
  });

  test('names for its own crate what a variable holds', () => {
    expect(read('cargo:rustc-env=DATA=/opt/data').variablePaths).toEqual(['/opt/data']);
  });

  test('may bundle what #[link] says in the source', () => {
    const source =
      '#[link(name = "foo", kind = "static", modifiers = "+whole-archive")]\nextern {}';
    expect(staticLinkAttributes(source)).toEqual(['foo']);
    expect(staticLinkAttributes('#[link(name = "foo")]\nextern {}')).toEqual([]);
  });

  test.each([
    ['#[link(name = "foo")]\nextern {}', ['foo']],
    ['#[cfg_attr(feature = "x", link(name="foo", kind = "dylib"))]', ['foo']],
    [
      'macro_rules! m { () => { #[link(\n  kind = "static",\n name = r"foo",\n)] } }',
      ['static=foo'],
    ],
    ['#[link(name = "c", cfg(not(target_feature = "crt-static")))]', ['c']],
    ['#[link(name = "libfoo.so.1", modifiers = "+verbatim")]', ['dylib:+verbatim=libfoo.so.1']],
    ['#[link(name = "x", kind = "framework")] #[link(name = "y", kind = "raw-dylib")]', []],
    ['fn shm_unlink(name: &str) {}', []],
  ])('may be linked because of an attribute in %j', (source, words) => {
    expect(linkAttributes(source).map(libraryWord)).toEqual(words);
  });

  test.each([
    ['libc.so.6', true],
    ['ld-linux-x86-64.so.2', true],
    ['libgcc_s.so.1', true],
    ['libstd-0123456789abcdef.so', true],
    ['libcrypto.so.3', false],
    ['libxa1d.so.1', false],
  ])('are asked for as %s, which is the toolchain’s: %s', (soname, isToolchains) => {
    expect(isToolchainSoname(soname)).toBe(isToolchains);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeBinding, judgePathBearing } from '../../src/cargo/path-bearing.js';
import type { PathBearing } from '../../src/cargo/path-bearing.js';
import type { EnvDependency } from '../../src/cargo/rustc-dep-file.js';

const buildDir = '/w/app/target';
const workspaceRoot = '/w/app';
const cargoHome = '/home/dev/.cargo';
const outDir: EnvDependency = ['OUT_DIR', `${buildDir}/debug/build/x-0123456789abcdef/out`];

function judge(environment: EnvDependency[], ...sources: string[]): PathBearing {
  return judgePathBearing({ environment, sources, buildDir, workspaceRoot, cargoHome });
}

const portable: PathBearing = { verdict: 'portable' };
const bound = (reason: string, variable = 'OUT_DIR'): unknown => ({
  verdict: 'bound',
  variable,
  reason,
});

describe('rule 10: a unit depends on its place through', () => {
  it('no variable at all', () => {
    expect(judge([], 'env!("OUT_DIR").len()')).toEqual(portable);
    expect(judge([['CARGO_PKG_NAME', 'x']], 'env!("CARGO_PKG_NAME")')).toEqual(portable);
    expect(judge([['OUT_DIR', undefined]], 'option_env!("OUT_DIR")')).toEqual(portable);
  });

  it('a variable of a build script whose value names the build-dir or the workspace', () => {
    for (const value of [`${buildDir}/x`, `${workspaceRoot}/data`, `a:${buildDir}`]) {
      expect(judge([['NATROOT', value]], 'env!("NATROOT")')).toEqual(
        bound('used-as-value', 'NATROOT'),
      );
    }
    for (const value of ['/usr/lib', `${workspaceRoot}2/x`, `/old${workspaceRoot}`]) {
      expect(judge([['NATROOT', value]], 'env!("NATROOT")')).toEqual(portable);
    }
  });

  it('a value that names the workspace below CARGO_HOME, but not one that names its sources', () => {
    const below = (value: string): PathBearing =>
      judgePathBearing({
        environment: [['NATROOT', value]],
        sources: ['env!("NATROOT")'],
        buildDir: '/root/w/target',
        workspaceRoot: '/root/w',
        cargoHome: '/root',
      });
    expect(below('/root/w/data')).toEqual(bound('used-as-value', 'NATROOT'));
    expect(below('/root/registry/src/i/x-1.0.0/data')).toEqual(portable);
  });

  it.each(['OUT_DIR', 'CARGO_TARGET_TMPDIR', 'CARGO_BIN_EXE_app', 'CARGO_BIN_FILE_TOOL_tool'])(
    '%s, whatever its value',
    (name) => {
      expect(judge([[name, '/elsewhere']], `env!("${name}")`)).toEqual(
        bound('used-as-value', name),
      );
    },
  );

  it('CARGO_MANIFEST_DIR of a package in the workspace, but not of one below CARGO_HOME', () => {
    const use = 'const D: &str = env!("CARGO_MANIFEST_DIR");';
    const name = 'CARGO_MANIFEST_DIR';
    expect(judge([[name, `${workspaceRoot}/vendor/x`]], use)).toEqual(bound('used-as-value', name));
    expect(judge([[name, `${cargoHome}/registry/src/i/x-1.0.0`]], use)).toEqual(portable);
    const home = judgePathBearing({
      environment: [[name, `${cargoHome}/git/checkouts/r/abc/x`]],
      sources: [use],
      buildDir: '/home/dev/target',
      workspaceRoot: '/home/dev',
      cargoHome,
    });
    expect(home).toEqual(portable);
  });
});

describe('rule 11: a unit is portable when OUT_DIR only names a file to include', () => {
  it.each([
    'include!(concat!(env!("OUT_DIR"), "/private.rs"));',
    'include! ( concat ! ( env ! ( "OUT_DIR" ) , "/a" , ".rs" , ) , ) ;',
    'const B: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/table.bin"));',
    'static S: &str = include_str![concat!{env!["OUT_DIR"], "/s"}];',
    '::core::include!(::core::concat!(::core::env!("OUT_DIR"), "/private.rs"));',
    'std::include!(std::concat!(std::env!("OUT_DIR"), "/private.rs"));',
    'core::include!(concat!(core::env!("OUT_DIR", "run it with cargo"), "/private.rs"));',
    'mod m { include!(concat!(env!(r"OUT_DIR"), r#"/a.rs"#)); }',
    'include!(env!("OUT_DIR"));',
    'include!(concat!(concat!(env!("OUT_DIR"), "/"), 1, \'c\'));',
    'macro_rules! m { ($n:literal) => { include!(concat!(env!("OUT_DIR"), "/", $n)); } }',
    'include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));',
    '#![doc = include_str!(concat!(env!("OUT_DIR"), "/doc.md"))]',
    'include!(concat!(env!("OUT_DIR"), env!("SUFFIX")));',
    '// env!("OUT_DIR").len()\n/* env!("OUT_DIR") */ include!(concat!(env!("OUT_DIR"), "/a"));',
    '/// let x = env!("OUT_DIR");\ninclude!(concat!(env!("OUT_DIR"), "/a"));',
    'const T: &str = "env!(\\"OUT_DIR\\")"; include!(concat!(env!("OUT_DIR"), "/a"));',
    'if env != x {} std::env::var("OUT_DIR"); include!(concat!(env!("OUT_DIR"), "/a"));',
  ])('as in %s', (source) => {
    expect(judge([outDir], source)).toEqual(portable);
  });

  it('in one of several sources', () => {
    expect(judge([outDir], 'mod m;', 'include!(concat!(env!("OUT_DIR"), "/a"));')).toEqual(
      portable,
    );
  });

  it('and so with a variable of its build script', () => {
    const generated: EnvDependency = ['GENERATED', `${buildDir}/debug/build/x-0/out/g.rs`];
    expect(judge([generated], 'include!(env!("GENERATED"));')).toEqual(portable);
  });
});

describe('rule 11: a unit is bound to its place when OUT_DIR', () => {
  it.each([
    'const N: usize = env!("OUT_DIR").len();',
    'const S: &str = env!("OUT_DIR");',
    'const S: &str = concat!(env!("OUT_DIR"), "/a");',
    'const S: Option<&str> = option_env!("OUT_DIR");',
    'println!("{}", env!("OUT_DIR"));',
    'read!("OUT_DIR");',
    'include!(concat!(env!("OUT_DIR"), "/a")); const N: usize = env!("OUT_DIR").len();',
    'my::include!(concat!(env!("OUT_DIR"), "/a"));',
    'r#include!(concat!(env!("OUT_DIR"), "/a"));',
    'include!(choose!(env!("OUT_DIR"), "/a"));',
    'include!(concat!(choose!(env!("OUT_DIR")), "/a"));',
    'include!(my::concat!(env!("OUT_DIR"), "/a"));',
    'include_dir!(concat!(env!("OUT_DIR"), "/a"));',
    'const S: &str = env!("OUT\\x5fDIR");',
  ])('is used for more, as in %s', (source) => {
    expect(judge([outDir], source)).toEqual(bound('used-as-value'));
  });

  it.each([
    'env!(concat!("OUT_", "DIR"))',
    'env!($name)',
    'option_env! { stringify!(OUT_DIR) }',
    'env! $x',
  ])('may be read under a computed name, as in %s', (use) => {
    const source = `include!(concat!(env!("OUT_DIR"), "/a")); const S: &str = ${use};`;
    expect(judge([outDir], source)).toEqual(bound('computed-name'));
  });

  it('may be hidden by a macro that takes the place of a built-in one', () => {
    const source = 'macro_rules! concat { ($a:expr, $b:expr) => { x } }';
    expect(judge([outDir], `${source} include!(concat!(env!("OUT_DIR"), "/a"));`)).toEqual(
      bound('computed-name'),
    );
  });

  it('is read, but nowhere to be seen', () => {
    expect(judge([outDir], 'tonic::include_proto!("a");')).toEqual(bound('no-visible-use'));
    expect(judge([outDir], '// include!(concat!(env!("OUT_DIR"), "/a"));')).toEqual(
      bound('no-visible-use'),
    );
    expect(judge([outDir])).toEqual(bound('no-visible-use'));
  });

  it('is used for more in a source that was generated into it', () => {
    expect(
      judge(
        [outDir],
        'include!(concat!(env!("OUT_DIR"), "/a.rs"));',
        'fn f() { env!("OUT_DIR"); }',
      ),
    ).toEqual(bound('used-as-value'));
  });

  it('may be used in a source that cannot be read', () => {
    expect(
      judge([outDir], 'include!(concat!(env!("OUT_DIR"), "/a"));', '"env!("OUT_DIR")"" /*'),
    ).toEqual(bound('unreadable-source'));
  });
});

describe('the judgement of a path', () => {
  it('comes with a sentence for each reason', () => {
    expect(describeBinding('used-as-value')).toContain('include');
  });

  it('does not read the sources where no variable holds a path', () => {
    const sources: Iterable<string> = {
      [Symbol.iterator]: () => {
        throw new Error('read');
      },
    };
    expect(judgePathBearing({ environment: [], sources, buildDir, workspaceRoot })).toEqual(
      portable,
    );
  });

  it('is never "portable" with a use outside of an include, and never an exception', () => {
    const piece = fc.constantFrom(
      'include!(concat!(env!("OUT_DIR"), "/a"));',
      'include!',
      'concat!',
      '(',
      ')',
      ',',
      '"x"',
      '// c\n',
      '/* c */',
      ' x::',
      '$y',
      '#',
    );
    const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(' '));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const verdict = judge([outDir], `${before} \n; env!("OUT_DIR").len() ; ${after}`);
        expect(verdict.verdict).toBe('bound');
      }),
    );
    fc.assert(fc.property(fc.string(), (source) => void judge([outDir], `env ${source}`)));
  });

  it('survives deep nesting', () => {
    const deep = 'include!('.concat('concat!('.repeat(100_000));
    expect(judge([outDir], `${deep} env!("OUT_DIR")`).verdict).toBe('bound');
  });
});

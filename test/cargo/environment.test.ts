import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSetByCargo, isSetForCompilers } from '../../src/cargo/cargo-variables.js';
import {
  isSteeringVariable,
  steeringSnapshot,
  targetSnapshot,
} from '../../src/cargo/environment.js';
import {
  compilerTools,
  hostLinkers,
  isProgramUse,
  linkersOfFlags,
  nativeTools,
  startsAnything,
} from '../../src/cargo/native-programs.js';
import { comparedValue } from '../../src/cargo/variable-values.js';

describe('a variable that steers a native build (rules 9 and 12)', () => {
  it.each([
    'CC',
    'CC_x86_64_unknown_linux_gnu',
    'CC_x86_64-unknown-linux-gnu',
    'HOST_CC',
    'TARGET_CXX',
    'CXX',
    'AR_wasm32-wasip1',
    'LD',
    'CFLAGS',
    'CXXFLAGS_aarch64_unknown_linux_musl',
    'TARGET_CFLAGS',
    'LDFLAGS',
    'CPPFLAGS',
    'LIBSQLITE3_FLAGS',
    'CPATH',
    'LIBRARY_PATH',
    'PKG_CONFIG_PATH',
    'PKG_CONFIG_SYSROOT_DIR_aarch64-unknown-linux-gnu',
    'HOST_PKG_CONFIG',
    'OPENSSL_NO_PKG_CONFIG',
    'CMAKE',
    'CMAKE_TOOLCHAIN_FILE',
    'CMAKE_GENERATOR',
    'OPENSSL_DIR',
    'X86_64_UNKNOWN_LINUX_GNU_OPENSSL_DIR',
    'OPENSSL_LIB_DIR',
    'OPENSSL_STATIC',
    'PQ_LIB_DIR',
    'ZLIB_INCLUDE_DIR',
    'AWS_LC_SYS_NO_ASM',
    'LLVM_SYS_170_PREFIX',
    'LIBCLANG_PATH',
    'BINDGEN_EXTRA_CLANG_ARGS',
    'PROTOC',
    'PROTOC_INCLUDE',
    'SDKROOT',
    'MACOSX_DEPLOYMENT_TARGET',
    'SOURCE_DATE_EPOCH',
    'RUSTC_BOOTSTRAP',
    'CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER',
  ])('is %s', (name) => {
    expect(isSteeringVariable(name)).toBe(true);
  });

  it.each([
    'PATH',
    'HOME',
    'PWD',
    'USER',
    'LANG',
    'LC_ALL',
    'TERM',
    'COLORTERM',
    'SSH_AUTH_SOCK',
    'SSH_CONNECTION',
    'XDG_RUNTIME_DIR',
    'VSCODE_GIT_IPC_HANDLE',
    'VIRTUAL_ENV',
    'CONDA_PREFIX',
    'MAMBA_ROOT_PREFIX',
    'PYTHONPATH',
    'PYTHON_BASIC_REPL',
    'PERL_LOCAL_LIB_ROOT',
    'LD_LIBRARY_PATH',
    'LD_PRELOAD',
    'MAKEFLAGS',
    'MFLAGS',
    'MAKE_TERMOUT',
    'CARGO_MAKEFLAGS',
    'NUM_JOBS',
    'CARGO_HOME',
    'CARGO_TARGET_DIR',
    'CARGO_BUILD_JOBS',
    'CARGO_TERM_COLOR',
    'CARGO_INCREMENTAL',
    'CARGO_NET_OFFLINE',
    'CARGO_PROFILE_RELEASE_LTO',
    'RUSTFLAGS',
    'CARGO_ENCODED_RUSTFLAGS',
    'CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS',
    'CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER',
    'RUSTUP_TOOLCHAIN',
    'RUSTUP_HOME',
    'RUSTC_WRAPPER',
    'RUST_BACKTRACE',
    'RUST_LOG',
    'CCACHE_DIR',
    'SCCACHE_DIR',
    'http_proxy',
    'OLDPWD',
    'SHLVL',
    '_',
    '',
  ])('is not %j', (name) => {
    expect(isSteeringVariable(name)).toBe(false);
  });
});

describe('the snapshot of an environment', () => {
  it('is the same for another terminal and differs for another compiler', () => {
    const login = { CC: 'gcc', CFLAGS: '-O1', HOME: '/h', TERM: 'xterm', SHLVL: '1' };
    const editor = { VSCODE_PID: '7', CFLAGS: '-O1', CC: 'gcc', HOME: '/h', MAKEFLAGS: '-j' };
    expect(JSON.stringify(steeringSnapshot(editor))).toBe(JSON.stringify(steeringSnapshot(login)));
    expect(steeringSnapshot({ ...login, CC: 'clang' })).not.toEqual(steeringSnapshot(login));
  });

  it('takes an empty variable for a missing one', () => {
    expect(steeringSnapshot({ CFLAGS: '', CC: 'gcc' })).toEqual({ CC: 'gcc' });
  });

  it('has the variables of MSVC where MSVC builds', () => {
    const env = { LIB: 'src/lib.rs', INCLUDE: '/x', LIBPATH: '', CC: 'gcc' };
    expect(steeringSnapshot(env)).toEqual({ CC: 'gcc' });
    expect(targetSnapshot(env, undefined)).toEqual({});
    expect(targetSnapshot(env, 'x86_64-unknown-linux-gnu')).toEqual({});
    expect(targetSnapshot(env, 'x86_64-pc-windows-msvc')).toEqual({
      INCLUDE: '/x',
      LIB: 'src/lib.rs',
      LIBPATH: '',
    });
  });

  it('exists for any environment', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (env) => {
        const names = Object.keys(steeringSnapshot(env));
        expect(names).toEqual([...names].sort());
      }),
    );
  });
});

describe('what cargo sets for each process', () => {
  it.each([
    'OUT_DIR',
    'CARGO',
    'CARGO_MANIFEST_DIR',
    'CARGO_PKG_VERSION',
    'CARGO_FEATURE_STD',
    'CARGO_CFG_TARGET_OS',
    'CARGO_BIN_EXE_app',
    'CARGO_BIN_FILE_FOO_foo',
    'DEP_Z_INCLUDE',
    'TARGET',
    'HOST',
    'RUSTC_LINKER',
    'RUSTC_WRAPPER',
    'RUSTC_WORKSPACE_WRAPPER',
  ])('includes %s', (name) => {
    expect(isSetByCargo(name)).toBe(true);
  });

  it.each(['TARGET', 'HOST', 'DEBUG', 'PROFILE', 'RUSTC', 'RUSTC_WRAPPER', 'DEP_Z_INCLUDE'])(
    'includes %s for scripts, not for compilers',
    (name) => {
      expect(isSetForCompilers(name)).toBe(false);
      expect(isSetByCargo(name)).toBe(true);
    },
  );

  it.each(['CC', 'CARGO_HOME', 'CARGO_TARGET_DIR', 'HOME'])('does not include %s', (name) => {
    expect(isSetByCargo(name)).toBe(false);
  });
});

describe('programs that count', () => {
  it('are each named once', () => {
    expect(new Set(nativeTools).size).toBe(nativeTools.length);
    expect([...compilerTools].every((name) => nativeTools.includes(name))).toBe(true);
  });

  it('start anything if they are shells, interpreters or build systems', () => {
    for (const name of ['sh', '/bin/bash', 'make', 'cmake', 'python3.11', 'perl', 'cargo']) {
      expect(startsAnything(name)).toBe(true);
    }
    for (const name of ['cc', 'foo-config', 'pkg-config', 'shasum', 'makeinfo']) {
      expect(startsAnything(name)).toBe(false);
    }
  });

  it('are not words that name a program by chance, unless they are started', () => {
    expect(isProgramUse('x86_64', false)).toBe(false);
    expect(isProgramUse('x86_64', true)).toBe(true);
    expect(isProgramUse('foo-config', false)).toBe(true);
    expect(isProgramUse('rustc', true)).toBe(false);
  });
});

describe('what links for the host', () => {
  const host = '\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\n';
  it.each([
    [`rustc 1.95.0 (59807616e 2026-04-14)${host}`, ['cc']],
    [`rustc 1.96.0-nightly (0f1b8ab2c 2026-05-01)${host}`, ['cc']],
    [`rustc 1.89.0 (29483883e 2025-08-04)${host}`, ['cc', 'ld']],
    [`rustc 1.92.0 (ded5c06cf 2025-12-08) (Debian 1.92.0)${host}`, ['cc', 'ld']],
    ['rustc 1.95.0 (59807616e 2026-04-14)\nhost: aarch64-unknown-linux-gnu\n', ['cc', 'ld']],
    ['', ['cc', 'ld']],
  ])('%j: %j', (version, expected) => {
    expect(hostLinkers(version)).toEqual(expected);
  });

  it('is what flags name beside that', () => {
    expect(linkersOfFlags(['-C', 'linker=clang', '-Copt-level=3'])).toEqual(['clang']);
    expect(linkersOfFlags(['-Clinker=/opt/cc'])).toEqual(['/opt/cc']);
    expect(linkersOfFlags(['-Clink-arg=-fuse-ld=mold'])).toEqual(['mold', 'ld.mold']);
    expect(linkersOfFlags(['-C', 'link-arg=-fuse-ld=/opt/ld'])).toEqual(['/opt/ld']);
    expect(linkersOfFlags(['-Clinker-features=-lld'])).toEqual(['ld']);
    expect(linkersOfFlags(['-Zunstable-options', '--cfg=linker'])).toEqual([]);
  });
});

describe('values of variables', () => {
  it('are not set where flags or the name of a tool are empty', () => {
    expect(comparedValue('CFLAGS', '')).toBe(null);
    expect(comparedValue('CXXFLAGS_x86_64-unknown-linux-gnu', '')).toBe(null);
    expect(comparedValue('HOST_CC', '')).toBe(null);
    expect(comparedValue('ZLIB_STATIC', '')).toBe('');
    expect(comparedValue('CFLAGS', '-O2')).toBe('-O2');
    expect(comparedValue('GREETING', undefined)).toBe(null);
  });
});

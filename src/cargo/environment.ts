/**
 * Which environment variables steer a native build, as data. Cargo hashes what it passes on by itself
 * and what build scripts declare with `rerun-if-env-changed`; a script reads more than it declares,
 * and a stored run is served only where that is equal too (rules 9, 12).
 *
 * Comparing every variable would make another terminal, SSH session or editor a miss, so a variable
 * counts only if a known build tool gives it a meaning. `ignored` wins over `steering`.
 */
import { comparedValue, tripleTail } from './variable-values.js';

/** No tool gives a meaning to a longer name; keeps the patterns below from running long. */
const nameCharactersMax = 256;

interface VariableRule {
  /** Tested against the name without a leading `HOST_` or `TARGET_` (convention of the cc crate). */
  readonly pattern: RegExp;
  readonly why: string;
}

const steering: readonly VariableRule[] = [
  {
    pattern: new RegExp(
      `^(?:CC|CXX|CPP|FC|LD|AR|AS|NM|RANLIB|STRIP|OBJCOPY|WINDRES)${tripleTail}$`,
    ),
    why: 'names a tool of the C toolchain (cc crate, make, autoconf, cmake)',
  },
  {
    pattern: new RegExp(
      `^(?:NASM|YASM|ASM_NASM|NVCC|PERL|PYTHON3?|MAKE|NINJA|QMAKE)${tripleTail}$`,
    ),
    why: 'names a tool that scripts run',
  },
  {
    pattern: new RegExp(`FLAGS${tripleTail}$`),
    why: 'CFLAGS, CXXFLAGS, CPPFLAGS, LDFLAGS, ARFLAGS, LIBSQLITE3_FLAGS, … and their _<triple> forms',
  },
  {
    pattern:
      /^(?:CXXSTDLIB|CRATE_CC_|CC_FORCE|CC_KNOWN_WRAPPER|CROSS_COMPILE|CCC_OVERRIDE_OPTIONS)/,
    why: 'read by the cc crate or by clang',
  },
  {
    pattern: /^(?:CPATH|(?:C|CPLUS|OBJC)_INCLUDE_PATH|LIBRARY_PATH|COMPILER_PATH|GCC_EXEC_PREFIX)$/,
    why: 'search paths of gcc and clang',
  },
  { pattern: /^(?:LD_RUN_PATH|LDEMULATION|GNUTARGET)$/, why: 'read by GNU ld' },
  {
    pattern: /^NIX_(?:CC|CFLAGS|LDFLAGS|HARDENING|BINTOOLS)/,
    why: 'read by the Nix compiler wrapper',
  },
  {
    pattern: /^(?:SOURCE_DATE_EPOCH|ZERO_AR_DATE)$/,
    why: 'the time that __DATE__, archives and crates like built and vergen write into outputs',
  },
  {
    pattern: /^(?:SDKROOT|DEVELOPER_DIR|[A-Z]+_DEPLOYMENT_TARGET)$/,
    why: 'Apple SDK; rustc reads them too',
  },
  {
    pattern: /^(?:(?:ANDROID_)?NDK_|ANDROID_NDK|WASI_SDK|WASI_SYSROOT|EMSDK|EM_CONFIG|CUDA_)/,
    why: 'roots of cross and GPU toolchains',
  },
  { pattern: /PKG_CONFIG/, why: 'PKG_CONFIG, PKG_CONFIG_PATH, <LIB>_NO_PKG_CONFIG, …' },
  { pattern: /^(?:VCPKG|SYSTEM_DEPS_)/, why: 'other library finders' },
  { pattern: /^CMAKE/, why: 'CMAKE itself, CMAKE_PREFIX_PATH, CMAKE_TOOLCHAIN_FILE, generator, …' },
  {
    pattern: /_(?:LIB|INCLUDE)_(?:DIR|PATH|LOCATION)$/,
    why: 'the usual way to point a -sys crate at a library: OPENSSL_LIB_DIR, PQ_LIB_DIR, …',
  },
  {
    pattern: /_(?:STATIC|DYNAMIC|SHARED|BUNDLED|NO_VENDOR|SYS_[A-Z0-9_]+)$/,
    why: 'the usual switches of -sys crates: ZLIB_STATIC, OPENSSL_NO_VENDOR, AWS_LC_SYS_NO_ASM, …',
  },
  {
    pattern: /(?:^|_)OPENSSL_(?:DIR|LIBS|NO_[A-Z]+|SRC_PERL|CONFIG_DIR)$/,
    why: 'openssl-sys and openssl-src, also behind an upper-case triple',
  },
  { pattern: /^(?:SQLITE_MAX_|SQLITE_OMIT_|SQLCIPHER_|LIBSQLITE3_)/, why: 'libsqlite3-sys' },
  { pattern: /^(?:JEMALLOC_|ROCKSDB_|LIBTORCH|ORT_|RUSTY_V8_)/, why: 'large -sys crates' },
  {
    pattern: /^(?:LIBCLANG_|CLANG_PATH$|LLVM_CONFIG|BINDGEN_)/,
    why: 'clang-sys and bindgen: which headers are read, and how',
  },
  { pattern: /^PROTOC/, why: 'prost-build and others: the compiler and its include directory' },
  { pattern: /^PYO3_/, why: 'which Python the extension is built for' },
  {
    pattern: /^RUSTC_BOOTSTRAP$|^RUSTC_FORCE_|^RUSTC_LINKER$/,
    why: 'opens unstable features to rustc and to probing scripts; the linker that cc infers from',
  },
  {
    pattern: /^CARGO_TARGET_[A-Z0-9_]+_LINKER$/,
    why: "handed to scripts as RUSTC_LINKER; a run's own fingerprint does not contain it",
  },
];

/** Search paths of MSVC: on other targets the names mean nothing, and people use them for what they like. */
const msvcVariables: ReadonlySet<string> = new Set([
  'INCLUDE',
  'LIB',
  'LIBPATH',
  'VCINSTALLDIR',
  'WindowsSdkDir',
]);

const ignored: readonly VariableRule[] = [
  {
    pattern: /^(?:CARGO_)?MAKEFLAGS$|^MFLAGS$|^GNUMAKEFLAGS$/,
    why: 'job counts and job server descriptors, new in each process',
  },
  {
    pattern: /^RUST(?:DOC)?FLAGS$|^CARGO_(?:BUILD_|ENCODED_|TARGET_[A-Z0-9_]+_)RUST(?:DOC)?FLAGS$/,
    why: 'hashed by cargo into the units that they apply to, and only those',
  },
  {
    pattern: /^CCACHE_|^SCCACHE_|^DISTCC_/,
    why: 'compiler caches do not change what the compiler writes',
  },
];

/**
 * Whether a difference in this variable may change what a build script or linker produces. Not here,
 * because they change nothing or are compared elsewhere:
 * PATH (by the identity of `nativeTools`) · RUSTC, RUSTC_WRAPPER, RUSTUP_TOOLCHAIN (by the identity of
 * the compiler) · CARGO_HOME (source paths are in the fingerprint) · CARGO_PROFILE_*, CARGO_BUILD_TARGET
 * (in the unit's hash or path) · CARGO_INCREMENTAL (own packages only) · CARGO_TERM_*, CARGO_NET_*,
 * CARGO_BUILD_JOBS, NUM_JOBS, LD_LIBRARY_PATH (cargo itself changes it for nested builds), locale, proxy,
 * and everything about terminal, session and editor.
 */
export function isSteeringVariable(name: string): boolean {
  if (name.length > nameCharactersMax) return false;
  const plain = name.replace(/^(?:HOST|TARGET)_/, '');
  const matches = ({ pattern }: VariableRule): boolean => pattern.test(plain);
  return steering.some(matches) && !ignored.some(matches);
}

const linking =
  /^(?:LIBRARY_PATH|COMPILER_PATH|GCC_EXEC_PREFIX|LD_RUN_PATH|LDEMULATION|GNUTARGET|NIX_.*|SDKROOT|DEVELOPER_DIR|[A-Z]+_DEPLOYMENT_TARGET|CCC_OVERRIDE_OPTIONS|LIB|LIBPATH|VCINSTALLDIR)$/;

/** Of the steering variables those that a linker reads, or the C compiler that starts it for rustc. */
export function isLinkingVariable(name: string): boolean {
  return linking.test(name);
}

/**
 * The steering variables of an environment, sorted by name; equal environments serialize equally.
 * Those that are as good as unset (`comparedValue`) are left out.
 */
export function steeringSnapshot(env: Readonly<Record<string, string>>): Record<string, string> {
  return snapshotOf(env, isSteeringVariable);
}

/** The same for what means something to builds for this target alone (undefined: for the host). */
export function targetSnapshot(
  env: Readonly<Record<string, string>>,
  triple: string | undefined,
): Record<string, string> {
  const isMsvc = triple?.includes('msvc') === true;
  return snapshotOf(env, (name) => isMsvc && msvcVariables.has(name));
}

function snapshotOf(
  env: Readonly<Record<string, string>>,
  counts: (name: string) => boolean,
): Record<string, string> {
  const snapshot: Record<string, string> = {};
  for (const name of Object.keys(env).filter(counts).sort()) {
    const value = comparedValue(name, env[name]);
    if (value !== null) snapshot[name] = value;
  }
  return snapshot;
}

/**
 * Which environment variables and programs steer a native build, as data. Cargo hashes what it
 * passes on by itself and what build scripts declare with `rerun-if-env-changed`; a script reads
 * more than it declares, and a stored run is served only where that is equal too (rules 9, 12).
 *
 * Comparing every variable would make another terminal, SSH session or editor a miss, so a variable
 * counts only if a known build tool gives it a meaning. `ignored` wins over `steering`.
 */

/** No tool gives a meaning to a longer name; keeps the patterns below from running long. */
const nameCharactersMax = 256;

interface VariableRule {
  /** Tested against the name without a leading `HOST_` or `TARGET_` (convention of the cc crate). */
  readonly pattern: RegExp;
  readonly why: string;
}

/**
 * The tail `_<triple>` with which the cc, pkg-config and cmake crates narrow a variable. Lower case,
 * which keeps LD_LIBRARY_PATH, MAKE_TERMOUT, PYTHON_BASIC_REPL and the like apart.
 */
const triple = '(?:_[a-z][a-z0-9]*[-_][a-zA-Z0-9_.-]+)?';

const steering: readonly VariableRule[] = [
  {
    pattern: new RegExp(`^(?:CC|CXX|CPP|FC|LD|AR|AS|NM|RANLIB|STRIP|OBJCOPY|WINDRES)${triple}$`),
    why: 'names a tool of the C toolchain (cc crate, make, autoconf, cmake)',
  },
  {
    pattern: new RegExp(`^(?:NASM|YASM|ASM_NASM|NVCC|PERL|PYTHON3?|MAKE|NINJA|QMAKE)${triple}$`),
    why: 'names a tool that scripts run',
  },
  {
    pattern: new RegExp(`FLAGS${triple}$`),
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

/**
 * Programs whose identity (the file that PATH leads to, links followed) decides what a build script
 * produces: compilers and binutils, build systems, interpreters, code generators. Absence counts.
 */
export const nativeTools: readonly string[] = [
  'cc',
  'c++',
  'gcc',
  'g++',
  'clang',
  'clang++',
  'ar',
  'as',
  'ld',
  'ld.lld',
  'mold',
  'nm',
  'ranlib',
  'strip',
  'objcopy',
  'llvm-config',
  'nasm',
  'yasm',
  'nvcc',
  'pkg-config',
  'pkgconf',
  'cmake',
  'make',
  'ninja',
  'meson',
  'autoconf',
  'automake',
  'libtool',
  'm4',
  'bison',
  'flex',
  'perl',
  'python3',
  'python',
  'go',
  'protoc',
  'rustfmt',
];

/** Whoever starts one of them may start the others: `cc` runs `as` and `ld`, scripts run `ar`. */
export const compilerTools: ReadonlySet<string> = new Set([
  ...['cc', 'c++', 'gcc', 'g++', 'clang', 'clang++'],
  ...['ar', 'as', 'ld', 'nm', 'ranlib', 'strip', 'objcopy'],
]);

/**
 * Variables that steer interpreters and build systems: where they find modules and settings. Of
 * scripts that may start any of those.
 */
export const variablesOfStarters: readonly string[] = [
  ...['PYTHONPATH', 'PYTHONHOME', 'PERL5LIB', 'NODE_PATH', 'RUBYLIB', 'ACLOCAL_PATH'],
  ...['CONFIG_SITE', 'JAVA_HOME'],
];

const localized: ReadonlySet<string> = new Set([
  ...['date', 'sort', 'ls', 'comm', 'localtime', 'strftime', 'datetime'],
]);

/** Whether the zone of time and the language change what a program or function of this name tells. */
export function isLocalized(name: string): boolean {
  return localized.has(name);
}

/** The variables that set those. */
export const variablesOfLocale: readonly string[] = ['TZ', 'LC_ALL'];

const compilers: ReadonlySet<string> = new Set([
  ...['cc', 'c++', 'gcc', 'g++', 'clang', 'clang++', 'nvcc'],
  ...['CC', 'CXX', 'HOST_CC', 'TARGET_CC', 'HOST_CXX', 'TARGET_CXX', 'NVCC'],
]);

/** Whether a string names a compiler for C, or the variable that does. */
export function isCompilerName(name: string): boolean {
  return compilers.has(name);
}

/** Programs that start whatever a file or an argument tells them to. */
const starters =
  /^(?:(?:.*\/)?(?:sh|bash|dash|zsh|ksh|env|xargs|make|gmake|nmake|ninja|samu|cmake|ctest|meson|scons|bazel|gn|configure|autoreconf|autoconf|libtool|libtoolize|perl|ruby|node|npm|npx|yarn|pnpm|go|java|nix|cargo|xcrun|python[0-9.]*))$/;

/** Whether what a program of this name starts cannot be told from the name. */
export function startsAnything(name: string): boolean {
  return starters.test(name);
}

/**
 * Programs that a string may name by chance (`"test"`, `"x86_64"`, which is a link to setarch), and
 * that decide nothing about a build; rustc and rustup, because the identity of the compiler is
 * compared for every unit. Those that `Command::new` names count all the same, but rustc.
 */
const chanceNames: ReadonlySet<string> = new Set([
  ...['x86_64', 'i386', 'i486', 'i586', 'i686', 'linux32', 'linux64', 'uname26', 'arch', 'id'],
  ...['true', 'false', 'yes', 'test', 'last', 'link', 'unlink', 'install', 'file', 'time', 'more'],
  ...['who', 'which', 'whereis', 'less', 'join', 'split', 'kill', 'sleep', 'sum', 'tr', 'expr'],
  ...['as', 'env', 'host', 'dir', 'groups', 'users', 'mount', 'umount', 'script', 'size', 'tty'],
]);
const compilerOfRust: ReadonlySet<string> = new Set(['rustc', 'rustup', 'rustdoc']);

/** Whether a string that names a program on PATH counts as its use; `isSure` where it is started. */
export function isProgramUse(name: string, isSure: boolean): boolean {
  return !compilerOfRust.has(name) && (isSure || !chanceNames.has(name));
}

/**
 * Programs that rustc starts to link for its own host, where no flag names another linker. Since
 * 1.90 the official compiler for x86_64 GNU/Linux brings its own `ld`; distributions switch that
 * off, and their version texts say who built them.
 */
export function hostLinkers(verboseVersion: string): readonly string[] {
  const release = /^rustc 1\.(\d+)\.\d+(?:-[a-z0-9.]+)? \([0-9a-f]{9} \d{4}-\d\d-\d\d\)\n/.exec(
    verboseVersion,
  );
  const hasOwn = Number(release?.[1] ?? 0) >= 90;
  const isGnu = /^host: x86_64-unknown-linux-gnu$/m.test(verboseVersion);
  return hasOwn && isGnu ? ['cc'] : ['cc', 'ld'];
}

/** The linkers that rustc's flags name: `-C linker=X`, `-C link-arg=-fuse-ld=X`; both ways to write. */
export function linkersOfFlags(rustflags: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const flag of rustflags) {
    const linker = /(?:^|-C ?)linker=(.+)$/.exec(flag)?.[1];
    if (linker !== undefined) found.add(linker);
    for (const [, name = ''] of flag.matchAll(/-fuse-ld=(\S+)/g)) {
      found.add(name);
      // gcc takes `ld.gold` for `gold`; mold has both names.
      if (!name.includes('/')) found.add(`ld.${name}`);
    }
    // Without the linker that rustc brings, it is the system's.
    if (/linker-features=\S*-lld|link-self-contained=\S*-linker|link-self-contained=n/.test(flag)) {
      found.add('ld');
    }
  }
  return [...found];
}

const emptyIsUnset = new RegExp(
  `^(?:(?:HOST|TARGET)_)?(?:CC|CXX|CPP|FC|LD|AR|AS|NM|RANLIB|STRIP|OBJCOPY|[A-Z0-9_]*FLAGS)${triple}$`,
);

/**
 * A variable's value as it is compared, null for "not set". No tool tells empty flags, or the empty
 * name of a tool, from none; of other variables a script may ask whether they are set at all.
 */
export function comparedValue(name: string, value: string | null | undefined): string | null {
  if (value === undefined || value === null) return null;
  return value === '' && emptyIsUnset.test(name) ? null : value;
}

/**
 * The same of a name or, where it has a `*` in it, of all variables whose names fit it, as one text.
 * Without those that cargo sets itself. Case does not count: scripts compare names in either.
 */
export function valueOf(
  name: string,
  variables: Readonly<Record<string, string | undefined>>,
): string | null {
  if (!name.includes('*')) return comparedValue(name, variables[name]);
  const fitting = fittingNames(name, variables).flatMap((each) => {
    const value = comparedValue(each, variables[each]);
    return value === null ? [] : [[each, value]];
  });
  return fitting.length === 0 ? null : JSON.stringify(fitting);
}

/** The name itself, or the names of the variables that fit it, sorted. */
export function fittingNames(
  name: string,
  variables: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  if (!name.includes('*')) return [name];
  const pattern = new RegExp(`^${name.replaceAll('*', '.*')}$`, 'i');
  return Object.keys(variables)
    .filter((each) => pattern.test(each) && !isSetByCargo(each) && !isReadForShow(each))
    .sort();
}

/** What rustc itself reads of its environment, whatever it compiles, and tells nobody. */
export const variablesOfRustc: readonly string[] = [
  ...['RUSTC_BOOTSTRAP', 'RUSTC_FORCE_RUSTC_VERSION', 'RUSTC_OVERRIDE_VERSION_STRING'],
  'RUST_TARGET_PATH',
];

/**
 * Variables that no build depends on, though libraries of scripts and macros read them: whether a
 * terminal has colours, the job server of make. Clippy sets the wrapper, which is rustc with lints.
 */
const readForShow: ReadonlySet<string> = new Set([
  ...['TERM', 'COLORTERM', 'NO_COLOR', 'CLICOLOR', 'CLICOLOR_FORCE', 'FORCE_COLOR', 'COLUMNS'],
  ...['LINES', 'RUST_LOG', 'RUST_LOG_STYLE', 'RUST_BACKTRACE', 'RUST_LIB_BACKTRACE'],
  ...['CARGO_MAKEFLAGS', 'MAKEFLAGS', 'MFLAGS', 'RUSTC_WORKSPACE_WRAPPER'],
]);

/** Whether a variable that a library mentions, rather than the script itself, is left out. */
export function isReadForShow(name: string): boolean {
  return readForShow.has(name);
}

const setForCompilers: ReadonlySet<string> = new Set([
  'CARGO',
  'CARGO_MANIFEST_DIR',
  'CARGO_MANIFEST_PATH',
  'CARGO_MANIFEST_LINKS',
  'CARGO_CRATE_NAME',
  'CARGO_BIN_NAME',
  'CARGO_PRIMARY_PACKAGE',
  'CARGO_TARGET_TMPDIR',
  'CARGO_SBOM_PATH',
  'CARGO_MAKEFLAGS',
  'OUT_DIR',
]);

const compilerPattern = /^CARGO_(?:PKG|BIN_EXE)_|^CARGO_(?:BIN|CDYLIB|STATICLIB)_(?:DIR|FILE)_/;

/** The last three are set or removed by what cargo is configured to use, and compared as that. */
const setForScripts: ReadonlySet<string> = new Set([
  'CARGO_ENCODED_RUSTFLAGS',
  'CARGO_TRIM_PATHS',
  'DEBUG',
  'HOST',
  'NUM_JOBS',
  'OPT_LEVEL',
  'PROFILE',
  'RUSTC',
  'RUSTDOC',
  'TARGET',
  'RUSTC_LINKER',
  'RUSTC_WORKSPACE_WRAPPER',
  'RUSTC_WRAPPER',
]);

const scriptPattern = /^CARGO_(?:FEATURE|CFG)_|^DEP_/;

/**
 * Whether cargo sets the variable for each rustc it starts, so that its value in the environment of
 * cargo itself means nothing (`core/compiler/{compilation,mod}.rs` and `artifact.rs` at f2d3ce0bd).
 */
export function isSetForCompilers(name: string): boolean {
  return setForCompilers.has(name) || compilerPattern.test(name);
}

/** Whether cargo sets the variable for each build script, or removes it (`custom_build.rs`). */
export function isSetByCargo(name: string): boolean {
  return isSetForCompilers(name) || setForScripts.has(name) || scriptPattern.test(name);
}

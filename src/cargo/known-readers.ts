/**
 * Packages that put names of variables together, and of which it is known what they read: from their
 * sources, by hand. For all others every variable counts where a name is computed.
 */

const knownReaders: ReadonlySet<string> = new Set([
  // Tools of build scripts: variants of the names of the C toolchain and pkg-config, which steer.
  ...['cc', 'cmake', 'pkg-config', 'vcpkg', 'system-deps', 'autocfg', 'find-msvc-tools'],
  ...['bindgen', 'clang-sys', 'libloading', 'jobserver', 'cfg-aliases', 'openssl-src', 'which'],
  // Scripts with names behind the target or their own prefix, which steer too.
  ...[
    'aws-lc-sys',
    'aws-lc-fips-sys',
    'openssl-sys',
    'libsqlite3-sys',
    'tikv-jemalloc-sys',
    'ring',
  ],
  ...['ort-sys', 'pyo3-build-config', 'pyo3-ffi'],
  // Macros that are told the name by the source that uses them, whose literals count.
  ...['clap-derive', 'paste'],
  // Libraries that macros have for other things than to read variables.
  ...[
    'libc',
    'wasi',
    'tokio',
    'chrono',
    'clap-builder',
    'env-logger',
    'tracing-subscriber',
    'home',
  ],
  ...['etcetera', 'openssl-probe', 'rustls-native-certs', 'ureq', 'hyper-util', 'whoami', 'wasite'],
]);

/** Scripts that go up from compilers and include directories, and never from their own place. */
const staying: ReadonlySet<string> = new Set([
  ...['aws-lc-sys', 'aws-lc-fips-sys', 'openssl-sys', 'libsqlite3-sys', 'clang-sys'],
]);

/** Whether a script is known not to climb to the workspace, whatever it looks like. */
export function staysInOutDir(packageName: string): boolean {
  return staying.has(packageName.replaceAll('_', '-'));
}

/** @param packageName as cargo knows it, or as a crate is called */
export function isKnownReader(packageName: string): boolean {
  return knownReaders.has(packageName.replaceAll('_', '-'));
}

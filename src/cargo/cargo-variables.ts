/** Which variables cargo itself sets for what it starts, and which ones rustc reads by itself. */

/** What rustc itself reads of its environment, whatever it compiles, and tells nobody. */
export const variablesOfRustc: readonly string[] = [
  ...['RUSTC_BOOTSTRAP', 'RUSTC_FORCE_RUSTC_VERSION', 'RUSTC_OVERRIDE_VERSION_STRING'],
  'RUST_TARGET_PATH',
];

/**
 * Set for the compilers of packages that cargo is asked to build, and not for those of what they
 * need. Cargo's dep-info has it where it was not set, and leaves it out where cargo set it.
 */
export const primaryPackage = 'CARGO_PRIMARY_PACKAGE';

const setForCompilers: ReadonlySet<string> = new Set([
  'CARGO',
  'CARGO_MANIFEST_DIR',
  'CARGO_MANIFEST_PATH',
  'CARGO_MANIFEST_LINKS',
  'CARGO_CRATE_NAME',
  'CARGO_BIN_NAME',
  primaryPackage,
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

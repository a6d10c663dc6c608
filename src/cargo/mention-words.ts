/** Words of Rust sources that tell what a program may use while it runs. */

/** Functions that read a variable whose name they are given. */
export const readFunctions: ReadonlySet<string> = new Set([
  ...['var', 'var_os', 'getenv', 'secure_getenv', 'getenv_os'],
]);
/** Names by which the environment is read through libc. */
export const libcReads: ReadonlySet<string> = new Set(['getenv', 'secure_getenv', 'environ']);
/** Of Linux, with the variables of a process. */
export const environmentFile: RegExp = /^\/proc\/.*\/environ$/;
/** Crates that read variables for others. */
export const environmentCrates: ReadonlySet<string> = new Set([
  'dotenv',
  'dotenvy',
  'envy',
  'envmnt',
]);
/** Functions of libc that start a program. */
export const libcStarts: ReadonlySet<string> = new Set([
  ...['execl', 'execle', 'execlp', 'execv', 'execve', 'execvp', 'execvpe', 'fexecve'],
  ...['popen', 'posix_spawn', 'posix_spawnp'],
]);
/** Crates that start programs. */
export const commandCrates: ReadonlySet<string> = new Set([
  'duct',
  'xshell',
  'cmd_lib',
  'subprocess',
]);
/** Words that stand for reading files wherever they are. */
export const fileWords: ReadonlySet<string> = new Set([
  ...['OpenOptions', 'read_dir', 'glob', 'walkdir', 'WalkDir', 'fs_err'],
]);
/** Functions and crates that lead to files outside of any package. */
export const homeWords: ReadonlySet<string> = new Set([
  ...['home_dir', 'config_dir', 'data_dir', 'cache_dir', 'dotenv', 'dotenvy', 'BaseDirs'],
]);
/** Literals that do. */
export const outsideVariables: ReadonlySet<string> = new Set([
  ...['HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_CACHE_HOME', 'USERPROFILE', '.env'],
]);
/** All words that lead outside of any package. */
export const outsideWords: readonly string[] = [...outsideVariables, ...homeWords];
/** Programs whose arguments are commands. */
export const shells: ReadonlySet<string> = new Set([
  ...['sh', 'bash', 'dash', 'zsh', 'ksh', '/bin/sh', '/bin/bash', '/usr/bin/env', 'env'],
]);
/** The compiler and cargo, and the variables that name them. */
export const ownTools: ReadonlySet<string> = new Set(['RUSTC', 'rustc', 'CARGO', 'cargo']);
/** Names of pkg-config and of crates that ask it. */
export const pkgConfigNames: ReadonlySet<string> = new Set([
  ...['pkg_config', 'pkg-config', 'pkgconf', 'system_deps', 'PKG_CONFIG'],
]);

/** Methods that ask whether there is a file, and what it is. */
export const fileQuestions: ReadonlySet<string> = new Set([
  ...['try_exists', 'exists', 'is_file', 'is_dir', 'metadata', 'symlink_metadata'],
  ...['canonicalize', 'read_link'],
]);
/** `gen.sh`, `{root}/tools/gen.py`: what is handed to an interpreter. */
export const shippedProgram: RegExp =
  /(?:^|[/}])[A-Za-z0-9_.-]*\.(?:sh|bash|py|pl|rb|js|mjs|tcl|lua|cmake|mk)$/;

/** Words that may stand before the one that tells what an item is. */
export const itemModifiers: ReadonlySet<string> = new Set([
  ...['pub', 'crate', 'super', 'in', 'self', 'unsafe', 'async', 'default', 'extern'],
]);
/** Words that begin an item. */
export const items: ReadonlySet<string> = new Set([
  ...['mod', 'fn', 'impl', 'struct', 'enum', 'union', 'trait', 'use', 'static', 'type'],
]);

/**
 * Which programs decide what a native build gives, as data: compilers, build systems, interpreters
 * and linkers, and the variables that steer some of them alone.
 */

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

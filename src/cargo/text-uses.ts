/**
 * What a text that a build script may hand to a shell, an interpreter or a build system uses of its
 * surroundings: variables and programs. Such texts are not parsed; a name that is put together at
 * run time is not found.
 */

/** What one text, or several, use. */
export interface TextUses {
  /** Variables that may be read, set or not. */
  readonly variables: ReadonlySet<string>;
  /** Words that count as a program where there is one of that name. */
  readonly words: ReadonlySet<string>;
  /** Words in the place of a program: its absence counts, too. */
  readonly commands: ReadonlySet<string>;
}

/** In which language names of variables and programs are looked for. */
type Language = 'shell' | 'cmake' | 'other';

/** Whether a file of a package may be run or read by a tool that a build script starts. */
export function isRunnableText(path: string, isExecutable: boolean, head: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (compiled.test(name) && !/^(?:GNU)?[Mm]akefile/.test(name)) return false;
  return runnable.test(name) || isExecutable || head.startsWith('#!');
}

/** Rust, C and its relatives, assembly, documentation, data. */
const compiled =
  /\.(?:rs|[chsS]|cc|cpp|cxx|c\+\+|hh|hpp|hxx|inc|inl|m|mm|asm|cu|h\.in|md|rst|txt\.in|html|css|json|toml|lock|png|svg|[1-9])$|^(?:README|LICEN[CS]E|COPYING|CHANGELOG|ChangeLog|NEWS|AUTHORS)/;
const runnable =
  /\.(?:sh|bash|zsh|ksh|py|pl|pm|rb|js|mjs|cjs|tcl|lua|awk|cmake|mk|mak|make|am|ac|in|m4|ninja|gn|gni|build|bzl)$|^(?:(?:GNU)?[Mm]akefile.*|CMakeLists\.txt|[Cc]onfigure|configure\.\w+|config\.(?:sub|guess)|SConstruct|SConscript|wscript|BUILD)$/;

/** Never fails. */
export function textUses(path: string, text: string): TextUses {
  const variables = new Set<string>();
  const language = languageOf(path, text);
  for (const pattern of patternsOf(language)) {
    for (const match of text.matchAll(pattern)) {
      const name = match[1] ?? '';
      if (isForeign(name)) variables.add(name);
    }
  }
  for (const [, name = ''] of language === 'cmake' ? text.matchAll(packages) : []) {
    for (const each of new Set([name, name.toUpperCase()])) {
      variables.add(`${each}_ROOT`).add(`${each}_DIR`);
    }
  }
  const words = new Set(text.match(/[A-Za-z0-9_.+/-]+/g));
  const commands = new Set<string>();
  for (const pattern of language === 'shell' ? [startOfCommand, ...probes] : probes) {
    for (const match of text.matchAll(pattern)) commands.add(match[1] ?? '');
  }
  return { variables, words, commands };
}

function languageOf(path: string, text: string): Language {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (/\.cmake(?:\.in)?$|^CMakeLists\.txt$/.test(name)) return 'cmake';
  const shebang = /^#!.*/.exec(text)?.[0];
  if (shebang !== undefined) return /sh\b|make/.test(shebang) ? 'shell' : 'other';
  return /\.(?:py|pl|pm|rb|js|mjs|cjs|lua|gn|gni|bzl|awk)$/.test(name) ? 'other' : 'shell';
}

function patternsOf(language: Language): readonly RegExp[] {
  return language === 'shell' ? [...shellReads, ...environmentReads] : environmentReads;
}

/** `$NAME`, `${NAME`, `$(NAME`; `NAME ?=` and `ifdef NAME` of make. */
const shellReads: readonly RegExp[] = [
  /\$[{(]?[#!]?([A-Za-z_][A-Za-z0-9_]{0,127})/g,
  /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]{0,127})[ \t]*\?=/gm,
  /^[ \t]*ifn?def[ \t]+([A-Za-z_][A-Za-z0-9_]{0,127})/gm,
];

/** `ENV{X}`, `ENV["X"]`, `environ["X"]`, `environ.get("X"`, `getenv("X"`, `process.env.X`. */
const environmentReads: readonly RegExp[] = [
  /\bENV\{['"]?([A-Za-z_][A-Za-z0-9_]{0,127})/g,
  /\b(?:ENV|environb?|env)(?:\.get|\.fetch|\.pop|\.setdefault)?[[(]\s*b?['"]([A-Za-z_][A-Za-z0-9_]{0,127})/g,
  /\b[a-z_]*getenv\(\s*b?['"]([A-Za-z_][A-Za-z0-9_]{0,127})/g,
  /\bprocess\.env\.([A-Za-z_][A-Za-z0-9_]{0,127})/g,
  /['"]([A-Z][A-Z0-9_]{1,127})['"]\s+(?:not\s+)?in\s+(?:os\.)?environ\b/g,
];

const packages = /\bfind_(?:package|dependency)\s*\(\s*([A-Za-z0-9_+-]{1,64})/gi;

const commandName = '([A-Za-z][A-Za-z0-9_.+-]{1,63})';
const startOfCommand = new RegExp(
  `(?<=(?:^|[|&;(\`{!]|(?:\\b(?:then|do|else|elif|if|while|until|exec|which|type|hash|command|nohup|xargs|eval|time|env)|-[vV])[ \\t])[ \\t@+-]*)(?<![A-Za-z0-9_.])${commandName}(?=[\\s;|&)\`'"]|$)`,
  'gm',
);
/** `find_program(X tool)`, `which("tool")`, `run(["tool"`, `system("tool …")`. */
const probes: readonly RegExp[] = [
  new RegExp(`\\bfind_program\\s*\\(\\s*\\w+\\s+(?:NAMES\\s+)?"?${commandName}`, 'gi'),
  new RegExp(`\\b(?:which|find_executable|find_program)\\(\\s*['"]${commandName}['"]`, 'g'),
  new RegExp(
    `\\b(?:run|call|check_call|check_output|Popen|system|popen|spawn|spawnSync|exec|execSync|execFile|execFileSync|getoutput)\\(\\s*\\[?\\s*f?['"]${commandName}(?=[\\s'"])`,
    'g',
  ),
  /\bCOMMAND\s+"?([A-Za-z][A-Za-z0-9_.+-]{1,63})(?=[\s")])/g,
  /\bAC_(?:CHECK|PATH)_(?:PROG|TOOL)S?\(\s*\[?\w+\]?\s*,\s*\[?([A-Za-z][A-Za-z0-9_.+-]{1,63})/g,
  /[`]\s*([A-Za-z][A-Za-z0-9_.+-]{1,63})\s[^`\n]*`/g,
];

/** What the shell itself sets, places for temporary files, and what autoconf names its own. */
function isForeign(name: string): boolean {
  return !internal.has(name) && !/^(?:as|ac|lt|am|gl)_(?!cv_)/.test(name);
}

const internal: ReadonlySet<string> = new Set([
  ...['PATH', 'IFS', 'PWD', 'OLDPWD', 'SHLVL', '_', 'RANDOM', 'LINENO', 'SECONDS', 'PPID', 'UID'],
  ...['OPTARG', 'OPTIND', 'REPLY', 'EUID', 'BASHPID', 'BASH_SOURCE', 'FUNCNAME', 'PIPESTATUS'],
  ...['BASH_VERSION', 'TMPDIR', 'TMP', 'TEMP', 'MAKE', 'MAKECMDGOALS', 'MAKEFILE_LIST', 'CURDIR'],
]);

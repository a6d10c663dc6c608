/** Programs that are scripts: their text, and what it tells of what they read. */
import { closeSync, openSync, readSync } from 'node:fs';
import { fileIdentity, type HostFiles } from './host-files.js';

/** A script that chooses a program says so near its beginning. */
const textBytesMax = 64 << 10;

/** The beginning of a script; undefined for every other program. */
export function readScript(real: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(real, 'r');
  } catch {
    // Not readable, as some programs are: what is known of it is its file.
    return undefined;
  }
  try {
    const head = Buffer.alloc(2);
    if (readSync(fd, head, 0, 2, 0) < 2 || head.toString('latin1') !== '#!') return undefined;
    const bytes = Buffer.alloc(textBytesMax);
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, textBytesMax, 0));
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** Those that a shell sets itself, or that decide nothing but which programs are found. */
const ofShells =
  /^(?:PATH|PWD|OLDPWD|IFS|PPID|UID|EUID|RANDOM|LINENO|SECONDS|SHLVL|BASH\w*|FUNCNAME)$/;

/** `$NAME` and `${NAME` of shells; what Perl, Python and Ruby look up in their environment. */
export function variablesIn(text: string): readonly string[] {
  const read =
    /\$\{?[!#]?([A-Za-z_]\w*)|(?:environ|environ\.get|getenv|ENV|ENV\.fetch)\s*[[({]\s*["']?([A-Za-z_]\w*)/g;
  const names = [...text.matchAll(read)].map(([, ofShell, other]) => ofShell ?? other ?? '');
  return [...new Set(names)].filter((name) => !ofShells.test(name));
}

/**
 * What a script in the place of the compiler was told besides its arguments: the variables and files
 * that it names, as one text. Undefined for any other program; `unclear` where it may read anything.
 */
export function compilerScript(
  program: string,
  variables: Readonly<Record<string, string>>,
  files: HostFiles,
): { readonly told: string } | { readonly unclear: true } | undefined {
  const real = files.realPath(program);
  const text = real === undefined ? undefined : readScript(real);
  if (text === undefined) return undefined;
  const isShell = /^#![^\n]*\b(?:sh|bash|dash)\s/.test(text);
  if (!isShell || readsOthers.test(text)) return { unclear: true };
  const values = variablesIn(text).map((name) => [name, variables[name] ?? null]);
  const paths = new Set(text.match(/\/[A-Za-z0-9_.+/-]+/g) ?? []);
  const found = [...paths].sort().map((path) => {
    const stats = files.stat(path);
    return [path, stats === undefined ? null : fileIdentity(stats)];
  });
  return { told: JSON.stringify([values, found]) };
}

/** Substitution of commands, input from files, other scripts, and text as commands. */
const readsOthers = /`|\$\(|<|(?:^|[;&|({]|\bthen|\bdo)\s*(?:source|\.|eval|read)\s/m;

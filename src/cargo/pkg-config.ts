/**
 * Where pkg-config looks for `.pc` files (pkg-config 0.29 and pkgconf; the `pkg-config` crate 0.3
 * adds the forms for one target: `PKG_CONFIG_PATH_<triple>`, `HOST_PKG_CONFIG_PATH`, …).
 */
import { posix } from 'node:path';

const own = /^(?:HOST_|TARGET_)?PKG_CONFIG(?:_[a-z][A-Za-z0-9_.-]*)?$/;
const added = /^(?:HOST_|TARGET_)?PKG_CONFIG_(?:PATH|LIBDIR)(?:_[a-z][A-Za-z0-9_.-]*)?$/;

/** Used if the program does not say. */
export const usualPkgConfigPath: readonly string[] = [
  '/usr/local/lib/x86_64-linux-gnu/pkgconfig',
  '/usr/local/lib/aarch64-linux-gnu/pkgconfig',
  '/usr/local/lib64/pkgconfig',
  '/usr/local/lib/pkgconfig',
  '/usr/local/share/pkgconfig',
  '/usr/lib/x86_64-linux-gnu/pkgconfig',
  '/usr/lib/aarch64-linux-gnu/pkgconfig',
  '/usr/lib64/pkgconfig',
  '/usr/lib/pkgconfig',
  '/usr/share/pkgconfig',
];

/** Names or paths of the programs that a script may start as pkg-config. */
export function pkgConfigPrograms(variables: Readonly<Record<string, string>>): readonly string[] {
  const named = Object.keys(variables)
    .filter((name) => own.test(name))
    .sort()
    .map((name) => variables[name] ?? '')
    .filter((value) => value !== '');
  return [...new Set([...named, 'pkg-config', 'pkgconf'])];
}

/**
 * All directories that one of the forms of the variables may lead to, before the program's own;
 * relative ones are below `workingDirectory`.
 */
export function pkgConfigDirectories(
  variables: Readonly<Record<string, string>>,
  ownPath: readonly string[],
  workingDirectory: string,
): readonly string[] {
  const named = Object.keys(variables)
    .filter((name) => added.test(name))
    .sort()
    .flatMap((name) => splitPath(variables[name] ?? ''));
  // Only this form takes the place of the program's path in every call.
  const rest = (variables['PKG_CONFIG_LIBDIR'] ?? '') === '' ? ownPath : [];
  return [...new Set([...named, ...rest].map((path) => posix.resolve(workingDirectory, path)))];
}

/** Directories in a value of PKG_CONFIG_PATH, or in what `--variable pc_path` prints. */
export function splitPath(value: string): readonly string[] {
  return value
    .trim()
    .split(':')
    .filter((path) => path !== '');
}

/** Which C library linked programs of this machine run with. */
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';

let known: string | undefined;

/**
 * glibc's version as `getconf GNU_LIBC_VERSION` has it: what a linked build script or proc-macro
 * needs at run time. Of another libc its file's identity. Never throws: a machine that does not
 * tell stands for itself alone. (Node's own report would tell, but it waits for every worker
 * thread, and ours sleep in the kernel.)
 */
export function libcVersion(): string {
  known ??= libcVersionOf('/proc/self/maps');
  return known;
}

/** The same by the memory map of a process (proc(5)). */
export function libcVersionOf(mapsPath: string): string {
  try {
    const path = libcPath(readFileSync(mapsPath, 'latin1'));
    if (path !== undefined) return versionIn(path);
  } catch {
    // Below: a path that leads nowhere tells no more than none.
  }
  return `unknown libc of ${hostname()}`;
}

function libcPath(maps: string): string | undefined {
  const paths = maps.split('\n').map((line) => line.slice(line.indexOf('/')));
  return paths.find((path) =>
    /\/(?:libc[.-][^/]*\.so[^/]*|libc\.so[^/]*|ld-musl-[^/]*)$/.test(path),
  );
}

function versionIn(path: string): string {
  const text = readFileSync(path, 'latin1');
  const version = /GNU C Library [^\n]*?release version (\d+(?:\.\d+)+)/.exec(text)?.[1];
  if (version !== undefined) return `glibc ${version}`;
  const { size, mtimeNs } = statSync(path, { bigint: true });
  return `not glibc: ${path} ${size} ${mtimeNs}`;
}

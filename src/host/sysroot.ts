/**
 * What a compiler's own directory consists of, as far as it ends up in what it compiles: a toolchain
 * that was built again in part answers `rustc -vV` with the same text.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { HostFiles } from './host-files.js';

/** A toolchain with five targets has 300 such files. */
const filesMax = 4_000;

/** Below `lib/rustlib/<triple>`: libraries, code generators, the linkers that rustc brings. */
const targetDirectories = [
  'lib',
  'lib/self-contained',
  'codegen-backends',
  'bin',
  'bin/gcc-ld',
  'bin/self-contained',
];

/**
 * A digest over names, sizes and times of the driver, of the libraries beside it, and of the standard
 * libraries, code generators and linkers of all targets. One look at each, no bytes are read. Empty
 * where the directory cannot be looked at.
 */
export function sysrootIdentity(sysroot: string, files: HostFiles): string {
  const lines: string[] = [];
  const library = join(sysroot, 'lib');
  addFiles(library, lines, files);
  const targets = join(library, 'rustlib');
  for (const triple of namesIn(targets, files)) {
    for (const name of targetDirectories) addFiles(join(targets, triple, name), lines, files);
  }
  if (lines.length === 0) return '';
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32);
}

function addFiles(directory: string, lines: string[], files: HostFiles): void {
  for (const name of namesIn(directory, files)) {
    if (lines.length >= filesMax) return;
    const path = join(directory, name);
    const stats = files.stat(path);
    if (stats?.isFile() !== true) continue;
    lines.push(JSON.stringify([path, String(stats.size), String(stats.mtimeNs)]));
  }
}

/** Sorted; empty where there is no such directory. */
function namesIn(directory: string, files: HostFiles): readonly string[] {
  // Nothing below a mount of ours may be touched, also not behind a link.
  const real = files.realPath(directory);
  if (real === undefined) return [];
  try {
    return readdirSync(real).sort();
  } catch {
    // No directory, or none that may be read: rustc finds nothing in it either.
    return [];
  }
}

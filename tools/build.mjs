// Compiles src into dist (and, with --bench, bench into dist/bench), incrementally. Uses Node's own
// modules alone, like everything in tools/ that runs before the packages are installed.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** All files below `directory`, as paths relative to it; empty where it is not there. */
function filesBelow(directory, skip = () => false) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => !skip(path));
}

/**
 * Makes `out` hold nothing but what the sources give: stale files are removed, and where an output
 * is missing the compiler's memory is removed, because tsc writes no file again that it believes
 * to be there.
 */
function removeStale(source, out, skip) {
  const stems = filesBelow(source, (path) => !path.endsWith('.ts') || path.endsWith('.d.ts')).map(
    (path) => path.slice(0, -'.ts'.length),
  );
  const compiled = stems.flatMap((stem) => [`${stem}.js`, `${stem}.js.map`, `${stem}.d.ts`]);
  const expected = new Set([...compiled, ...assets(source)]);
  const present = filesBelow(out, (path) => path.startsWith('.') || skip(path));
  for (const path of present) if (!expected.has(path)) rmSync(join(out, path));
  const presentSet = new Set(present);
  if (compiled.some((path) => !presentSet.has(path))) {
    rmSync(join(out, '.tsbuildinfo'), { force: true });
  }
}

/** What the program reads as it is: a Rust source that is compiled on the user's machine. */
function assets(source) {
  return filesBelow(source, (path) => !path.endsWith('.rs'));
}

/** Runs tsc on one project; false where the sources have errors, which are then on stderr. */
function compile(project) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const run = spawnSync(process.execPath, [tsc, '-p', join(root, project)], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  return run.status === 0;
}

/** Whether anything that goes into dist is newer than the last successful build. */
export function isBuilt() {
  const stamp = statSync(join(root, 'dist/.built'), { throwIfNoEntry: false });
  if (stamp === undefined) return false;
  const inputs = [
    ...readdirSync(join(root, 'src'), { recursive: true }).map((path) => join('src', path)),
    'src',
    'tsconfig.json',
    'package.json',
    'package-lock.json',
  ];
  return inputs.every((path) => {
    const input = statSync(join(root, path), { throwIfNoEntry: false });
    return input === undefined || input.mtimeMs <= stamp.mtimeMs;
  });
}

/** Builds dist; false where it failed. The stamp carries the time at which the build began. */
export function build({ bench = false } = {}) {
  const began = new Date();
  const dist = join(root, 'dist');
  mkdirSync(dist, { recursive: true });
  removeStale(join(root, 'src'), dist, (path) => path.startsWith('bench/'));
  if (!compile('tsconfig.json')) return false;
  for (const path of assets(join(root, 'src'))) {
    copyFileSync(join(root, 'src', path), join(dist, path));
  }
  const stamp = join(dist, '.built');
  writeFileSync(stamp, '');
  utimesSync(stamp, began, began);
  return bench ? buildBench() : true;
}

function buildBench() {
  removeStale(join(root, 'bench'), join(root, 'dist/bench'), () => false);
  return compile('tsconfig.bench.json');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = build({ bench: process.argv.includes('--bench') }) ? 0 : 1;
}

// Makes a source tree ready: checks Node, installs npm packages, builds, and looks after system
// packages. Does nothing where nothing is missing. Runs before any package is there, so it uses
// Node's own modules alone. Says everything on stderr.
//
//   --run     the program alone             --mount   and what a mount needs of the system
//   --test    and what the tests need       --bench   and the benchmarks
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from './build.mjs';
import { lockSetup } from './setup-lock.mjs';
import { ensureSystemPackages, isProgramThere } from './system-packages.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeNeeded = [20, 19];

const say = (text) => process.stderr.write(`xcache: ${text}\n`);

function isNodeNewEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > nodeNeeded[0] || (major === nodeNeeded[0] && minor >= nodeNeeded[1])) return true;
  say(
    `Node.js ${nodeNeeded.join('.')} or newer is needed; this is ${process.versions.node} ` +
      `(${process.execPath})`,
  );
  return false;
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Whether node_modules holds what package-lock.json lists. npm writes the hidden lockfile last, so
 * an interrupted installation has none.
 */
function arePackagesInstalled() {
  const installed = readJson('node_modules/.package-lock.json')?.packages;
  if (installed === undefined) return false;
  const wanted = readJson('package-lock.json')?.packages;
  if (wanted === undefined) return true;
  return Object.entries(wanted).every(([path, { version, optional, link }]) => {
    if (path === '' || link) return true;
    const found = installed[path];
    return found === undefined ? optional === true : found.version === version;
  });
}

function installPackages() {
  const hasLock = existsSync(join(root, 'package-lock.json'));
  say('installing npm packages');
  const words = hasLock ? ['ci'] : ['install', '--no-package-lock'];
  // npm test runs npm again: its own settings must not reach the inner one.
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(command|lifecycle|package|execpath)/.test(name),
    ),
  );
  const run = spawnSync(
    'npm',
    [...words, '--ignore-scripts', '--loglevel=error', '--no-audit', '--no-fund'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
      env: { ...environment, NODE_ENV: '' },
    },
  );
  if (run.status === 0) return true;
  say(
    run.error === undefined
      ? 'npm could not install the packages (its message is above)'
      : `npm cannot be started: ${run.error.message}`,
  );
  return false;
}

function buildProgram(bench) {
  say('building');
  if (build({ bench })) return true;
  say('the build failed (the compiler messages are above)');
  return false;
}

function hasCargo() {
  if (isProgramThere('cargo') && isProgramThere('rustc')) return true;
  say('the tests build real crates: cargo and rustc are needed on the PATH (https://rustup.rs)');
  return false;
}

/** Installs and builds what is missing, one process at a time; asks nothing of a tree that is ready. */
function ensureTree(bench) {
  const isReady = () => !bench && arePackagesInstalled() && isBuilt();
  if (isReady()) return true;
  let unlock;
  try {
    unlock = lockSetup(root, say);
  } catch (error) {
    say(`this tree has to be set up and cannot be written by this user: ${error.message}`);
    return false;
  }
  try {
    // Another command may have done it meanwhile.
    if (isReady()) return true;
    if (!arePackagesInstalled() && !installPackages()) return false;
    return buildProgram(bench);
  } finally {
    unlock();
  }
}

function ensure(flags) {
  const bench = flags.includes('--bench');
  const test = bench || flags.includes('--test');
  if (!isNodeNewEnough() || !ensureTree(bench)) return false;
  if ((test || flags.includes('--mount')) && !ensureSystemPackages(say)) return false;
  return !test || hasCargo();
}

process.exitCode = ensure(process.argv.slice(2)) ? 0 : 1;

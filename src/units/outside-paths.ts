/**
 * Files and directories of the system that a path leads to which a variable or a program names:
 * what is read there is in no list of cargo's, so its bytes become inputs.
 */
import { dirname } from 'node:path';
import { sourceDirectories } from '../cargo/path-bearing.js';
import type { Place } from '../host/host-files.js';
import { isCommonDirectory, isEverybodysPlace } from './common-places.js';
import type { DraftContext, WantedInputs } from './draft-base.js';
import { isOutsideOf, plainPath } from './native-inputs.js';

/** Entries of a directory whose bytes are compared; of a larger one names and times have to do. */
const entriesMax = 4_000;

/** Below these is the machine, and no file. */
const machine = /^\/(?:dev|proc|sys|run)\//;

/** What has other meanings than a file to read, or is compared by itself. */
const otherMeaning =
  /^(?:HOME|CARGO_HOME|RUSTUP_HOME|PWD|OLDPWD|XDG_.*|TMPDIR|TMP|TEMP|TEMPDIR|SHELL|EDITOR|VISUAL|MAIL|_|PATH|LD_LIBRARY_PATH|MANPATH|INFOPATH|RUSTC.*|SSH_.*|DBUS_.*|CC|CXX)$|PKG_CONFIG|FLAGS/;

type PathContext = Pick<DraftContext, 'environment' | 'host'>;

/** Where the unit stands: what is below is compared by other means. */
export interface UnitPlace {
  readonly packageRoot: string;
  readonly buildDir: string;
}

/** The sets for what the values of variables lead to: one path each, or a list of directories. */
export function valueInputs(
  variables: Iterable<readonly [name: string, value: string | null | undefined]>,
  place: UnitPlace,
  context: PathContext,
): readonly WantedInputs[] {
  const sets: WantedInputs[] = [];
  for (const [name, value] of variables) {
    if (value === null || value === undefined || otherMeaning.test(name)) continue;
    const paths = pathsIn(value);
    if (value.startsWith('/') && paths.length === 1 && !value.includes(':')) {
      sets.push(...pathInputs(value, { ...place, isTool: true }, context));
    } else {
      // Whoever takes a list apart reads what lies there.
      for (const path of paths) {
        sets.push(...pathInputs(path, { ...place, isTool: false }, context));
      }
    }
  }
  return sets;
}

/** Absolute paths in a value: lists of any kind, `-I/x`, `key=/x`, `file:///x`. */
function pathsIn(value: string): readonly string[] {
  return value
    .split(/[:;,=\s]+/)
    .map((part) => part.replace(/^(?:-[A-Za-z]+|@|\/\/(?=\/))/, ''))
    .filter((path) => path.startsWith('/') && !path.startsWith('//'));
}

/**
 * The set for one absolute path. None for what is below the package or the build-dir, and for
 * directories that hold far more than what is meant by them. `isTool`: programs are compared
 * as tools.
 */
export function pathInputs(
  path: string,
  place: UnitPlace & { readonly isTool: boolean },
  context: PathContext,
): readonly WantedInputs[] {
  const root = plainPath(path);
  if (!counts(root, place, context)) return [];
  const look = context.host.look(root);
  if (look.kind !== 'there') return [{ kind: 'content', root, paths: [] }];
  if (look.stats.isDirectory()) return directoryInputs(root, look, { ...place }, context);
  if (!look.stats.isFile()) return [];
  if (place.isTool && (Number(look.stats.mode) & 0o111) !== 0) return [];
  return [{ kind: 'content', root, paths: [] }];
}

/** A directory that programs search: its bytes, or only its directories if it is large. */
export function searchedDirectory(root: string, { host }: PathContext): WantedInputs {
  const look = host.look(root);
  const isLarge = look.kind === 'there' && look.stats.isDirectory() && hasMany(look, host);
  return { kind: isLarge ? 'directories' : 'content', root, paths: [] };
}

function directoryInputs(
  root: string,
  look: Place,
  { buildDir }: UnitPlace,
  context: PathContext,
): readonly WantedInputs[] {
  const { workingDirectory } = context.environment;
  // The workspace itself changes with each build.
  const holdsWork = [buildDir, workingDirectory].some(
    (work) => work === look.real || work.startsWith(`${look.real}/`) || work.startsWith(`${root}/`),
  );
  if (holdsWork || isCommonDirectory(root)) return [{ kind: 'presence', root, paths: [] }];
  return [searchedDirectory(root, context)];
}

function counts(
  path: string,
  { packageRoot, buildDir }: UnitPlace,
  { environment, host }: PathContext,
): boolean {
  const known = [packageRoot, buildDir, ...sourceDirectories(environment.cargoHome)];
  return (
    path.length > 1 &&
    !/[\0\ufffd]/.test(path) &&
    isOutsideOf(known, path) &&
    !machine.test(path) &&
    !isEverybodysPlace(path) &&
    !host.isBelowOwnMount(path) &&
    // Nothing could tell whether a name is new at the root of all files.
    !(dirname(path) === '/' && host.stat(path) === undefined)
  );
}

function hasMany(directory: Place, host: PathContext['host']): boolean {
  let left = entriesMax;
  const pending = [directory];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const entries = host.list(next);
    if ('why' in entries) return false;
    left -= entries.length;
    if (left < 0) return true;
    for (const entry of entries) {
      if (entry.kind !== 'directory') continue;
      const below = host.lookBelow(next, entry);
      if (below.kind === 'there') pending.push(below);
    }
  }
  return false;
}

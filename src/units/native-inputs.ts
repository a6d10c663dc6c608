/**
 * What the output of a build script's run names outside of the build-dir and its own package:
 * directories, libraries and files of the system. A stored run is served only if they are all as
 * they were; cargo itself never looks at them.
 */
import { normalize } from 'node:path';
import { parseBuildOutput } from '../cargo/build-output.js';
import {
  libraryWord,
  linkDirectives,
  type LinkDirectives,
  type NativeLibrary,
} from '../cargo/link-directives.js';
import type { HostFiles } from '../host/host-files.js';
import { isCommonDirectory } from './common-places.js';
import { isPrivate, type PrivateVerdict, type WantedInputs } from './draft-base.js';

/** Places that one run may name: ICU and Qt have some thirty. */
const placesMax = 1_000;

/** Where the run stands. */
export interface RunPlace {
  readonly packageRoot: string;
  /** Build-dirs by which its output may name units: this one, and that where it ran first. */
  readonly buildDirs: readonly string[];
  readonly profilePath: string;
  /** LIBRARY_PATH of the session. */
  readonly libraryPath: string | undefined;
  /** Private if a named place has changed later than this. */
  readonly notAfterNs: bigint;
}

/** Directives of an output; `output` has one character for each byte. */
export function directivesOf(output: string): LinkDirectives {
  return linkDirectives(parseBuildOutput(Buffer.from(output, 'latin1').toString('utf8')));
}

/** The sets to record for a run; private if it names more than can be compared. */
export function nativeInputs(
  directives: LinkDirectives,
  run: RunPlace,
  host: HostFiles,
): readonly WantedInputs[] | PrivateVerdict {
  const { notAfterNs } = run;
  const isOutside = (path: string): boolean =>
    isOutsideOf([run.packageRoot, ...run.buildDirs], path);
  const outside = (paths: readonly string[]): readonly string[] =>
    unique(paths.map(plainPath).filter(isOutside));
  const searched = outside(directives.searchDirectories);
  const existing = new Set([...searched, ...outside(directives.variablePaths)]);
  const sets: WantedInputs[] = [];
  for (const path of outside(directives.linkerPaths)) {
    if (isDirectory(path, host)) existing.add(path);
    else sets.push({ kind: 'content', root: path, paths: [], notAfterNs });
  }
  for (const path of outside(directives.metadataPaths)) {
    if (isCommonDirectory(path) || existing.has(path)) existing.add(path);
    // The script itself may have read what is there, so it must be older than the run.
    else sets.push({ kind: 'content', root: path, paths: [] });
  }
  for (const path of existing) {
    sets.push({ kind: 'presence', root: path, paths: [], notAfterNs });
  }
  const usual = defaultLibraryDirectories(run);
  for (const library of directives.libraries) {
    // Rustc takes a static library from the directories that it was told alone.
    const fallback = library.isStatic ? [] : usual;
    if (searched.length + fallback.length === 0) continue;
    sets.push(librarySet(library, searched, { fallback, notAfterNs }));
  }
  const unclear = sets.find(({ root, paths }) => [root, ...paths].join('').includes('\ufffd'));
  if (unclear !== undefined) return isPrivate('undeclared-input', `${unclear.root} is no text`);
  return sets.length > placesMax
    ? isPrivate('too-many-inputs', `its output names more than ${placesMax} places`)
    : sets;
}

/** A library in the directories that are searched for it. */
export function librarySet(
  library: NativeLibrary,
  searched: readonly string[],
  { fallback, notAfterNs }: { readonly fallback: readonly string[]; readonly notAfterNs: bigint },
): WantedInputs {
  const paths = [
    ...searched.map((path) => `search=${path}`),
    ...fallback.map((path) => `default=${path}`),
  ];
  return { kind: 'library', root: libraryWord(library), paths, notAfterNs };
}

/** Absolute paths that are neither one of the directories nor below one. */
export function isOutsideOf(directories: readonly string[], path: string): boolean {
  return (
    path.startsWith('/') &&
    !directories.some((directory) => path === directory || path.startsWith(`${directory}/`))
  );
}

/** Without `..`, doubled slashes and a slash at the end. */
export function plainPath(path: string): string {
  return path.startsWith('/') ? normalize(path).replace(/(?<=.)\/+$/, '') : path;
}

/**
 * Directories in which the linker looks by itself (`ld --verbose`, SEARCH_DIR), and those that the
 * compiler that starts it takes from LIBRARY_PATH. That of the compiler's own libraries is not among
 * them: the identity of the compiler stands for it.
 */
export function defaultLibraryDirectories({
  profilePath,
  libraryPath = '',
}: Pick<RunPlace, 'profilePath' | 'libraryPath'>): readonly string[] {
  const triples = [...multiarch(profilePath)];
  const places = triples.flatMap((triple) => [
    `/usr/local/lib/${triple}`,
    `/lib/${triple}`,
    `/usr/lib/${triple}`,
    `/usr/${triple}/lib`,
  ]);
  const plain = ['/usr/local/lib64', '/lib64', '/usr/lib64', '/usr/local/lib', '/lib', '/usr/lib'];
  const told = libraryPath.split(':').filter((path) => path.startsWith('/'));
  // gcc prefers a directory for the target in each of them, and that beside it for the word size.
  const narrowed = told.flatMap((path) => [
    ...triples.map((triple) => `${path}/${triple}`),
    `${path}/../lib`,
    `${path}/../lib64`,
    path,
  ]);
  return unique([...narrowed.map(plainPath), ...places, ...plain]);
}

/** `x86_64-linux-gnu` of the target in a profile's path, and of this machine. */
function multiarch(profilePath: string): ReadonlySet<string> {
  const [first = ''] = profilePath.split('/');
  const [arch, , system, libc] = first.split('-');
  const names = new Set<string>();
  if (arch !== undefined && system === 'linux' && libc !== undefined) {
    names.add(`${arch}-linux-${libc}`);
  }
  const own = hostArchitectures[process.arch] ?? process.arch;
  return names.add(`${own}-linux-gnu`);
}

const hostArchitectures: Readonly<Record<string, string>> = {
  x64: 'x86_64',
  arm64: 'aarch64',
  ia32: 'i386',
};

function isDirectory(path: string, host: HostFiles): boolean {
  return host.stat(path)?.isDirectory() === true;
}

function unique(paths: readonly string[]): readonly string[] {
  return [...new Set(paths)];
}

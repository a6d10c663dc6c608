/** Where the sources of a crate come from, told from the path of its root source. */

/**
 * `registry` and `git`: cargo unpacked them under CARGO_HOME and treats them as immutable.
 * `directory`: a vendored package with a checksum file, which only a look at the disk can tell.
 * `path`: anything else, a package that people edit.
 */
export type SourceOrigin = 'registry' | 'git' | 'directory' | 'path';

export interface ClassifiedSource {
  readonly origin: Exclude<SourceOrigin, 'directory'>;
  /** Absolute; known for registry packages. In a git checkout the nearest `Cargo.toml` tells. */
  readonly packageRoot: string | undefined;
}

/**
 * Classifies an absolute path (layout of CARGO_HOME: cargo 1.95.0, f2d3ce0bd,
 * `sources/registry/mod.rs` and `sources/git/source.rs`):
 * `registry/src/<index>/<package>-<version>/…` and `git/checkouts/<repository>/<revision>/…`.
 * Relative paths are of packages in the workspace.
 */
export function classifySource(
  sourcePath: string,
  { cargoHome }: { readonly cargoHome: string },
): ClassifiedSource {
  const home = cargoHome.replace(/\/+$/, '');
  const isBelow = home.startsWith('/') && sourcePath.startsWith(`${home}/`);
  const parts = isBelow ? sourcePath.slice(home.length + 1).split('/') : [];
  const [first, second, group = '', unit = '', file = ''] = parts;
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isPlain || group === '' || unit === '' || file === '') return ownPackage;
  if (first === 'registry' && second === 'src' && packageDirectory.test(unit)) {
    return { origin: 'registry', packageRoot: `${home}/registry/src/${group}/${unit}` };
  }
  if (first === 'git' && second === 'checkouts') return { origin: 'git', packageRoot: undefined };
  return ownPackage;
}

const ownPackage: ClassifiedSource = { origin: 'path', packageRoot: undefined };

/** `<package>-<version>`; every version starts with a digit. */
const packageDirectory = /^.+-[0-9]+\.[0-9]+\.[0-9]+/;

/** The files outside of the build-dir that a compilation depends on. */
import {
  relativeTo,
  type DraftBase,
  type DraftContext,
  type PrivateVerdict,
} from './draft-base.js';
import type { PackageOrigin } from './package-origin.js';
import type { InputSet } from './unit-facts.js';

export interface CompilationSources extends PackageOrigin {
  readonly base: DraftBase;
  /** Absolute paths of the sources that rustc names and that lie outside of the build-dir. */
  readonly outside: readonly string[];
}

/** The sets to record; private if it cannot be known what the compiler read. */
// eslint-disable-next-line @typescript-eslint/require-await -- will read outputs of script runs
export async function compilationInputs(
  { outside, packageRoot }: CompilationSources,
  _context: DraftContext,
): Promise<readonly Omit<InputSet, 'digest'>[] | PrivateVerdict> {
  const paths = outside.map((path) => relativeTo(packageRoot, path) ?? path);
  return [{ kind: 'files', root: packageRoot, paths: [...new Set(paths)].sort() }];
}

/** The whole package as an input, for what may read any file of it. */
import type { WantedInputs } from './draft-base.js';
import type { PackageOrigin } from './package-origin.js';

/**
 * Everything in the package, but for what cargo and git keep there. A package that cargo takes for
 * unchangeable may be too large to be compared; then what it declared has to do.
 */
export function packageTree({ origin, packageRoot }: PackageOrigin): WantedInputs {
  return { kind: 'tree', root: packageRoot, paths: [], isOptional: origin !== 'directory' };
}

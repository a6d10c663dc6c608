/** Where a crate's sources come from, as far as that makes it shareable. */
import { dirname, join } from 'node:path';
import { classifySource } from '../cargo/source-origin.js';
import type { DraftContext } from './draft-base.js';
import type { UnitFacts } from './unit-facts.js';

export interface PackageOrigin {
  readonly origin: UnitFacts['origin'];
  /** Absolute. */
  readonly packageRoot: string;
}

/** Undefined for packages of the workspace and other path dependencies. */
export function locatePackage(
  rootSource: string,
  { environment, host }: Pick<DraftContext, 'environment' | 'host'>,
): PackageOrigin | undefined {
  const classified = classifySource(rootSource, { cargoHome: environment.cargoHome });
  if (classified.origin === 'registry' && classified.packageRoot !== undefined) {
    return { origin: 'registry', packageRoot: classified.packageRoot };
  }
  const packageRoot = nearestManifest(rootSource, (path) => host.stat(path) !== undefined);
  if (packageRoot === undefined) return undefined;
  if (classified.origin === 'git') return { origin: 'git', packageRoot };
  // `cargo vendor` and distributions put a checksum file into every package of a directory source.
  return host.stat(join(packageRoot, '.cargo-checksum.json')) === undefined
    ? undefined
    : { origin: 'directory', packageRoot };
}

function nearestManifest(source: string, exists: (path: string) => boolean): string | undefined {
  for (let current = dirname(source); current !== dirname(current); current = dirname(current)) {
    if (exists(join(current, 'Cargo.toml'))) return current;
  }
  return undefined;
}

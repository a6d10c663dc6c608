/** Where the special files of a unit stand, in both layouts of cargo's build-dir. */
import type { VirtualPath } from '../base/byte-string.js';
import { parseUnitPath } from '../cargo/layout.js';
import type { SnapshotEntry } from '../fs/view-control.js';
import type { Manifest } from '../store/manifest.js';
import { lookupKeyFor, unitKeyOf, type UnitFacts } from './unit-facts.js';

export interface UnitPlaces {
  /** OUT_DIR of a build-script run. */
  readonly outDir: string;
  /** What a build script printed: `output`, or `stdout` in the per-unit layout. */
  readonly output: string;
  readonly rootOutput: string;
  /** Start of a compilation or of a build-script run. */
  readonly invokedTimestamps: readonly string[];
}

/** What the places of a unit follow from. */
export type PlacedUnit = Pick<UnitFacts, 'layout' | 'profilePath' | 'unitHash'> & {
  readonly packageName: string;
};

/** Paths relative to the build-dir; not all of them exist for every kind of unit. */
export function unitPlaces(unit: PlacedUnit): UnitPlaces {
  const { profilePath, packageName, unitHash } = unit;
  if (unit.layout === 'per-unit') {
    const base = `${profilePath}/build/${packageName}/${unitHash}`;
    return {
      outDir: `${base}/out`,
      output: `${base}/run/stdout`,
      rootOutput: `${base}/run/root-output`,
      invokedTimestamps: [`${base}/run/invoked.timestamp`, `${base}/fingerprint/invoked.timestamp`],
    };
  }
  const base = `${profilePath}/build/${packageName}-${unitHash}`;
  const fingerprint = `${profilePath}/.fingerprint/${packageName}-${unitHash}`;
  return {
    outDir: `${base}/out`,
    output: `${base}/output`,
    rootOutput: `${base}/root-output`,
    invokedTimestamps: [`${base}/invoked.timestamp`, `${fingerprint}/invoked.timestamp`],
  };
}

/** The entry at a path, where the unit has one. */
export function entryAt(
  entries: readonly SnapshotEntry[],
  path: string,
): SnapshotEntry | undefined {
  return entries.find((entry) => entry.path === path);
}

/**
 * Files that a dependent's compilation can see: libraries, macros and programs of a compile unit.
 * dep-info and the like describe how it was made and differ from build to build.
 */
export function isArtifact(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (path.includes('/.fingerprint/') || /\/[0-9a-f]{16}\/fingerprint\//.test(path)) return false;
  return /\.(?:rlib|rmeta|so|a|dwo|dwp)$/.test(name) || !name.includes('.');
}

/** Whether a file or symlink of a unit can be seen by its dependents: the files of `outputs`. */
export function countsAsOutput(
  path: string,
  unit: Pick<UnitFacts, 'kind' | 'layout' | 'profilePath' | 'package' | 'unitHash'>,
): boolean {
  if (unit.kind !== 'run-build-script') return isArtifact(path);
  const separator = unit.layout === 'classic' ? '-' : '/';
  const base = `${unit.profilePath}/build/${unit.package}${separator}${unit.unitHash}`;
  const output = unit.layout === 'classic' ? `${base}/output` : `${base}/run/stdout`;
  return path === output || path.startsWith(`${base}/out/`);
}

/**
 * Why a manifest is not that of one unit: it stands under the key of another one, or names a path
 * of another one, which serving it would put over what belongs there. The promoter writes no such
 * manifest. Undefined where all is well.
 */
export function describeForeignPart(manifest: Manifest, facts: UnitFacts): string | undefined {
  if (manifest.lookupKey !== lookupKeyFor(facts.namespace, facts)) return 'its key';
  const unitKey = unitKeyOf(facts);
  return manifest.entries.find(({ path }) => {
    const unit = parseUnitPath(path as VirtualPath);
    return unit?.unitKey !== unitKey || (unit.packageName ?? facts.package) !== facts.package;
  })?.path;
}

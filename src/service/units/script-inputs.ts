/** The files outside of the build-dir that the run of a build script depends on. */
import type { DraftBase, DraftContext, PrivateVerdict } from './draft-base.js';
import type { InputSet } from './unit-facts.js';
import type { StoredUnit } from './unit-record.js';

/** A finished run and what it left. Paths and texts from cargo's files are latin1: bytes. */
export interface FinishedRun {
  readonly base: DraftBase;
  /** The program that ran. */
  readonly script: StoredUnit;
  /** Of the place where it ran; latin1. */
  readonly buildDir: string;
  /** Absolute; latin1. */
  readonly outDir: string;
  /** What it printed; latin1. */
  readonly output: string;
}

/** The sets to record; private if it cannot be known what the script read. */
// eslint-disable-next-line @typescript-eslint/require-await -- will look into sources
export async function scriptInputs(
  { base, script, buildDir }: FinishedRun,
  _context: DraftContext,
): Promise<readonly Omit<InputSet, 'digest'>[] | PrivateVerdict> {
  return declaredInputs(base, script.facts.packageRoot, buildDir);
}

/**
 * What the script declared; where it declared nothing, the whole package, as cargo has it
 * (`Precalculated`).
 */
function declaredInputs(
  { files }: DraftBase,
  packageRoot: string,
  buildDir: string,
): Omit<InputSet, 'digest'>[] {
  const declared = files.fingerprint.local.flatMap((local) =>
    local.kind === 'rerun-if-changed' ? local.paths : [],
  );
  if (files.fingerprint.local.some((local) => local.kind === 'precalculated')) {
    return [{ kind: 'tree', root: packageRoot, paths: [] }];
  }
  const outside = declared.filter((path) => !path.startsWith(`${buildDir}/`));
  return [{ kind: 'files', root: packageRoot, paths: [...new Set(outside)].sort() }];
}

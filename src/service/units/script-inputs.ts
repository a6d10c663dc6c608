/** The files outside of the build-dir that the run of a build script depends on. */
import {
  isPrivate,
  type DraftBase,
  type DraftContext,
  type PrivateVerdict,
  type WantedInputs,
} from './draft-base.js';
import { directivesOf, nativeInputs } from './native-inputs.js';
import { packageTree } from './package-tree.js';
import { pkgConfigInputs } from './pkg-config-inputs.js';
import { toolsMentioned } from './script-tools.js';
import { programMentions } from './unit-mentions.js';
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
export async function scriptInputs(
  run: FinishedRun,
  context: DraftContext,
): Promise<readonly WantedInputs[] | PrivateVerdict> {
  const { base, script, output } = run;
  const { packageRoot } = script.facts;
  const buildDir = Buffer.from(run.buildDir, 'latin1').toString();
  const place = {
    packageRoot,
    buildDirs: [buildDir],
    profilePath: base.files.unit.profilePath,
    libraryPath: context.environment.variables['LIBRARY_PATH'],
    // What the script itself put there while it ran is as it left it.
    notAfterNs: base.finishedNs,
  };
  const named = nativeInputs(directivesOf(output), place, context.host);
  if ('kind' in named) return named;
  const mentions = await programMentions(script, context);
  if (mentions === undefined) {
    return isPrivate('no-script', 'the source of its build script cannot be read');
  }
  const asksPkgConfig = mentions.usesPkgConfig || toolsMentioned(mentions).isOpen;
  const found = asksPkgConfig ? await pkgConfigInputs(script, context) : [];
  return [
    packageTree(script.facts),
    ...declaredInputs(base, packageRoot, buildDir),
    ...named,
    ...found,
  ];
}

/**
 * What the script declared, as far as it is not in the package. If it declared nothing, cargo takes
 * the whole package (`Precalculated`).
 */
function declaredInputs(
  { files }: DraftBase,
  packageRoot: string,
  buildDir: string,
): readonly WantedInputs[] {
  const { local } = files.fingerprint;
  if (local.some(({ kind }) => kind === 'precalculated')) return [];
  const declared = local.flatMap((each) => (each.kind === 'rerun-if-changed' ? each.paths : []));
  const outside = declared.filter((path) => !path.startsWith(`${buildDir}/`));
  return [{ kind: 'files', root: packageRoot, paths: [...new Set(outside)].sort() }];
}

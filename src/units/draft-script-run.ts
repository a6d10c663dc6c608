/** Drafts the run of a build script (cargo-rules §6, rule 12). */
import { readEntry } from './unit-files.js';
import {
  isPrivate,
  recordInputs,
  type DraftBase,
  type DraftContext,
  type PrivateVerdict,
  type UnitDraft,
} from './draft-base.js';
import { sourceDirectories } from '../cargo/path-bearing.js';
import { judgeRunPaths } from './out-dir-paths.js';
import { namedPlace, ownPlaces } from './own-places.js';
import { scriptEnvironment } from './script-environment.js';
import { scriptInputs } from './script-inputs.js';
import { entryAt, unitPlaces } from './unit-paths.js';

export async function draftScriptRun(
  base: DraftBase,
  context: DraftContext,
): Promise<UnitDraft | PrivateVerdict> {
  const { files, stored } = base;
  const script = stored.find(({ facts }) => facts.kind === 'build-script');
  if (script === undefined) return isPrivate('no-script', 'its build script is not known');
  const places = unitPlaces(files.unit);
  const outputEntry = entryAt(files.entries, places.output);
  const rootEntry = entryAt(files.entries, places.rootOutput);
  if (outputEntry === undefined || rootEntry === undefined) {
    return isPrivate('incomplete', 'its output is missing');
  }
  const restricted = restrictedFile(files.entries, outputEntry.mode);
  if (restricted !== undefined) {
    return isPrivate(
      'unusual-mode',
      `${restricted} may not be read by those who may read its output`,
    );
  }
  const outDir = (await readEntry(rootEntry, context.blobPath)).toString('latin1');
  if (!outDir.endsWith(`/${places.outDir}`)) {
    return isPrivate('layout', 'root-output names another directory');
  }
  const buildDir = outDir.slice(0, -places.outDir.length - 1);
  const output = (await readEntry(outputEntry, context.blobPath)).toString('latin1');
  const run = { base, script, buildDir, outDir, output };
  const sets = await scriptInputs(run, context);
  if ('kind' in sets) return sets;
  const inputs = recordInputs(sets, base, context);
  if ('kind' in inputs) return inputs;
  const used = await scriptEnvironment(run, context);
  if ('kind' in used) return used;
  const hostBuildDir = Buffer.from(buildDir, 'latin1').toString();
  const own = ownPlaces(hostBuildDir, context);
  const elsewhere = [script.facts.packageRoot, ...sourceDirectories(context.environment.cargoHome)];
  const declared = declaredOwnFile(base, own, elsewhere);
  if (declared !== undefined) {
    return isPrivate('bound-to-path', `it depends on ${declared} in the workspace`);
  }
  const unitKeys = keysBehind(base, context);
  const paths = { buildDir: hostBuildDir, own, elsewhere, unitKeys };
  const verdict = await judgeRunPaths(files, output, paths, context.blobPath);
  if (verdict.kind === 'bound') return isPrivate('bound-to-path', verdict.because);
  return {
    kind: 'draft',
    ...base,
    origin: script.facts.origin,
    packageRoot: script.facts.packageRoot,
    buildDir: hostBuildDir,
    inputs,
    ...used,
    boundBecause: null,
    rewrites: verdict.rewrites,
  };
}

/**
 * A file that the script has shut to others, which the store would open: what cargo writes itself
 * shows what the umask leaves of a mode. A file that is only shut to writers is an ordinary one.
 */
function restrictedFile(entries: DraftBase['files']['entries'], usual: number): string | undefined {
  return entries.find(
    ({ kind, mode }) =>
      (kind === 'file' && (usual & ~mode & 0o444) !== 0) ||
      (kind === 'directory' && (mode & 0o200) === 0),
  )?.path;
}

/** A file of the workspace that the script declared: each workspace has its own. */
function declaredOwnFile(
  { files }: DraftBase,
  own: readonly string[],
  elsewhere: readonly string[],
): string | undefined {
  for (const local of files.fingerprint.local) {
    if (local.kind !== 'rerun-if-changed') continue;
    const declared = local.paths.find((path) => namedPlace(path, own, elsewhere) !== undefined);
    if (declared !== undefined) return declared;
  }
  return undefined;
}

/** The run itself and all units without which it is not served. */
function keysBehind({ files, stored }: DraftBase, { units }: DraftContext): ReadonlySet<string> {
  const found = new Set([files.unit.unitKey]);
  const pending = [...stored];
  for (let unit = pending.pop(); unit !== undefined; unit = pending.pop()) {
    if (found.has(unit.unitKey)) continue;
    found.add(unit.unitKey);
    for (const { unitKey } of unit.facts.dependencies) {
      const next = units.get(unitKey);
      if (next?.state === 'stored') pending.push(next);
    }
  }
  return found;
}

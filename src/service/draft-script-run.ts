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
import { containsPath } from './output-rewriting.js';
import type { UnitFacts } from './unit-facts.js';
import { entryAt, unitPlaces } from './unit-paths.js';

/** Files of OUT_DIR up to this size are searched for paths; larger ones bind the unit. */
const searchedBytesMax = 64 << 20;

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
  const outDir = (await readEntry(rootEntry, context.blobPath)).toString('latin1');
  if (!outDir.endsWith(`/${places.outDir}`)) {
    return isPrivate('layout', 'root-output names another directory');
  }
  const buildDir = outDir.slice(0, -places.outDir.length - 1);
  const inputs = recordInputs(inputSets(base, script.facts, buildDir), base, context);
  if ('kind' in inputs) return inputs;
  const output = (await readEntry(outputEntry, context.blobPath)).toString('latin1');
  const isForeign = containsPath(output.split(outDir).join(''), buildDir);
  return {
    kind: 'draft',
    ...base,
    origin: script.facts.origin,
    packageRoot: script.facts.packageRoot,
    buildDir: Buffer.from(buildDir, 'latin1').toString(),
    inputs,
    variables: declaredVariables(base),
    boundBecause: await boundBecause(base, buildDir, context),
    rewriteOutput: isForeign ? places.output : null,
    isLinked: false,
  };
}

/**
 * What the script declared; where it declared nothing, the whole package, as cargo has it
 * (`Precalculated`).
 */
function inputSets(
  { files }: DraftBase,
  script: UnitFacts,
  buildDir: string,
): { kind: 'files' | 'tree'; root: string; paths: string[] }[] {
  const declared = files.fingerprint.local.flatMap((local) =>
    local.kind === 'rerun-if-changed' ? local.paths : [],
  );
  if (files.fingerprint.local.some((local) => local.kind === 'precalculated')) {
    return [{ kind: 'tree', root: script.packageRoot, paths: [] }];
  }
  const outside = declared.filter((path) => !path.startsWith(`${buildDir}/`));
  return [{ kind: 'files', root: script.packageRoot, paths: [...new Set(outside)].sort() }];
}

function declaredVariables({ files }: DraftBase): [string, string | null][] {
  return files.fingerprint.local.flatMap((local): [string, string | null][] =>
    local.kind === 'rerun-if-env-changed' ? [[local.variable, local.value ?? null]] : [],
  );
}

/** Generated text that names the build-dir is right there only: CMake caches, .pc files, headers. */
async function boundBecause(
  { files }: DraftBase,
  buildDir: string,
  context: DraftContext,
): Promise<string | null> {
  const places = unitPlaces(files.unit);
  const needle = Buffer.from(buildDir, 'latin1');
  for (const local of files.fingerprint.local) {
    if (local.kind !== 'rerun-if-changed') continue;
    const own = local.paths.find((path) => path.startsWith(`${buildDir}/`));
    if (own !== undefined) return `it depends on ${own} in the build-dir`;
  }
  for (const entry of files.entries) {
    if (entry.kind !== 'file' || !entry.path.startsWith(`${places.outDir}/`)) continue;
    if (entry.sizeBytes > searchedBytesMax) return `${entry.path} is too large to look into`;
    const bytes = await readEntry(entry, context.blobPath);
    if (bytes.includes(needle) && isText(bytes)) return `${entry.path} names the build-dir`;
  }
  return null;
}

/** Object files and archives name it in debug information, which changes nothing that is built. */
function isText(bytes: Buffer): boolean {
  return !bytes.subarray(0, 8192).includes(0);
}

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
import { sourceDirectories } from '../../cargo/path-bearing.js';
import { containsPath, withoutPath } from './output-rewriting.js';
import { namedPlace, ownPlaces } from './own-places.js';
import type { UnitFacts } from './unit-facts.js';
import { undeclaredVariables } from './script-variables.js';
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
  const undeclared = await undeclaredVariables(script.facts, context);
  if (undeclared === undefined) {
    return isPrivate('no-script', 'the source of its build script cannot be read');
  }
  const output = (await readEntry(outputEntry, context.blobPath)).toString('latin1');
  // Cargo moves mentions of the own OUT_DIR, `rewriteForeignPaths` those of other units' directories.
  const foreign = output.split(outDir).join('');
  const hostBuildDir = Buffer.from(buildDir, 'latin1').toString();
  const own = ownPlaces(hostBuildDir, context);
  const { cargoHome } = context.environment;
  const unmovable = namedPlace(withoutPath(foreign, buildDir), own, [
    script.facts.packageRoot,
    ...sourceDirectories(cargoHome),
  ]);
  return {
    kind: 'draft',
    ...base,
    origin: script.facts.origin,
    packageRoot: script.facts.packageRoot,
    buildDir: hostBuildDir,
    inputs,
    variables: withUndeclared(declaredVariables(base), undeclared),
    boundBecause:
      unmovable === undefined
        ? await boundBecause(base, script.facts, own, context)
        : `its output names ${unmovable}`,
    rewriteOutput: containsPath(foreign, buildDir) ? places.output : null,
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

/** Of a declared variable, cargo has written down what the script saw. */
function withUndeclared(
  declared: readonly [string, string | null][],
  undeclared: readonly [string, string | null][],
): [string, string | null][] {
  const names = new Set(declared.map(([name]) => name));
  return [...declared, ...undeclared.filter(([name]) => !names.has(name))];
}

/** Generated files that name the workspace are right there only: CMake caches, .pc files, headers. */
async function boundBecause(
  { files }: DraftBase,
  script: UnitFacts,
  own: readonly string[],
  context: DraftContext,
): Promise<string | null> {
  const places = unitPlaces(files.unit);
  const elsewhere = [script.packageRoot, ...sourceDirectories(context.environment.cargoHome)];
  for (const local of files.fingerprint.local) {
    if (local.kind !== 'rerun-if-changed') continue;
    const declared = local.paths.find((path) => namedPlace(path, own, elsewhere) !== undefined);
    if (declared !== undefined) return `it depends on ${declared} in the workspace`;
  }
  for (const entry of files.entries) {
    if (!entry.path.startsWith(`${places.outDir}/`)) continue;
    if (entry.kind === 'symlink' && namedPlace(entry.target ?? '', own, elsewhere) !== undefined) {
      return `${entry.path} leads into the workspace`;
    }
    if (entry.kind !== 'file') continue;
    if (entry.sizeBytes > searchedBytesMax) return `${entry.path} is too large to look into`;
    const bytes = await readEntry(entry, context.blobPath);
    if (isObjectCode(bytes)) continue;
    const place = namedPlace(bytes.toString('latin1'), own, elsewhere);
    if (place !== undefined) return `${entry.path} names ${place}`;
  }
  return null;
}

const objectMagics: readonly Buffer[] = [
  Buffer.from('\x7fELF', 'latin1'),
  Buffer.from('!<arch>\n', 'latin1'),
  Buffer.from('\xcf\xfa\xed\xfe', 'latin1'),
  Buffer.from('\xca\xfe\xba\xbe', 'latin1'),
];

/** Object files and archives name the directory in debug information, which changes no program. */
function isObjectCode(bytes: Buffer): boolean {
  return objectMagics.some((magic) => bytes.subarray(0, magic.length).equals(magic));
}

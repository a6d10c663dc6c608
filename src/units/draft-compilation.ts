/** Drafts a library, procedural macro or build-script program (cargo-rules §5, rules 8, 10, 11). */
import { placeInCode } from './generated-code.js';
import type { VirtualPath } from '../base/byte-string.js';
import { parseUnitPath } from '../cargo/layout.js';
import { describeBinding, judgePathBearing, sourceDirectories } from '../cargo/path-bearing.js';
import { mentionsBeyondIncludes } from '../cargo/variable-mentions.js';
import { parseRustcDepFile, type RustcDepFile } from '../cargo/rustc-dep-file.js';
import {
  isPrivate,
  recordInputs,
  relativeTo,
  type DraftBase,
  type DraftContext,
  type PrivateVerdict,
  type UnitDraft,
} from './draft-base.js';
import { compilationEnvironment } from './compilation-environment.js';
import { compilationInputs } from './compilation-inputs.js';
import { isProcMacro, librariesBehind } from './macro-mentions.js';
import { namedPlace, ownPlaces } from './own-places.js';
import { locatePackage } from './package-origin.js';
import { readEntry } from './unit-files.js';
import { isArtifact } from './unit-paths.js';

/** Source files that are looked into for uses of a path variable. */
const sourceBytesMax = 32 << 20;

export async function draftCompilation(
  base: DraftBase,
  context: DraftContext,
): Promise<UnitDraft | PrivateVerdict> {
  const { files } = base;
  const depEntry = files.entries.find(({ path }) => path.endsWith('.d'));
  if (depEntry === undefined) return isPrivate('incomplete', 'rustc’s list of sources is missing');
  const depFile = parseRustcDepFile((await readEntry(depEntry, context.blobPath)).toString('utf8'));
  const buildDir = depFile && buildDirOf(depFile, depEntry.path);
  if (depFile === undefined || buildDir === undefined) {
    return isPrivate('layout', 'rustc’s list of sources is of an unknown form');
  }
  const missing = missingOutput(depFile, buildDir, base);
  if (missing !== undefined) return isPrivate('incomplete', `${missing} is missing`);
  const rootSource = depFile.sources[0];
  const origin = rootSource === undefined ? undefined : locatePackage(rootSource, context);
  if (origin === undefined) {
    return isPrivate('path-package', 'packages of the workspace are not shared');
  }
  const generated = generatedSources(depFile, buildDir, base);
  if (generated === undefined) {
    return isPrivate('undeclared-input', 'it reads build-dir files of no dependency');
  }
  const debugFile = files.entries.find(({ path }) => path.endsWith('.dwo'));
  if (debugFile !== undefined) {
    return isPrivate('split-debuginfo', `programs name ${debugFile.path} for their debugger`);
  }
  const naming = await includedPath(generated, { base, buildDir }, context);
  if (naming !== undefined) return isPrivate('bound-to-path', naming);
  const place = await placeInCode({ base, buildDir, generated }, context);
  if (place !== undefined) return isPrivate('bound-to-path', place);
  const outside = depFile.sources.filter((path) => relativeTo(buildDir, path) === undefined);
  const used = await compilationEnvironment(base, depFile, context);
  if ('kind' in used) return used;
  const { variables } = used;
  const sources = { base, buildDir, outside, ...origin, variables };
  const sets = await compilationInputs(sources, context);
  if ('kind' in sets) return sets;
  const inputs = recordInputs(sets, base, context);
  if ('kind' in inputs) return inputs;
  const readTexts = async (): Promise<readonly string[] | undefined> =>
    await readSources(outside, generated, context);
  const binding = await boundBecause({ base, depFile, buildDir, readTexts }, context);
  if (binding === undefined) return isPrivate('input-changed', 'a source cannot be read');
  if (binding.because !== null) return isPrivate('bound-to-path', binding.because);
  return {
    kind: 'draft',
    ...base,
    ...origin,
    buildDir,
    inputs,
    ...used,
    boundBecause: null,
    rewrites: [],
  };
}

/** The absolute build-dir, from the target that names the dep-info file itself. */
function buildDirOf(depFile: RustcDepFile, depPath: VirtualPath): string | undefined {
  const suffix = `/${depPath}`;
  const own = depFile.targets.find((target) => target.endsWith(suffix));
  return own?.slice(0, -suffix.length);
}

/** An output that rustc names and that is not there; also where there is nothing to link at all. */
function missingOutput(
  depFile: RustcDepFile,
  buildDir: string,
  { files }: DraftBase,
): string | undefined {
  const present = new Set<string>(files.entries.map((entry) => entry.path));
  const missing = depFile.targets.find(
    (target) => !present.has(relativeTo(buildDir, target) ?? ''),
  );
  if (missing !== undefined) return missing;
  return files.entries.some(({ path }) => isArtifact(path)) ? undefined : 'every artifact';
}

/** Sources in OUT_DIRs of dependencies; undefined where one belongs to no dependency. */
function generatedSources(
  depFile: RustcDepFile,
  buildDir: string,
  { dependencies }: DraftBase,
): readonly VirtualPath[] | undefined {
  const paths = depFile.sources.flatMap((path) => relativeTo(buildDir, path) ?? []);
  const keys = new Set(dependencies.map(({ unitKey }) => unitKey));
  const isKnown = paths.every((path) => {
    const unitKey = parseUnitPath(path as VirtualPath)?.unitKey;
    return unitKey !== undefined && keys.has(unitKey);
  });
  return isKnown ? (paths as VirtualPath[]) : undefined;
}

/**
 * A text that a script's run is served with is written anew for each build-dir; what was compiled
 * with it in it is not.
 */
async function includedPath(
  generated: readonly VirtualPath[],
  { base, buildDir }: Pick<BindingQuestion, 'base' | 'buildDir'>,
  context: DraftContext,
): Promise<string | undefined> {
  const rewritten = new Set(base.stored.flatMap(({ facts }) => facts.rewrites));
  if (rewritten.size === 0) return undefined;
  for (const path of generated) {
    if (rewritten.has(path)) return `it includes ${path}, which names ${buildDir}`;
    const bytes = await context.readViewFile(path);
    // A link, which may lead to such a text.
    if (bytes === undefined) return `it includes ${path}, which may name ${buildDir}`;
  }
  return undefined;
}

async function readSources(
  outside: readonly string[],
  generated: readonly VirtualPath[],
  context: DraftContext,
): Promise<readonly string[] | undefined> {
  const texts: string[] = [];
  for (const path of outside) {
    const bytes = context.host.read(path, sourceBytesMax);
    if (bytes === undefined) return undefined;
    texts.push(bytes.toString('utf8'));
  }
  for (const path of generated) {
    const bytes = await context.readViewFile(path);
    if (bytes === undefined) return undefined;
    texts.push(bytes.toString('utf8'));
  }
  return texts;
}

interface BindingQuestion {
  readonly base: DraftBase;
  readonly depFile: RustcDepFile;
  readonly buildDir: string;
  readonly readTexts: () => Promise<readonly string[] | undefined>;
}

/** Undefined where the sources would have to be read and cannot be. */
async function boundBecause(
  { base, depFile, buildDir, readTexts }: BindingQuestion,
  context: DraftContext,
): Promise<{ readonly because: string | null } | undefined> {
  const { cargoHome } = context.environment;
  const places = ownPlaces(buildDir, context);
  const libraries = librariesBehind(base.stored, context.units);
  const hasOutDir = base.stored.some(({ facts }) => facts.kind === 'run-build-script');
  const hasRunningMacros = hasOutDir && libraries.some(isProcMacro);
  const bindingUse = (sources: readonly string[]): string | undefined => {
    for (const workspaceRoot of places) {
      const question = { environment: depFile.env, buildDir, workspaceRoot, cargoHome, sources };
      const verdict = judgePathBearing(question);
      if (verdict.verdict === 'portable') continue;
      return `${verdict.variable}: ${describeBinding(verdict.reason)}`;
    }
    return undefined;
  };
  // Without sources every path in a variable binds. Most units read none and have no OUT_DIR that
  // a macro could ask for, and are done here.
  if (bindingUse([]) === undefined && !hasRunningMacros) return { because: null };
  const sources = await readTexts();
  if (sources === undefined) return undefined;
  const because = bindingUse(sources);
  if (because !== undefined) return { because };
  if (hasRunningMacros && sources.some((text) => mentionsBeyondIncludes(text, 'OUT_DIR', true))) {
    return { because: 'OUT_DIR: a macro may look up a variable that the source names in a text' };
  }
  const variables = pathVariables(depFile, places, cargoHome);
  if (hasOutDir && !variables.includes('OUT_DIR')) variables.push('OUT_DIR');
  const macros = await context.macros.find(libraries, variables, context);
  return {
    because: macros === undefined ? null : `macros of ${macros} may read OUT_DIR and the like`,
  };
}

function pathVariables(
  { env }: RustcDepFile,
  places: readonly string[],
  cargoHome: string,
): string[] {
  return env.flatMap(([name, value]) => {
    const bytes = Buffer.from(value ?? '').toString('latin1');
    return namedPlace(bytes, places, sourceDirectories(cargoHome)) === undefined ? [] : [name];
  });
}

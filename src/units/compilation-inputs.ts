/** The files outside of the build-dir that a compilation depends on. */
import {
  isPrivate,
  relativeTo,
  type DraftBase,
  type DraftContext,
  type PrivateVerdict,
  type WantedInputs,
} from './draft-base.js';
import type { PackageOrigin } from './package-origin.js';
import { readsByAssembler } from './asm-inputs.js';
import { isLinkedUnit } from './compilation-environment.js';
import { valueInputs } from './outside-paths.js';
import { packageTree } from './package-tree.js';
import type { UnitFacts } from './unit-facts.js';
import { macrosMayReadFiles } from './unit-mentions.js';
import { linkedLibraries } from './linked-libraries.js';

export interface CompilationSources extends PackageOrigin {
  readonly base: DraftBase;
  /** As cargo sees it. */
  readonly buildDir: string;
  /** Absolute paths of the sources that rustc names and that lie outside of the build-dir. */
  readonly outside: readonly string[];
  /** Variables that it may have read, with their values. */
  readonly variables: UnitFacts['variables'];
}

/** The sets to record; private if it cannot be known what the compiler read. */
export async function compilationInputs(
  sources: CompilationSources,
  context: DraftContext,
): Promise<readonly WantedInputs[] | PrivateVerdict> {
  const { outside, packageRoot } = sources;
  const isLinked = isLinkedUnit(sources.base);
  const libraries = await linkedLibraries({ ...sources, isLinked }, context);
  if ('kind' in libraries) return libraries;
  const paths = outside.map((path) => relativeTo(packageRoot, path) ?? path);
  const files = [...new Set(paths)].sort();
  const readsFiles = await macrosMayReadFiles(sources.base, context);
  if (readsFiles === undefined) {
    return isPrivate('no-macro', 'the source of a macro that it uses cannot be read');
  }
  const assembled = await readsByAssembler(outside, context);
  if (typeof assembled !== 'boolean') return assembled;
  const trees = readsFiles || assembled ? [packageTree(sources)] : [];
  const named = readsFiles ? valueInputs(sources.variables, sources, context) : [];
  return [{ kind: 'files', root: packageRoot, paths: files }, ...trees, ...named, ...libraries];
}

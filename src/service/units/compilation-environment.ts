/** What a compilation used of the environment of its session: variables, tools, settings. */
import { parseDepInfo } from '../../cargo/dep-info.js';
import { isSetForCompilers } from '../../cargo/environment.js';
import { isPrivate, type DraftBase, type DraftContext, type PrivateVerdict } from './draft-base.js';
import type { UnitFacts } from './unit-facts.js';
import { readEntry } from './unit-files.js';
import { entryAt } from './unit-paths.js';

/** What of the session's environment counts for a unit. */
export type UsedEnvironment = Pick<UnitFacts, 'variables' | 'steering' | 'tools' | 'settings'>;

/** Private if cargo's list of variables cannot be read. */
export async function compilationEnvironment(
  base: DraftBase,
  context: DraftContext,
): Promise<UsedEnvironment | PrivateVerdict> {
  const variables = await foreignVariables(base, context);
  if (variables === undefined) return isPrivate('layout', 'cargo’s dep-info is of an unknown form');
  return {
    variables,
    steering: null,
    tools: isLinkedUnit(base) ? context.environment.linkerTools : null,
    settings: {},
  };
}

/**
 * Variables of the user that the compiler read. Cargo's own dep-info has them without those that
 * cargo or the package's build script set, which rustc's list still holds.
 */
async function foreignVariables(
  { files }: DraftBase,
  context: DraftContext,
): Promise<[string, string | null][] | undefined> {
  const path = files.json.path.slice(0, -'.json'.length);
  const slash = path.lastIndexOf('/');
  const depInfoPath = `${path.slice(0, slash)}/dep-${path.slice(slash + 1)}`;
  const entry = entryAt(files.entries, depInfoPath);
  const depInfo = entry && parseDepInfo(await readEntry(entry, context.blobPath));
  return depInfo?.env
    .filter(([name]) => !isSetForCompilers(name))
    .map(([name, value]) => [name, value ?? null]);
}

/** Procedural macros and programs went through the linker and its libraries. */
export function isLinkedUnit({ files }: DraftBase): boolean {
  return (
    files.name.kind === 'build-script' || files.entries.some(({ path }) => path.endsWith('.so'))
  );
}

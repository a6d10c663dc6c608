/** Whether a program that a unit used is still the one that it used. */
import { isPrivate, type DraftBase, type PrivateVerdict } from './draft-base.js';
import type { ToolIdentities } from '../host/tools.js';
import { configuredLinker } from './target-settings.js';
import type { UnitFacts } from './unit-facts.js';

/** Programs are identified after the unit was built; what changed meanwhile keeps it private. */
export function changedTool(
  used: UnitFacts['tools'],
  { startedNs }: Pick<DraftBase, 'startedNs'>,
  tools: ToolIdentities,
): PrivateVerdict | undefined {
  const changed = Object.keys(used ?? {}).find(
    // A setting, not the name of a program.
    (name) => name !== configuredLinker && tools.isChangedSince(name, startedNs),
  );
  if (changed === undefined) return undefined;
  return isPrivate('tool-changed', `${changed}, which it may have used, was changed meanwhile`);
}

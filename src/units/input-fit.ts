/** Whether the files that a stored unit was built from are the same here. */
import type { InputComparison } from './input-verifier.js';
import type { Miss } from './miss.js';
import type { InputSet, UnitFacts } from './unit-facts.js';

/** Undefined if all inputs have the bytes that they had. */
export function inputMisfit(facts: UnitFacts, inputs: InputComparison): Miss | undefined {
  for (const set of facts.inputs) {
    const difference = inputs.difference(set, isFixed(set, facts));
    if (difference !== undefined) return { reason: 'input-changed', detail: difference };
  }
  return undefined;
}

/** Only inputs whose times cargo never looks at. */
export function hasFixedInputs(facts: UnitFacts): boolean {
  return facts.inputs.every((set) => isFixed(set, facts));
}

/** Files of packages that cargo takes for unchangeable, and what nobody told cargo of. */
function isFixed({ kind, paths }: InputSet, { origin }: UnitFacts): boolean {
  if (kind !== 'files' && kind !== 'tree') return true;
  return origin !== 'directory' && paths.every((path) => !path.startsWith('/'));
}

/** Whether the files that a stored unit was built from are the same here. */
import type { InputVerifier } from './input-verifier.js';
import type { Miss } from './miss.js';
import type { UnitFacts } from './unit-facts.js';

/** Undefined if all inputs have the bytes that they had. */
export function inputMisfit(facts: UnitFacts, inputs: InputVerifier): Miss | undefined {
  const isFixed = hasFixedInputs(facts);
  const changed = facts.inputs.find((set) => !inputs.holds(set, isFixed));
  return changed && { reason: 'input-changed', detail: changed.root };
}

/** Only files of packages that cargo takes for unchangeable, whose times it never looks at. */
export function hasFixedInputs(facts: UnitFacts): boolean {
  return (
    facts.origin !== 'directory' &&
    facts.inputs.every(({ paths }) => paths.every((path) => !path.startsWith('/')))
  );
}

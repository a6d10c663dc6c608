/** Whether a session's variables, tools and settings are those that a stored unit was built with. */
import type { SessionEnvironment } from '../host/session-environment.js';
import type { Miss } from './miss.js';
import { steeringOf, toolsOf } from './target-settings.js';
import type { UnitFacts } from './unit-facts.js';

/** Undefined if all that counts for the unit is equal here. Called once for each unit and session. */
export function environmentMisfit(
  facts: UnitFacts,
  environment: SessionEnvironment,
): Miss | undefined {
  for (const [name, value] of facts.variables) {
    if ((environment.variables[name] ?? null) !== value) {
      return { reason: 'variable-differs', detail: name };
    }
  }
  const steering =
    facts.steering && firstDifference(facts.steering, steeringOf(environment, facts));
  if (steering) return { reason: 'environment-differs', detail: steering };
  const tool = facts.tools && firstDifference(facts.tools, toolsOf(environment, facts));
  if (tool) return { reason: 'tool-differs', detail: tool };
  if (facts.cpu !== null && facts.cpu !== environment.cpu) {
    return { reason: 'processor-differs', detail: facts.cpu };
  }
  return undefined;
}

/** The first key that is missing on one side or has another value. */
function firstDifference(
  a: Readonly<Record<string, string | null>>,
  b: Readonly<Record<string, string | null>>,
): string | undefined {
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (a[name] !== b[name]) return name;
  }
  return undefined;
}

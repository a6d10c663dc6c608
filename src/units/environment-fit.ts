/** Whether a session's variables, tools and settings are those that a stored unit was built with. */
import { countedValue, differingVariable, everyVariable } from '../cargo/all-variables.js';
import { comparedValue } from '../cargo/variable-values.js';
import type { SessionEnvironment } from '../host/session-environment.js';
import type { Miss } from './miss.js';
import { settingsOf, steeringOf, toolIdentity } from './target-settings.js';
import type { UnitFacts } from './unit-facts.js';

/** Undefined if all that counts for the unit is equal here. Called once for each unit and session. */
export function environmentMisfit(
  facts: UnitFacts,
  environment: SessionEnvironment,
): Miss | undefined {
  for (const [name, value] of facts.variables) {
    if (countedValue(name, environment.variables) === comparedValue(name, value)) continue;
    const differing =
      name === everyVariable ? differingVariable(value, environment.variables) : undefined;
    return { reason: 'variable-differs', detail: differing ?? name };
  }
  const steering =
    facts.steering && firstDifference(facts.steering, steeringOf(environment, facts));
  if (steering) return { reason: 'environment-differs', detail: steering };
  const setting = firstDifference(facts.settings, settingsOf(environment, facts));
  if (setting) return { reason: 'environment-differs', detail: setting };
  const tool = toolMisfit(facts, environment);
  if (tool !== undefined) return { reason: 'tool-differs', detail: tool };
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

/** A clause about the first tool that is another one here. */
function toolMisfit(facts: UnitFacts, environment: SessionEnvironment): string | undefined {
  for (const [name, recorded] of Object.entries(facts.tools ?? {})) {
    const current = toolIdentity(environment, name, facts);
    if (current === recorded) continue;
    const user = facts.kind === 'run-build-script' ? 'the script runs' : 'it was linked by';
    return `${user} \`${name}\`, ${describeDifference(recorded, current)}`;
  }
  return undefined;
}

function describeDifference(recorded: string | null, current: string | null): string {
  if (recorded === null) return 'which was not found when the unit was built';
  if (current === null) return 'which is not found here';
  const pathOf = (identity: string): string => identity.slice(0, identity.indexOf(':'));
  return pathOf(recorded) === pathOf(current)
    ? 'which was changed, or starts another program here'
    : 'found elsewhere on PATH here';
}

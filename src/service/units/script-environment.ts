/** What the run of a build script used of the environment of its session. */
import type { UsedEnvironment } from './compilation-environment.js';
import { isPrivate, type DraftBase, type DraftContext, type PrivateVerdict } from './draft-base.js';
import type { FinishedRun } from './script-inputs.js';
import { undeclaredVariables } from './script-variables.js';

/** Private if the sources of the script cannot be read any more. */
export async function scriptEnvironment(
  { base, script }: FinishedRun,
  context: DraftContext,
): Promise<UsedEnvironment | PrivateVerdict> {
  const undeclared = await undeclaredVariables(script.facts, context);
  if (undeclared === undefined) {
    return isPrivate('no-script', 'the source of its build script cannot be read');
  }
  const { steering, nativeTools } = context.environment;
  return {
    variables: withUndeclared(declaredVariables(base), undeclared),
    steering,
    tools: nativeTools,
    settings: {},
  };
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

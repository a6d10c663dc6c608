/** What the run of a build script used of the environment of its session. */
import { comparedValue } from '../../cargo/environment.js';
import type { UsedEnvironment } from './compilation-environment.js';
import { isPrivate, type DraftBase, type DraftContext, type PrivateVerdict } from './draft-base.js';
import type { SessionEnvironment } from '../host/session-environment.js';
import type { FinishedRun } from './script-inputs.js';
import { identifyScriptTools, toolsMentioned } from './script-tools.js';
import { configuredLinker, settingsOf, steeringOf, toolIdentity } from './target-settings.js';
import { changedTool } from './tool-changes.js';
import type { UnitFacts } from './unit-facts.js';
import { mentionedVariables, programMentions, type Mentions } from './unit-mentions.js';

/** Private if the sources of the script cannot be read any more. */
export async function scriptEnvironment(
  { base, script, output }: FinishedRun,
  context: DraftContext,
): Promise<UsedEnvironment | PrivateVerdict> {
  const mentions = await programMentions(script, context);
  if (mentions === undefined) {
    return isPrivate('no-script', 'the source of its build script cannot be read');
  }
  const { profilePath } = base.files.unit;
  const asking = isCustomProfile(profilePath) ? packageThatAsks(mentions, 'PROFILE') : undefined;
  if (asking !== undefined) {
    const why = `${asking} may read PROFILE, and profiles of one name may inherit another there`;
    return isPrivate('custom-profile', why);
  }
  const { environment } = context;
  const variables = withUndeclared(base, mentions, environment.variables);
  const mentioned = toolsMentioned(mentions);
  const isSteered = mentioned.isSteered || linksNatively(output);
  const steering = isSteered
    ? steeringOf(environment, { profilePath, kind: 'run-build-script' })
    : null;
  const values = [...variables.map(([, value]) => value ?? ''), ...Object.values(steering ?? {})];
  const { packageRoot } = script.facts;
  const named = identifyScriptTools(mentioned, values, packageRoot, environment.tools);
  const tools = isSteered ? withLinker(named, environment, { profilePath }) : named;
  const changed = changedTool(tools, base, environment.tools);
  if (changed !== undefined) return changed;
  const settings = usedSettings(mentions, isSteered);
  const place = { settings, profilePath };
  return { variables, steering, tools, settings: settingsOf(environment, place) };
}

/** Settings that the script may look at: those that it names, and the linker for the cc crate. */
function usedSettings({ units }: Mentions, isSteered: boolean): Record<string, null> {
  const used: Record<string, null> = isSteered ? { [configuredLinker]: null } : {};
  for (const name of [configuredLinker, 'RUSTC_WRAPPER']) {
    const isNamed = units.some(({ mentions }) => mentions.names.has(name));
    if (isNamed) used[name] = null;
  }
  return used;
}

/** The cc crate takes a compiler from the linker that cargo is configured to use. */
function withLinker(
  tools: UnitFacts['tools'],
  environment: SessionEnvironment,
  place: { readonly profilePath: string },
): UnitFacts['tools'] {
  const identity = toolIdentity(environment, configuredLinker, place);
  return identity === null ? tools : { ...tools, [configuredLinker]: identity };
}

/** `release` and `debug` always inherit the same; any other name may inherit either. */
function isCustomProfile(profilePath: string): boolean {
  const name = profilePath.slice(profilePath.lastIndexOf('/') + 1);
  return name !== 'debug' && name !== 'release';
}

function packageThatAsks({ units }: Mentions, variable: string): string | undefined {
  return units.find(
    ({ role, mentions: { names, variables, touchesEnvironment } }) =>
      variables.has(variable) || (names.has(variable) && (role === 'own' || touchesEnvironment)),
  )?.package;
}

function linksNatively(output: string): boolean {
  return /^cargo::?rustc-link-lib=/m.test(output);
}

/** Of a declared variable, cargo has written down what the script saw. */
function withUndeclared(
  base: DraftBase,
  mentions: Mentions,
  variables: Readonly<Record<string, string>>,
): [string, string | null][] {
  const declared = declaredVariables(base);
  const names = new Set(declared.map(([name]) => name));
  const undeclared = [...mentionedVariables(mentions, (name) => variables[name] !== undefined)]
    .filter((name) => !names.has(name))
    .sort()
    .map((name): [string, string | null] => [name, comparedValue(name, variables[name])]);
  return [...declared, ...undeclared];
}

function declaredVariables({ files }: DraftBase): [string, string | null][] {
  return files.fingerprint.local.flatMap((local): [string, string | null][] =>
    local.kind === 'rerun-if-env-changed' ? [[local.variable, local.value ?? null]] : [],
  );
}

/** What the run of a build script used of the environment of its session. */
import { countedValue, countsAmongAll } from '../cargo/all-variables.js';
import {
  isLocalized,
  isProgramUse,
  variablesOfLocale,
  variablesOfStarters,
} from '../cargo/native-programs.js';

import type { TextUses } from '../cargo/text-uses.js';
import { listsVariables, type UsedEnvironment } from './compilation-environment.js';
import { isPrivate, type DraftBase, type DraftContext, type PrivateVerdict } from './draft-base.js';
import type { SessionEnvironment } from '../host/session-environment.js';
import { mayAskGit } from './git-inputs.js';
import type { FinishedRun } from './script-inputs.js';
import { identifyScriptTools, toolsMentioned, type ScriptTools } from './script-tools.js';
import { noTextUses, shippedTexts } from './shipped-texts.js';
import {
  configuredLinker,
  processorCount,
  settingsOf,
  steeringOf,
  toolIdentity,
} from './target-settings.js';
import { changedTool } from './tool-changes.js';
import type { UnitFacts } from './unit-facts.js';
import {
  listerOfVariables,
  lookerAbove,
  mentionedVariables,
  programMentions,
  variableNames,
  type Mentions,
} from './unit-mentions.js';
import type { StoredUnit } from './unit-record.js';

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
  const lister = listerOfVariables(mentions);
  if (lister !== undefined) return listsVariables(lister);
  const above = lookerAbove(mentions);
  if (above !== undefined) {
    const why = `${above} may read files of the workspace, above its OUT_DIR`;
    return isPrivate('looks-above', why);
  }
  const { environment } = context;
  const told = toolsMentioned(mentions);
  const texts = await usedByTexts(script, told, context);
  if ('kind' in texts) return texts;
  const mentioned = withTexts(told, texts, environment);
  const variables = withUndeclared(base, mentions, environment.variables, [
    ...(told.isOpen ? variablesOfStarters : []),
    ...(usesLocale(told, texts) ? variablesOfLocale : []),
    ...(mayAskGit(mentions) ? ['GIT_*'] : []),
    ...variablesOfTools(mentioned, environment),
    ...variableNames({ variables: texts.variables, names: new Set() }, () => false),
  ]);
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

/** What programs that are scripts themselves read of their environment. */
function variablesOfTools(
  { names, candidates }: Pick<ScriptTools, 'names' | 'candidates'>,
  { tools }: SessionEnvironment,
): readonly string[] {
  const found = [...names, ...candidates].flatMap((name) => [...tools.variablesOf(name)]);
  return found.filter(countsAmongAll);
}

/** What files of the package use that the script may hand to others. */
async function usedByTexts(
  script: StoredUnit,
  { runsTexts }: ScriptTools,
  context: DraftContext,
): Promise<TextUses | PrivateVerdict> {
  return runsTexts ? await shippedTexts(script.facts.packageRoot, context) : noTextUses;
}

/** Most that a script starts does the same in any language. */
function usesLocale({ names, candidates }: ScriptTools, texts: TextUses): boolean {
  return [...names, ...candidates, ...texts.words].some(isLocalized);
}

/** Programs count where they are there, and those in the place of a command in any case. */
function withTexts(
  told: ScriptTools,
  { words, commands }: TextUses,
  { tools }: SessionEnvironment,
): Pick<ScriptTools, 'names' | 'candidates' | 'probed' | 'isSteered'> {
  const isUse = (name: string): boolean => isProgramUse(name, false);
  const found = [...words].filter((name) => isUse(name) && tools.identify(name) !== null);
  return {
    ...told,
    candidates: new Set([...told.candidates, ...found]),
    probed: new Set([...told.probed, ...[...commands].filter(isUse)]),
  };
}

/** Settings that the script may look at: those that it names, and the linker for the cc crate. */
function usedSettings({ units }: Mentions, isSteered: boolean): Record<string, null> {
  const used: Record<string, null> = isSteered ? { [configuredLinker]: null } : {};
  for (const name of [configuredLinker, 'RUSTC_WRAPPER']) {
    const isNamed = units.some(({ mentions }) => mentions.names.has(name));
    if (isNamed) used[name] = null;
  }
  // Libraries take it for make and the like, which make the same of any number.
  const own = units.find(({ role }) => role === 'own')?.mentions;
  if (own?.variables.has('NUM_JOBS') === true || own?.names.has('NUM_JOBS') === true) {
    used['NUM_JOBS'] = null;
  }
  if (own?.countsProcessors === true) used[processorCount] = null;
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
  others: readonly string[],
): [string, string | null][] {
  const declared = declaredVariables(base);
  const names = new Set(declared.map(([name]) => name));
  const mentioned = mentionedVariables(mentions, (name) => variables[name] !== undefined);
  const undeclared = [...new Set([...mentioned, ...others])]
    .filter((name) => !names.has(name))
    .sort()
    .map((name): [string, string | null] => [name, countedValue(name, variables)]);
  return [...declared, ...undeclared];
}

function declaredVariables({ files }: DraftBase): [string, string | null][] {
  return files.fingerprint.local.flatMap((local): [string, string | null][] =>
    local.kind === 'rerun-if-env-changed' ? [[local.variable, local.value ?? null]] : [],
  );
}

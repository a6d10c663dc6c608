/**
 * What of a session counts for units of one target: steering variables, and what cargo is configured
 * to use for that target and hands to build scripts.
 */
import { isLinkingVariable, targetSnapshot } from '../cargo/environment.js';
import type { SessionEnvironment } from '../host/session-environment.js';
import type { UnitFacts } from './unit-facts.js';

interface Place {
  readonly profilePath: string;
}

/** The name under which the linker that cargo is configured to use stands among the tools. */
export const configuredLinker = 'RUSTC_LINKER';

/** The number of processors that a session may use stands under this name among the settings. */
export const processorCount = 'processors';

/** Undefined for the host: only `--target` makes a directory above that of the profile. */
export function tripleOf({ profilePath }: Place): string | undefined {
  const slash = profilePath.indexOf('/');
  return slash < 0 ? undefined : profilePath.slice(0, slash);
}

/**
 * Steering variables as the run of a build script sees them; of a compilation those that count while
 * it links.
 */
export function steeringOf(
  { steering, variables }: Pick<SessionEnvironment, 'steering' | 'variables'>,
  unit: Place & Pick<UnitFacts, 'kind'>,
): Readonly<Record<string, string>> {
  const all = { ...steering, ...targetSnapshot(variables, tripleOf(unit)) };
  if (unit.kind === 'run-build-script') return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => isLinkingVariable(name)));
}

/**
 * The settings of a unit with the values of this session, null for "not set": those that cargo sets
 * in the environment of build scripts.
 */
export function settingsOf(
  environment: Pick<SessionEnvironment, 'linkerOf' | 'wrapper' | 'jobs' | 'processors'>,
  { settings, profilePath }: Pick<UnitFacts, 'settings' | 'profilePath'>,
): UnitFacts['settings'] {
  const values: Readonly<Record<string, string | null>> = {
    RUSTC_LINKER: environment.linkerOf(tripleOf({ profilePath })) ?? null,
    RUSTC_WRAPPER: environment.wrapper === '' ? null : environment.wrapper,
    NUM_JOBS: environment.jobs,
    [processorCount]: String(environment.processors),
  };
  return Object.fromEntries(Object.keys(settings).map((name) => [name, values[name] ?? null]));
}

/** Identity of a tool by its name among the facts; null if it is not there. */
export function toolIdentity(
  { tools, linkerIdentity }: Pick<SessionEnvironment, 'tools' | 'linkerIdentity'>,
  name: string,
  place: Place,
): string | null {
  if (name !== configuredLinker) return tools.identify(name);
  return linkerIdentity(tripleOf(place)) ?? null;
}

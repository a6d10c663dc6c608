/**
 * Variables and tools that count for a unit of one target: what counts in the whole session, and what
 * cargo is configured to use for that target.
 */
import { targetSnapshot } from '../../cargo/environment.js';
import type { SessionEnvironment } from '../host/session-environment.js';

type Place = { readonly profilePath: string };

/** Undefined for the host: only `--target` makes a directory above that of the profile. */
function tripleOf({ profilePath }: Place): string | undefined {
  const slash = profilePath.indexOf('/');
  return slash < 0 ? undefined : profilePath.slice(0, slash);
}

/** Steering variables as the run of a build script sees them. */
export function steeringOf(
  environment: SessionEnvironment,
  place: Place,
): Readonly<Record<string, string>> {
  const { steering, variables, wrapper, linkerOf } = environment;
  const triple = tripleOf(place);
  const linker = linkerOf(triple);
  return {
    ...steering,
    ...targetSnapshot(variables, triple),
    ...(linker !== undefined && { RUSTC_LINKER: linker }),
    ...(wrapper !== '' && { RUSTC_WRAPPER: wrapper }),
  };
}

/** Identities of the tools that the run of a script may start, or that link the unit. */
export function toolsOf(
  environment: SessionEnvironment,
  unit: Place & { readonly kind: string },
): Readonly<Record<string, string>> {
  const { nativeTools, linkerTools, linkerIdentity } = environment;
  const tools = unit.kind === 'run-build-script' ? nativeTools : linkerTools;
  const identity = linkerIdentity(tripleOf(unit));
  return identity === undefined ? tools : { ...tools, RUSTC_LINKER: identity };
}

/**
 * `rustflags` of profiles. Cargo hashes their text into the profile, but not what lies behind it, and
 * the fingerprint does not show them, so that no unit can be judged by itself.
 */
import { machineDependentFlag } from './shareability.js';
import type { ConfigValue } from './config-value.js';

export interface ProfileFlag {
  /** As in `[profile.PROFILE]`, with what follows: `dev`, `release.package.serde`. */
  readonly profile: string;
  readonly flag: string;
}

/** The first flag of the table `profile` that reads files or the machine. */
export function flagInProfiles(profiles: ConfigValue | undefined): ProfileFlag | undefined {
  return profiles && flagBelow(profiles, []);
}

function flagBelow(value: ConfigValue, path: readonly string[]): ProfileFlag | undefined {
  if (value.kind !== 'table') return undefined;
  for (const [key, entry] of value.entries) {
    const flag =
      key === 'rustflags' && path.length > 0
        ? flagIn(wordsOf(entry), path.join('.'))
        : flagBelow(entry, [...path, key]);
    if (flag !== undefined) return flag;
  }
  return undefined;
}

function wordsOf(value: ConfigValue): readonly string[] {
  if (value.kind === 'list') return value.items.flatMap(wordsOf);
  return value.kind === 'single' && typeof value.value === 'string' ? value.value.split(/\s+/) : [];
}

function flagIn(words: readonly string[], profile: string): ProfileFlag | undefined {
  const flag = machineDependentFlag(words);
  return flag === undefined ? undefined : { profile, flag };
}

/** The same for the environment: `CARGO_PROFILE_DEV_RUSTFLAGS`. */
export function flagInVariables(
  variables: Readonly<Record<string, string>>,
): ProfileFlag | undefined {
  for (const [name, value] of Object.entries(variables)) {
    if (!name.startsWith('CARGO_PROFILE_') || !name.endsWith('_RUSTFLAGS')) continue;
    const flag = flagIn(value.split(/\s+/), name);
    if (flag !== undefined) return flag;
  }
  return undefined;
}

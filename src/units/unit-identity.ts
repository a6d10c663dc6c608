/**
 * The identity of a unit: a Merkle value over everything that decides what building it gives. Two
 * units with equal identities were made in the same way from the same things, and a native build
 * in the place of either would have done the same. The format is in README.md of this folder.
 */
import { hashBytes } from '../store/digest.js';
import type { UnitFacts } from './unit-facts.js';

/** Changes with every change of what is hashed, or of how. */
const formatName = 'xcache-unit-identity-2';

/** The facts that an identity is made of. */
export type IdentityFacts = Omit<UnitFacts, 'version' | 'identity' | 'outputs' | 'built'>;

/** 64 hex digits: BLAKE3 over the canonical encoding of the facts. */
export function unitIdentity(facts: IdentityFacts): string {
  return hashBytes(Buffer.from(JSON.stringify(canonical(facts)), 'utf8'));
}

/**
 * An array with fixed places. Sets are sorted, so that the order in which something was found does
 * not count; absent and empty differ. The names of variables and tools are part of it: a unit that
 * depends on more was made by another rule.
 */
function canonical(facts: IdentityFacts): unknown {
  return [
    formatName,
    [facts.layout, facts.profilePath, facts.unitHash],
    [facts.package, facts.kind, facts.target],
    facts.fingerprint,
    facts.namespace,
    [facts.origin, facts.packageRoot],
    facts.inputs.map(({ kind, root, paths, digest }) => [kind, root, paths, digest]).sort(byText),
    [...facts.variables].sort(byText),
    entries(facts.steering),
    entries(facts.tools),
    entries(facts.settings),
    facts.cpu,
    // What cannot leave its build-dir was made there alone.
    facts.boundBecause === null ? null : facts.buildDir,
    [...facts.rewrites],
    facts.dependencies.map(({ unitKey, identity }) => [unitKey, identity]).sort(byText),
  ];
}

function entries(record: Readonly<Record<string, string | null>> | null): unknown {
  return record === null ? null : Object.entries(record).sort(byText);
}

function byText(a: unknown, b: unknown): number {
  const left = JSON.stringify(a);
  const right = JSON.stringify(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

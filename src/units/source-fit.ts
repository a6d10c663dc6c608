/**
 * Whether cargo here takes the sources from where a stored unit was compiled from. The path is in
 * cargo's fingerprint and not in the unit hash, so units of several CARGO_HOMEs, and of several
 * commits of a git branch, lie under one hash; cargo would find the wrong one out of date.
 */
import type { SessionEnvironment } from '../host/session-environment.js';
import type { Miss } from './miss.js';
import type { UnitFacts } from './unit-facts.js';

/** Undefined if the sources are those of this session, or if that cannot be told. */
export function sourceMisfit(
  facts: Pick<UnitFacts, 'origin' | 'packageRoot'>,
  { cargoHome, commits }: Pick<SessionEnvironment, 'cargoHome' | 'commits'>,
): Miss | undefined {
  const sources = sourceDirectory[facts.origin];
  if (sources === undefined) return undefined;
  const prefix = `${cargoHome.replace(/\/+$/, '')}/${sources}/`;
  if (!facts.packageRoot.startsWith(prefix)) {
    return { reason: 'other-source', detail: facts.packageRoot };
  }
  if (facts.origin !== 'git' || commits === undefined) return undefined;
  // `<repository>/<short commit>/…`
  const [, short = ''] = facts.packageRoot.slice(prefix.length).split('/', 2);
  const isLocked = [...commits].some((commit) => commit.startsWith(short));
  return isLocked ? undefined : { reason: 'other-source', detail: `commit ${short}` };
}

/** Below CARGO_HOME (see `source-origin.ts`); directory sources lie anywhere. */
const sourceDirectory: Readonly<Record<UnitFacts['origin'], string | undefined>> = {
  registry: 'registry/src',
  git: 'git/checkouts',
  directory: undefined,
};

/**
 * How near to the workspace the sources of a unit lie, as the number of directories above both. Of
 * packages that several projects have vendored, only its own fits a workspace, and nothing but
 * cargo's configuration and manifests tells which that is. The same for all units of other origins.
 */
export function nearness(
  { origin, packageRoot }: Pick<UnitFacts, 'origin' | 'packageRoot'>,
  {
    workspaceRoot,
    workingDirectory,
  }: Pick<SessionEnvironment, 'workspaceRoot' | 'workingDirectory'>,
): number {
  if (origin !== 'directory') return 0;
  const parts = packageRoot.split('/');
  const here = (workspaceRoot ?? workingDirectory).split('/');
  const end = parts.findIndex((part, index) => part !== here[index]);
  return end < 0 ? parts.length : end;
}

/** `reject`: units of a package leave the store and are never served again, until that is undone. */
import { XcacheError } from '../base/errors.js';
import type { Digest } from '../store/manifest.js';
import type { Store } from '../store/store.js';
import type { RejectParams, RejectResult, UnitsResult } from './control/protocol.js';
import type { Rejections } from '../units/rejections.js';
import { parseUnitFacts, type UnitFacts } from '../units/unit-facts.js';

/** What is named by `serde`, or by `serde@1.0.200`. */
interface PackageSpec {
  readonly name: string;
  readonly version: string | undefined;
}

export interface RejectServices {
  readonly store: Store;
  readonly rejections: Rejections;
  /** How many workspaces have each unit, mounted or not. */
  readonly attached: () => ReadonlyMap<Digest, number>;
}

/**
 * Rejects the stored units of a package, or with `undo` lets them be served and stored again. Throws
 * `XC_NOT_FOUND` if there are none, and `XC_USAGE` if several versions are meant by one name.
 */
export async function rejectPackage(
  params: RejectParams,
  services: RejectServices,
): Promise<RejectResult> {
  const spec = parseSpec(params.package);
  return params.undo ? await undo(params, spec, services) : await reject(params, spec, services);
}

/** What was rejected, in the order in which it was. */
export function listRejected(rejections: Rejections): UnitsResult['rejected'] {
  return rejections.all().map((unit) => ({
    package: unit.package,
    packageVersion: unit.packageVersion,
    kind: unit.kind,
    profile: unit.profilePath,
    unitHash: unit.unitHash,
    rejectedMs: unit.rejectedMs,
    by: unit.by,
  }));
}

async function reject(
  params: RejectParams,
  spec: PackageSpec,
  { store, rejections, attached }: RejectServices,
): Promise<RejectResult> {
  const found: { readonly id: Digest; readonly facts: UnitFacts }[] = [];
  for await (const unit of store.list()) {
    const manifest = store.manifest(unit.digest);
    const facts = manifest && parseUnitFacts(manifest);
    if (facts && isMeant(facts, spec)) found.push({ id: unit.digest, facts });
  }
  const fresh = found.filter(({ facts }) => !rejections.has(facts));
  const versions = versionsOf(fresh.map(({ facts }) => facts));
  requireOne(params, versions, 'stored');
  // Before they are removed: from here on nobody is served one of them.
  await rejections.add(
    fresh.map(({ facts }) => facts),
    { rejectedMs: Date.now(), by: 'user' },
  );
  const counts = attached();
  const workspaces = Math.max(0, ...fresh.map(({ id }) => counts.get(id) ?? 0));
  const removed = await store.removeUnits(fresh.map(({ id }) => id));
  return {
    version: 1,
    package: spec.name,
    versions,
    units: fresh.length,
    removedUnits: removed.length,
    workspaces,
  };
}

async function undo(
  params: RejectParams,
  spec: PackageSpec,
  { rejections }: RejectServices,
): Promise<RejectResult> {
  const meant = rejections.all().filter((unit) => isMeant(unit, spec));
  const versions = versionsOf(meant);
  requireOne(params, versions, 'rejected');
  const gone = await rejections.remove((unit) => isMeant(unit, spec));
  return {
    version: 1,
    package: spec.name,
    versions,
    units: gone.length,
    removedUnits: 0,
    workspaces: 0,
  };
}

/** As cargo has it: `name@version`. */
function parseSpec(text: string): PackageSpec {
  const [, name, version] = /^([A-Za-z0-9_-]+)(?:@([0-9A-Za-z.+-]+))?$/.exec(text) ?? [];
  if (name === undefined) {
    throw new XcacheError('XC_USAGE', `'${text}' is not the name of a package`, {
      hint: 'write it as cargo does: serde, or serde@1.0.200',
    });
  }
  return { name, version };
}

type Named = Pick<UnitFacts, 'package' | 'packageVersion'>;

function isMeant(unit: Named, { name, version }: PackageSpec): boolean {
  return unit.package === name && (version === undefined || unit.packageVersion === version);
}

/** Sorted; packages of git repositories and directories have no version here. */
function versionsOf(units: readonly Named[]): readonly string[] {
  return [...new Set(units.map(({ packageVersion }) => packageVersion ?? 'no version'))].sort();
}

function requireOne(
  { package: text, allVersions }: RejectParams,
  versions: readonly string[],
  what: 'stored' | 'rejected',
): void {
  if (versions.length === 0) {
    throw new XcacheError('XC_NOT_FOUND', `no unit of ${text} is ${what}`, {
      hint:
        what === 'stored' ? 'see which there are: xcache units' : 'see: xcache units --rejected',
    });
  }
  if (versions.length === 1 || allVersions) return;
  throw new XcacheError(
    'XC_USAGE',
    `${text} is ${what} in several versions: ${versions.join(', ')}`,
    {
      hint: `name one of them (${text}@${versions[0] ?? ''}), or add --all-versions`,
    },
  );
}

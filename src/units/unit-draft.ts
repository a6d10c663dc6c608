/**
 * Turns the files of a complete unit into what is needed to store it, or into the reason why it
 * stays private. Reads the unit's own description files; hashes nothing large.
 */
import { formatFingerprintHash } from '../cargo/fingerprint.js';
import { refuseUnit } from '../cargo/shareability.js';
import {
  isPrivate,
  type DraftBase,
  type DraftContext,
  type PrivateVerdict,
  type UnitDraft,
  type WaitingVerdict,
} from './draft-base.js';
import { draftCompilation } from './draft-compilation.js';
import { draftScriptRun } from './draft-script-run.js';
import type { UnitDependency } from './unit-facts.js';
import type { UnitFiles } from './unit-files.js';
import { entryAt, unitPlaces } from './unit-paths.js';
import type { StoredUnit } from './unit-record.js';

/** Judges by what is present now; ask again when `waiting` names a unit that has come. */
export async function draftUnit(
  files: UnitFiles,
  context: DraftContext,
): Promise<UnitDraft | PrivateVerdict | WaitingVerdict> {
  const { name, fingerprint } = files;
  const refusal = refuseUnit(name.kind, fingerprint.rustflags);
  if (refusal !== undefined) return isPrivate(refusal.reason, refusal.message);
  const late = files.entries.find(
    ({ kind, mtimeNs }) => kind === 'file' && mtimeNs > files.json.mtimeNs,
  );
  if (late) return isPrivate('changed', `${late.path} was changed after it was built`);
  const startedNs = startOf(files);
  if (startedNs === undefined) return isPrivate('incomplete', 'it has no invoked.timestamp');
  const stored: StoredUnit[] = [];
  for (const dependency of fingerprint.dependencies) {
    const wanted = formatFingerprintHash(dependency.fingerprintHash);
    const found = context.units.withFingerprint(wanted);
    if (found.length === 0) return { kind: 'waiting', fingerprint: wanted };
    for (const unit of found) {
      if (unit.state === 'private') {
        return isPrivate('dependency-private', `${dependency.name} is not shared: ${unit.reason}`);
      }
      if (unit.sinceNs > startedNs) {
        return isPrivate('dependency-newer', `${dependency.name} was built again after it`);
      }
      stored.push(unit);
    }
  }
  if (fingerprint.rustc !== context.environment.rustcField) {
    return isPrivate('unknown-compiler', 'another rustc built it than this session uses');
  }
  const base: DraftBase = {
    files,
    environment: context.environment,
    stored,
    dependencies: stored.map(asDependency),
    startedNs,
    finishedNs: files.json.mtimeNs,
  };
  return name.kind === 'run-build-script'
    ? await draftScriptRun(base, context)
    : await draftCompilation(base, context);
}

function asDependency({ unitKey, facts }: StoredUnit): UnitDependency {
  const { fingerprint, identity, outputs } = facts;
  return { unitKey, fingerprint, identity, outputs };
}

function startOf(files: UnitFiles): bigint | undefined {
  for (const path of unitPlaces(files.unit).invokedTimestamps) {
    const entry = entryAt(files.entries, path);
    if (entry) return entry.mtimeNs;
  }
  return undefined;
}

/**
 * Makes the index anew from the manifest files and blobs. Statistics (last use, input digests,
 * counters) and view references stay where the index can still be read.
 */
import { gcStepUnits } from '../base/limits.js';
import { IndexDamagedError } from './index-db.js';
import type { IndexDb, IndexOperation } from './index-db.js';
import type { Digest } from './manifest.js';
import { IndexInconsistentError } from './row-change.js';
import { countersKey, encodeRow, frameRow, rowPrefix, totalsKey } from './rows.js';
import { quarantinePath } from './store-directory.js';
import type { StoreParts } from './store-parts.js';
import { noTotals, toggleSetHash, unitRowOf } from './unit-rows.js';
import type { StoredUnit } from './unit-rows.js';
import { addToSums, createUnitSums, loadStoredUnit } from './unit-sums.js';
import type { UnitSums } from './unit-sums.js';

/** What a rebuild needs: everything but what is loaded from the finished index. */
export type RebuildParts = Pick<
  StoreParts,
  'paths' | 'blobs' | 'manifests' | 'index' | 'log' | 'step'
> &
  // Of a store that is open; what it knows of views need not be read.
  Partial<Pick<StoreParts, 'protections'>>;

/** How a rebuild went. */
export interface RebuildResult {
  readonly units: number;
  /** Manifests that were put into quarantine because they or their blobs are not whole. */
  readonly rejected: readonly Digest[];
}

/**
 * Rebuilds the index, alone: before the store is open, or inside the queue. The totals go first and
 * come last, so that a rebuild that was cut short is seen and repeated at the next start.
 */
export async function rebuildIndex(parts: RebuildParts, reason: string): Promise<RebuildResult> {
  parts.log.warn({ reason }, 'the index is rebuilt from the manifests');
  await clear(parts);
  parts.step('rebuild:cleared');
  const sums = createUnitSums();
  const rejected: Digest[] = [];
  let batch: IndexOperation[] = [];
  for await (const { digest } of parts.manifests.files()) {
    if (digest === undefined) continue;
    const unit = await loadStoredUnit(parts, digest, sums.blobs);
    if ('problem' in unit) {
      await quarantineManifest(parts, digest, unit.problem);
      rejected.push(digest);
      continue;
    }
    batch.push(...unitOperations(unit));
    addToSums(sums, unit);
    if (batch.length < 2 * gcStepUnits) continue;
    await parts.index.db.write(batch, false);
    batch = [];
  }
  await parts.index.db.write(batch, false);
  parts.step('rebuild:units-written');
  await writeSums(parts, sums);
  await dropUsesOfLostUnits(parts);
  if (!(await parts.index.load())) throw new Error('the index cannot be rebuilt');
  parts.log.info({ units: sums.totals.units, rejected: rejected.length }, 'the index is rebuilt');
  return { units: sums.totals.units, rejected };
}

/**
 * Removes the manifest files that an index in order does not name: a kill came between them and
 * their batch, or between the batch that removed them and the files. A later rebuild would bring
 * back units that were taken out, for their bytes were wrong or nobody wanted them. Alone, before
 * the store is open.
 */
export async function removeUnindexedManifests(
  parts: Pick<StoreParts, 'manifests' | 'index' | 'log'>,
): Promise<void> {
  const { manifests, index, log } = parts;
  const digests: Digest[] = [];
  let setHash = noTotals.setHash;
  for await (const { digest } of manifests.files()) {
    if (digest === undefined) continue;
    digests.push(digest);
    setHash = toggleSetHash(setHash, digest);
  }
  // The index has compared both with its keys: no lookups where nothing happened.
  if (digests.length === index.totals.units && setHash === index.totals.setHash) return;
  let count = 0;
  for (const digest of digests) {
    // By the key: a damaged row still names its unit.
    if (index.db.getCheckedSync(rowPrefix.unit + digest) !== undefined) continue;
    if (await manifests.remove(digest)) count += 1;
  }
  if (count > 0) log.info({ count }, 'manifests of an interrupted change are removed');
}

/** Puts a manifest file where nothing reads it, for a person to look at; returns whether it was there. */
export async function quarantineManifest(
  parts: Pick<StoreParts, 'paths' | 'manifests' | 'log'>,
  digest: Digest,
  reason: string,
): Promise<boolean> {
  parts.log.warn({ manifest: digest, reason }, 'a unit is put into quarantine');
  return await parts.manifests.moveAway(digest, quarantinePath(parts.paths, `manifest-${digest}`));
}

/** Leaves no row of a unit; an index that cannot be read to its end is set aside as a whole. */
async function clear(parts: RebuildParts): Promise<void> {
  const { db } = parts.index;
  try {
    await db.readAll();
    await clearUnits(parts);
  } catch (error) {
    if (!(error instanceof IndexDamagedError)) throw error;
    const kept = await readableRows(db);
    const aside = quarantinePath(parts.paths, 'index');
    parts.log.warn({ error: error.cause, aside }, 'the index cannot be read and is set aside');
    await db.startAnew(aside);
    await db.write([...kept, ...viewRows(parts)], true);
  }
}

function viewRows({ protections }: RebuildParts): IndexOperation[] {
  return [...(protections?.viewReferences() ?? [])].map(([view, { manifests, blobs }]) => {
    const key = rowPrefix.view + view;
    const value = encodeRow('view', key, { manifests: [...manifests], blobs: [...blobs] });
    return { type: 'put', key, value };
  });
}

/** Of what no manifest tells: the references of views, and statistics, as far as they can be read. */
async function readableRows(db: IndexDb): Promise<IndexOperation[]> {
  const kept: IndexOperation[] = [];
  for (const prefix of [rowPrefix.view, rowPrefix.lastUse, countersKey]) {
    try {
      for await (const [key, value] of db.rows(prefix)) kept.push({ type: 'put', key, value });
    } catch (error) {
      if (!(error instanceof IndexDamagedError)) throw error;
    }
  }
  return kept;
}

async function clearUnits(parts: RebuildParts): Promise<void> {
  const { db } = parts.index;
  await db.write([{ type: 'del', key: totalsKey }], true);
  const { manifest, unit, lookup, blob, marker } = rowPrefix;
  for (const prefix of [manifest, unit, lookup, blob, marker]) {
    let batch: IndexOperation[] = [];
    for await (const key of db.keys(prefix)) {
      batch.push({ type: 'del', key });
      if (batch.length < 500) continue;
      await db.write(batch, false);
      batch = [];
    }
    await db.write(batch, false);
  }
}

function unitOperations(unit: StoredUnit): IndexOperation[] {
  const { digest, bytes } = unit.encoded;
  const manifestKey = rowPrefix.manifest + digest;
  const unitKey = rowPrefix.unit + digest;
  return [
    { type: 'put', key: manifestKey, value: frameRow(manifestKey, bytes) },
    { type: 'put', key: unitKey, value: encodeRow('unit', unitKey, unitRowOf(unit)) },
  ];
}

async function writeSums(parts: RebuildParts, sums: UnitSums): Promise<void> {
  const operations: IndexOperation[] = [];
  for (const [blob, row] of sums.blobs) {
    const key = rowPrefix.blob + blob;
    operations.push({ type: 'put', key, value: encodeRow('blob', key, row) });
  }
  for (const [lookupKey, units] of sums.lookups) {
    const key = rowPrefix.lookup + lookupKey;
    units.sort((one, other) => other.createdMs - one.createdMs);
    const value = encodeRow('lookup', key, { manifests: units.map(({ digest }) => digest) });
    operations.push({ type: 'put', key, value });
  }
  for (const [marker, references] of sums.markers) {
    const key = rowPrefix.marker + marker;
    operations.push({ type: 'put', key, value: encodeRow('marker', key, { references }) });
  }
  operations.push({
    type: 'put',
    key: totalsKey,
    value: encodeRow('totals', totalsKey, sums.totals),
  });
  await parts.index.db.write(operations, true);
}

async function dropUsesOfLostUnits(parts: RebuildParts): Promise<void> {
  const operations: IndexOperation[] = [];
  for await (const key of parts.index.db.keys(rowPrefix.lastUse)) {
    const digest = key.slice(rowPrefix.lastUse.length) as Digest;
    if (parts.index.unit(digest) === undefined) operations.push({ type: 'del', key });
  }
  await parts.index.db.write(operations, false);
}

/** Runs `change`; where the index proves inconsistent or damaged, rebuilds it and runs `change` once more. */
export async function retryAfterRebuild<T>(
  parts: RebuildParts,
  change: () => Promise<T>,
): Promise<T> {
  try {
    return await change();
  } catch (error) {
    const isWrong = error instanceof IndexInconsistentError || error instanceof IndexDamagedError;
    if (!isWrong) throw error;
    await rebuildIndex(parts, error.message);
    return await change();
  }
}

/**
 * How one unit appears in the rows of the index. Invariants of the index, all kept by writing one
 * batch per change: the references of a blob or marker are the number of units that name it; the
 * totals are the sums over all units and blobs; `setHash` is the exclusive or of the first 64 bits
 * of every unit's digest.
 */
import type { EncodedManifest } from './manifest-codec.js';
import type { Digest, Manifest } from './manifest.js';
import { IndexInconsistentError } from './row-change.js';
import type { RowChange } from './row-change.js';
import { frameRow, rowPrefix } from './rows.js';
import type { TotalsRow, UnitRow } from './rows.js';

/** What a blob weighs. */
export interface BlobSize {
  readonly sizeBytes: number;
  /** What it takes on disk. */
  readonly allocatedBytes: number;
}

/** A unit whose files are durable, ready for the index. */
export interface StoredUnit {
  readonly encoded: EncodedManifest;
  /** What the manifest file takes on disk. */
  readonly allocatedBytes: number;
  /** Every blob that the manifest names. */
  readonly blobs: ReadonlyMap<Digest, BlobSize>;
}

/** The totals of an empty store. */
export const noTotals: TotalsRow = {
  units: 0,
  setHash: '0'.repeat(16),
  blobs: 0,
  physicalBytes: 0,
  logicalBytes: 0,
};

/** Adds the rows of a unit that the index does not have; returns the new totals. */
export function addUnitRows(change: RowChange, totals: TotalsRow, unit: StoredUnit): TotalsRow {
  const { digest, manifest, bytes } = unit.encoded;
  const row = unitRowOf(unit);
  change.putFramed(rowPrefix.manifest + digest, frameRow(rowPrefix.manifest + digest, bytes));
  change.put('unit', rowPrefix.unit + digest, row);

  const lookup = rowPrefix.lookup + manifest.lookupKey;
  const known = change.get('lookup', lookup)?.manifests ?? [];
  change.put('lookup', lookup, { manifests: [digest, ...known.filter((one) => one !== digest)] });

  let newBlobs = 0;
  let newBytes = unit.allocatedBytes;
  for (const [blob, size] of unit.blobs) {
    const key = rowPrefix.blob + blob;
    const before = change.get('blob', key);
    if (before === undefined) {
      newBlobs += 1;
      newBytes += size.allocatedBytes;
    }
    change.put('blob', key, { ...(before ?? size), references: (before?.references ?? 0) + 1 });
  }
  for (const marker of row.markers) {
    const key = rowPrefix.marker + marker;
    change.put('marker', key, { references: (change.get('marker', key)?.references ?? 0) + 1 });
  }
  return {
    units: totals.units + 1,
    setHash: toggleSetHash(totals.setHash, digest),
    blobs: totals.blobs + newBlobs,
    physicalBytes: totals.physicalBytes + newBytes,
    logicalBytes: totals.logicalBytes + row.sizeBytes,
  };
}

/** Removes the rows of a unit; adds the blobs that nothing references any more to `released`. */
export function removeUnitRows(
  change: RowChange,
  totals: TotalsRow,
  digest: Digest,
  released: Set<Digest>,
): TotalsRow {
  const row = change.get('unit', rowPrefix.unit + digest);
  if (row === undefined) return totals;
  change.delete(rowPrefix.manifest + digest);
  change.delete(rowPrefix.unit + digest);
  change.delete(rowPrefix.lastUse + digest);

  const lookup = rowPrefix.lookup + row.lookupKey;
  const left = (change.get('lookup', lookup)?.manifests ?? []).filter((one) => one !== digest);
  if (left.length === 0) change.delete(lookup);
  else change.put('lookup', lookup, { manifests: left });

  let goneBlobs = 0;
  let goneBytes = row.allocatedBytes;
  for (const blob of row.blobs) {
    const key = rowPrefix.blob + blob;
    const before = change.get('blob', key);
    if (before === undefined) throw new IndexInconsistentError(key, 'is missing');
    if (before.references > 1) {
      change.put('blob', key, { ...before, references: before.references - 1 });
      continue;
    }
    change.delete(key);
    released.add(blob);
    goneBlobs += 1;
    goneBytes += before.allocatedBytes;
  }
  for (const marker of row.markers) {
    const key = rowPrefix.marker + marker;
    const before = change.get('marker', key);
    if (before === undefined) throw new IndexInconsistentError(key, 'is missing');
    if (before.references > 1) change.put('marker', key, { references: before.references - 1 });
    else change.delete(key);
  }
  return lessenTotals(totals, digest, row, { blobs: goneBlobs, bytes: goneBytes });
}

/** The row that sums up a unit. */
export function unitRowOf(unit: StoredUnit): UnitRow {
  const { manifest } = unit.encoded;
  return {
    lookupKey: manifest.lookupKey,
    createdMs: manifest.createdMs,
    sizeBytes: unitSizeBytes(manifest),
    allocatedBytes: unit.allocatedBytes,
    blobs: [...unit.blobs.keys()],
    markers: [...(manifest.markers ?? [])],
  };
}

/** The bytes of all files of a unit; hard links count once. */
export function unitSizeBytes(manifest: Manifest): number {
  const groups = new Set<number>();
  let total = 0;
  for (const entry of manifest.entries) {
    if (entry.kind !== 'file') continue;
    if (entry.linkGroup !== undefined) {
      if (groups.has(entry.linkGroup)) continue;
      groups.add(entry.linkGroup);
    }
    total += entry.sizeBytes;
  }
  return total;
}

/** The blobs a manifest names, each with the least number of bytes it must have. */
export function requiredBlobs(manifest: Manifest): Map<Digest, number> {
  const blobs = new Map<Digest, number>();
  for (const entry of manifest.entries) {
    if (entry.kind !== 'file') continue;
    const end = entry.offset + entry.sizeBytes;
    blobs.set(entry.blob, Math.max(end, blobs.get(entry.blob) ?? 0));
  }
  return blobs;
}

/** The set hash with `digest` added, or with it removed again. */
export function toggleSetHash(setHash: string, digest: Digest): string {
  const toggled = BigInt(`0x${setHash}`) ^ BigInt(`0x${digest.slice(0, 16)}`);
  return toggled.toString(16).padStart(16, '0');
}

function lessenTotals(
  totals: TotalsRow,
  digest: Digest,
  row: UnitRow,
  gone: { readonly blobs: number; readonly bytes: number },
): TotalsRow {
  const after = {
    units: totals.units - 1,
    setHash: toggleSetHash(totals.setHash, digest),
    blobs: totals.blobs - gone.blobs,
    physicalBytes: totals.physicalBytes - gone.bytes,
    logicalBytes: totals.logicalBytes - row.sizeBytes,
  };
  if (after.units < 0 || after.blobs < 0 || after.physicalBytes < 0 || after.logicalBytes < 0) {
    throw new IndexInconsistentError('t!totals', 'is less than what it sums up');
  }
  return after;
}

/**
 * What the index must say, worked out from the manifest files alone: the base of a rebuild, and the
 * measure for `verify`.
 */
import { readFile } from 'node:fs/promises';
import { manifestBytesMax } from '../base/limits.js';
import { hashBytes } from './digest.js';
import { decodeManifest } from './manifest-codec.js';
import type { Digest } from './manifest.js';
import type { BlobRow, TotalsRow } from './rows.js';
import type { StoreParts } from './store-parts.js';
import { noTotals, requiredBlobs, toggleSetHash, unitRowOf } from './unit-rows.js';
import type { BlobSize, StoredUnit } from './unit-rows.js';

/** Rows that count over several units. */
export interface UnitSums {
  readonly blobs: Map<Digest, BlobRow>;
  /** Units under each key, in no order. */
  readonly lookups: Map<string, { readonly createdMs: number; readonly digest: Digest }[]>;
  readonly markers: Map<string, number>;
  totals: TotalsRow;
}

/** Why the unit of a manifest file cannot be used. */
export interface UnusableUnit {
  readonly kind: 'manifest-damaged' | 'blob-missing' | 'blob-short';
  readonly problem: string;
}

/** Sums over no units. */
export function createUnitSums(): UnitSums {
  return { blobs: new Map(), lookups: new Map(), markers: new Map(), totals: noTotals };
}

/** The unit of a manifest file with its blobs as they are on disk, or what is wrong with it. */
export async function loadStoredUnit(
  parts: Pick<StoreParts, 'manifests' | 'blobs'>,
  digest: Digest,
  known: ReadonlyMap<Digest, BlobSize>,
): Promise<StoredUnit | UnusableUnit> {
  const stats = await parts.manifests.lstat(digest);
  if (stats === undefined) return damaged('the manifest is not a file');
  if (stats.size > manifestBytesMax) return damaged('the manifest is too long');
  const bytes = await readFile(parts.manifests.pathOf(digest));
  if (hashBytes(bytes) !== digest) return damaged('the manifest does not have its digest');
  const manifest = decodeManifest(bytes);
  if (manifest === undefined) return damaged('the manifest is not understood');
  const blobs = new Map<Digest, BlobSize>();
  for (const [blob, sizeBytes] of requiredBlobs(manifest)) {
    const size = known.get(blob) ?? (await blobSize(parts, blob));
    if (size === undefined) return { kind: 'blob-missing', problem: `blob ${blob} is missing` };
    if (size.sizeBytes < sizeBytes) {
      return { kind: 'blob-short', problem: `blob ${blob} is too short` };
    }
    blobs.set(blob, { sizeBytes: size.sizeBytes, allocatedBytes: size.allocatedBytes });
  }
  return { encoded: { digest, bytes, manifest }, allocatedBytes: stats.blocks * 512, blobs };
}

/** Adds a unit to the sums. */
export function addToSums(sums: UnitSums, unit: StoredUnit): void {
  const { digest, manifest } = unit.encoded;
  const row = unitRowOf(unit);
  let newBlobs = 0;
  let newBytes = unit.allocatedBytes;
  for (const [blob, size] of unit.blobs) {
    const before = sums.blobs.get(blob);
    if (before === undefined) {
      newBlobs += 1;
      newBytes += size.allocatedBytes;
    }
    sums.blobs.set(blob, { ...size, references: (before?.references ?? 0) + 1 });
  }
  for (const marker of row.markers) sums.markers.set(marker, (sums.markers.get(marker) ?? 0) + 1);
  const lookups = sums.lookups.get(manifest.lookupKey) ?? [];
  lookups.push({ createdMs: manifest.createdMs, digest });
  sums.lookups.set(manifest.lookupKey, lookups);
  const { totals } = sums;
  sums.totals = {
    units: totals.units + 1,
    setHash: toggleSetHash(totals.setHash, digest),
    blobs: totals.blobs + newBlobs,
    physicalBytes: totals.physicalBytes + newBytes,
    logicalBytes: totals.logicalBytes + row.sizeBytes,
  };
}

async function blobSize(
  parts: Pick<StoreParts, 'blobs'>,
  digest: Digest,
): Promise<BlobSize | undefined> {
  const stats = await parts.blobs.lstat(digest);
  return stats && { sizeBytes: stats.size, allocatedBytes: stats.blocks * 512 };
}

function damaged(problem: string): UnusableUnit {
  return { kind: 'manifest-damaged', problem };
}

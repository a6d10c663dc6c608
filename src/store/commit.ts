/**
 * Makes units visible: blobs are there already, then the manifest files, then one index batch.
 * A kill before the batch leaves files that nothing names; they are collected later.
 */
import { chmod } from 'node:fs/promises';
import { XcacheError } from '../base/errors.js';
import { encodeManifest } from './manifest-codec.js';
import type { EncodedManifest } from './manifest-codec.js';
import type { Digest, Manifest } from './manifest.js';
import type { StoreParts } from './store-parts.js';
import { requiredBlobs } from './unit-rows.js';
import type { BlobSize, StoredUnit } from './unit-rows.js';

/**
 * Stores the manifests, all or none of them in the index, and returns their digests in order. Runs
 * inside the queue. Throws where a manifest breaks a rule, or where a blob is missing, too short,
 * or reachable under a second name.
 */
export async function commitManifests(
  parts: StoreParts,
  manifests: readonly Manifest[],
): Promise<Digest[]> {
  const encoded = manifests.map(encodeManifest);
  const fresh = new Map<Digest, EncodedManifest>();
  for (const one of encoded) {
    if (parts.index.unit(one.digest) === undefined) fresh.set(one.digest, one);
  }
  if (fresh.size > 0) await storeUnits(parts, [...fresh.values()]);
  for (const { manifest } of encoded) parts.protections.endPuts(requiredBlobs(manifest).keys());
  return encoded.map(({ digest }) => digest);
}

async function storeUnits(parts: StoreParts, encoded: readonly EncodedManifest[]): Promise<void> {
  const sizes = new Map<Digest, BlobSize>();
  const newBlobs = new Set<Digest>();
  for (const { manifest } of encoded) {
    for (const [blob, sizeBytes] of requiredBlobs(manifest)) {
      const size = sizes.get(blob) ?? (await examineBlob(parts, blob));
      if (size.sizeBytes < sizeBytes) throw badBlob(blob, 'is too short');
      sizes.set(blob, size);
      if (parts.index.blob(blob) === undefined) newBlobs.add(blob);
    }
  }
  const [allocatedBytes] = await Promise.all([
    Promise.all(
      encoded.map(async ({ digest, bytes }) => await parts.manifests.publish(digest, bytes)),
    ),
    parts.blobs.syncShards(newBlobs),
  ]);
  await parts.manifests.syncShards(encoded.map(({ digest }) => digest));
  parts.step('commit:files-durable');
  await parts.index.add(
    encoded.map((one, at): StoredUnit => {
      const blobs = new Map<Digest, BlobSize>();
      for (const blob of requiredBlobs(one.manifest).keys()) {
        blobs.set(blob, sizes.get(blob) ?? { sizeBytes: 0, allocatedBytes: 0 });
      }
      return { encoded: one, allocatedBytes: allocatedBytes[at] ?? 0, blobs };
    }),
  );
  parts.step('commit:indexed');
}

/** Checks a blob as far as that is possible without reading it, and makes it read-only. */
async function examineBlob(parts: StoreParts, digest: Digest): Promise<BlobSize> {
  const stats = await parts.blobs.lstat(digest);
  if (stats === undefined) throw badBlob(digest, 'is not in the store');
  // A second name would let a workspace write into the store.
  if (stats.nlink !== 1) throw badBlob(digest, 'has a second name');
  if (stats.uid !== process.geteuid?.()) throw badBlob(digest, 'belongs to another user');
  if ((stats.mode & 0o7777) !== 0o444) await chmod(parts.blobs.pathOf(digest), 0o444);
  return { sizeBytes: stats.size, allocatedBytes: stats.blocks * 512 };
}

function badBlob(digest: Digest, problem: string): XcacheError {
  return new XcacheError('XC_NOT_FOUND', `Blob ${digest} ${problem}; its unit is not stored.`);
}

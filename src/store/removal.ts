/**
 * Takes units out of the store, backwards: index batch, manifest files, then the blobs that nothing
 * references and nothing protects. A kill in between leaves files that nothing names; they are
 * collected later. Everything here runs inside the queue.
 */
import { unlink } from 'node:fs/promises';
import type { Digest } from './manifest.js';
import { quarantineManifest, retryAfterRebuild } from './rebuild.js';
import { quarantinePath } from './store-directory.js';
import type { StoreParts } from './store-parts.js';

/** What went. */
export interface RemovalResult {
  readonly units: readonly Digest[];
  readonly blobs: number;
  /** Allocated bytes of the removed files. */
  readonly freedBytes: number;
}

/** Removes units that are no longer wanted, except those that are protected at this moment. */
export async function removeUnits(
  parts: StoreParts,
  candidates: readonly Digest[],
): Promise<RemovalResult> {
  const digests = candidates.filter((digest) => !parts.protections.isProtected(digest));
  // Hidden in the same instant: whoever takes a lease from now on finds no unit to hold.
  parts.index.hide(digests);
  try {
    return await removeHidden(parts, digests);
  } finally {
    parts.index.show(digests);
  }
}

async function removeHidden(parts: StoreParts, digests: readonly Digest[]): Promise<RemovalResult> {
  const rows = new Map(digests.map((digest) => [digest, parts.index.unit(digest)]));
  const { removed, releasedBlobs } = await retryAfterRebuild(
    parts,
    async () => await parts.index.remove(digests),
  );
  parts.step('remove:unindexed');
  let freedBytes = 0;
  for (const digest of removed) {
    parts.deferred.forgetUse(digest);
    if (await parts.manifests.remove(digest)) freedBytes += rows.get(digest)?.allocatedBytes ?? 0;
  }
  parts.step('remove:manifests-gone');
  const gone = await removeFreeBlobs(parts, releasedBlobs);
  parts.step('remove:blobs-gone');
  return { units: removed, blobs: gone.blobs, freedBytes: freedBytes + gone.freedBytes };
}

/** Removes those of the blobs that no unit references and nobody holds. */
export async function removeFreeBlobs(
  parts: StoreParts,
  digests: Iterable<Digest>,
): Promise<{ readonly blobs: number; readonly freedBytes: number }> {
  let blobs = 0;
  let freedBytes = 0;
  for (const digest of digests) {
    // From the question to the removal nothing suspends: a lease can be taken at any time.
    if (parts.protections.isProtected(digest) || parts.index.blob(digest) !== undefined) continue;
    const stats = parts.blobs.lstatSync(digest);
    const detached = parts.blobs.detachSync(digest);
    if (detached === undefined || stats === undefined) continue;
    await unlink(detached);
    blobs += 1;
    freedBytes += stats.blocks * 512;
  }
  return { blobs, freedBytes };
}

/**
 * Takes units whose bytes are not right out of service, with everything else that uses the same bad
 * blobs. Protection does not help here: wrong bytes are worse than none. Manifests and bad blobs
 * go to quarantine; good blobs stay until they are collected. Returns the units that went.
 */
export async function rejectUnits(
  parts: StoreParts,
  digests: readonly Digest[],
  badBlobs: ReadonlySet<Digest>,
  reason: string,
): Promise<readonly Digest[]> {
  const all = new Set(digests);
  if (badBlobs.size > 0) {
    for await (const [digest, row] of parts.index.rows('unit')) {
      if (row.blobs.some((blob) => badBlobs.has(blob))) all.add(digest as Digest);
    }
  }
  const { removed } = await retryAfterRebuild(
    parts,
    async () => await parts.index.remove([...all]),
  );
  parts.step('reject:unindexed');
  const [manifests, blobs]: [Digest[], Digest[]] = [[], []];
  for (const digest of removed) {
    parts.deferred.forgetUse(digest);
    if (await quarantineManifest(parts, digest, reason)) manifests.push(digest);
  }
  for (const blob of badBlobs) {
    parts.log.warn({ blob, reason }, 'a blob is put into quarantine');
    const target = quarantinePath(parts.paths, `blob-${blob}`);
    if (await parts.blobs.moveAway(blob, target)) blobs.push(blob);
  }
  // A power cut must not bring them back: an index that is rebuilt knows nothing but the files.
  await Promise.all([parts.manifests.syncShards(manifests), parts.blobs.syncShards(blobs)]);
  return removed;
}

/** Those of the blobs whose bytes do not have their digest, or that are not there. */
export async function findBadBlobs(
  parts: StoreParts,
  digests: readonly Digest[],
): Promise<Set<Digest>> {
  const outcomes = await parts.hashing.tryHash(
    digests.map((digest) => ({ path: parts.blobs.pathOf(digest), sync: false })),
  );
  const bad = new Set<Digest>();
  outcomes.forEach((outcome, at) => {
    const digest = digests[at];
    if (digest === undefined) return;
    if ('error' in outcome ? outcome.code === 'ENOENT' : outcome.digest !== digest) bad.add(digest);
  });
  return bad;
}

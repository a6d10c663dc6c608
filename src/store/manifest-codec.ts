/**
 * The bytes of a manifest: JSON with a fixed order of keys, so that equal manifests have equal
 * digests. The same bytes stand in the manifest file and in the index.
 */
import * as v from 'valibot';
import { manifestBytesMax } from '../base/limits.js';
import { hashBytes } from './digest.js';
import type { Digest, Manifest, ManifestEntry } from './manifest.js';
import { manifestProblem } from './validate-manifest.js';

/** A manifest with its bytes and their digest. */
export interface EncodedManifest {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly manifest: Manifest;
}

const entrySchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('file'),
    path: v.string(),
    blob: v.string(),
    offset: v.number(),
    sizeBytes: v.number(),
    mode: v.number(),
    linkGroup: v.exactOptional(v.number()),
  }),
  v.strictObject({ kind: v.literal('directory'), path: v.string() }),
  v.strictObject({ kind: v.literal('symlink'), path: v.string(), target: v.string() }),
]);

const manifestSchema = v.strictObject({
  version: v.literal(1),
  lookupKey: v.string(),
  createdMs: v.number(),
  markers: v.exactOptional(v.array(v.string())),
  entries: v.array(entrySchema),
  facts: v.unknown(),
});

/** Encodes a manifest of our own. Throws where it breaks a rule: that is an error of the caller. */
export function encodeManifest(manifest: Manifest): EncodedManifest {
  const problem = manifestProblem(manifest);
  if (problem !== undefined) throw new Error(`the manifest cannot be stored: ${problem}`);
  const { version, lookupKey, createdMs, markers, facts } = manifest;
  const entries = manifest.entries.map(orderedEntry);
  const bytes = Buffer.from(
    JSON.stringify({
      version,
      lookupKey,
      createdMs,
      ...(markers !== undefined && { markers }),
      entries,
      facts,
    }),
  );
  if (bytes.length > manifestBytesMax) throw new Error('the manifest cannot be stored: too long');
  return { digest: hashBytes(bytes), bytes, manifest };
}

/** The manifest in `bytes`, checked anew; undefined where they hold none that this version knows. */
export function decodeManifest(bytes: Buffer): Manifest | undefined {
  if (bytes.length > manifestBytesMax) return undefined;
  const parsed = v.safeParse(manifestSchema, parseJson(bytes));
  if (!parsed.success) return undefined;
  // The schema proves the shape; that a blob is a digest is one of the rules checked next.
  const manifest = parsed.output as Manifest;
  return manifestProblem(manifest) === undefined ? manifest : undefined;
}

function orderedEntry(entry: ManifestEntry): ManifestEntry {
  switch (entry.kind) {
    case 'file': {
      const { kind, path, blob, offset, sizeBytes, mode, linkGroup } = entry;
      return {
        kind,
        path,
        blob,
        offset,
        sizeBytes,
        mode,
        ...(linkGroup !== undefined && { linkGroup }),
      };
    }
    case 'directory':
      return { kind: entry.kind, path: entry.path };
    case 'symlink':
      return { kind: entry.kind, path: entry.path, target: entry.target };
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    // Not JSON, so no manifest; the schema says so.
    return undefined;
  }
}

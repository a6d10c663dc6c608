/**
 * Brings the bytes of one unit into the store and writes its manifest, up to but not including the
 * commit: small files go into one pack, large ones become blobs of their own.
 */
import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { packedFileBytesMax } from '../base/limits.js';
import { byteStringToHostPath, type ByteString } from '../base/byte-string.js';
import type { AdoptedFile, AdoptionWitness, SnapshotEntry } from '../fs/view-control.js';
import type { Extent } from '../fs/lower.js';
import { neutralText } from '../cargo/path-mentions.js';
import { dependsOnCpu } from '../cargo/shareability.js';
import { hashBytes } from '../store/digest.js';
import { encodeManifest } from '../store/manifest-codec.js';
import type { Digest, Manifest, ManifestEntry, ManifestFile } from '../store/manifest.js';
import type { Lease } from '../store/protections.js';
import { manifestProblem } from '../store/validate-manifest.js';
import type { UnitDraft } from './draft-base.js';
import type { PromoterContext } from './promoter-context.js';
import { latin1 } from './own-places.js';
import { lookupKeyFor, packageMarker, parseUnitFacts, type UnitFacts } from './unit-facts.js';
import { readEntry } from './unit-files.js';
import { unitIdentity, type IdentityFacts } from './unit-identity.js';
import { isArtifact, unitPlaces } from './unit-paths.js';

/** A unit whose bytes are safe in the store or will be once its upper files are moved there. */
export interface StoredFiles {
  /** The manifest's digest. */
  readonly id: Digest;
  readonly manifest: Manifest;
  readonly facts: UnitFacts;
  readonly adopted: readonly AdoptedFile[];
  /** Copied, and left where they are. */
  readonly witnesses: readonly AdoptionWitness[];
  readonly blobs: readonly Digest[];
  /** Keeps clean-up away until the commit; the caller releases it. */
  readonly lease: Lease;
  /** An equal unit is stored already. */
  readonly isKnown: boolean;
}

/** Where the bytes of one entry are, or will be after the adoption. */
interface PlacedFile {
  readonly entry: SnapshotEntry;
  readonly blob: Digest;
  readonly offset: number;
  /** Digest of this file alone. */
  readonly content: Digest;
  readonly disposal: 'move' | 'drop' | 'stay';
}

/** The unit has something in it that the store does not hold; the message names the file. */
export class UnstorableUnit extends Error {
  override readonly name = 'UnstorableUnit';
}

/**
 * Brings the bytes of a unit into the store. Where an equal unit is stored already, that one is
 * taken. The caller commits the manifest and then releases the lease. Throws `UnstorableUnit`.
 */
export async function storeUnit(draft: UnitDraft, context: PromoterContext): Promise<StoredFiles> {
  const placed = await placeFiles(draft, context);
  const facts = factsOf(draft, await outputsDigest(draft, placed, context));
  const lookupKey = lookupKeyFor(draft.environment.namespace, facts);
  const blobs = [...new Set(placed.map(({ blob }) => blob))];
  // From the look to the lease nothing suspends, so clean-up finds the unit held or we find it gone.
  const known = findEqual(lookupKey, facts, context);
  const manifest = known?.manifest ?? manifestOf(draft, lookupKey, placed, facts);
  const id = known?.id ?? encodeManifest(manifest).digest;
  const lease = context.store.lease('promotion', [id, ...blobs]);
  try {
    const adopted = await adoptedFiles(placed, known?.manifest, context);
    const stored = { id, manifest, facts: known?.facts ?? facts, blobs, lease };
    return { ...stored, adopted, witnesses: witnessesOf(placed), isKnown: known !== undefined };
  } catch (error) {
    lease[Symbol.dispose]();
    throw error;
  }
}

function manifestOf(
  draft: UnitDraft,
  lookupKey: string,
  placed: readonly PlacedFile[],
  facts: UnitFacts,
): Manifest {
  const { namespace } = draft.environment;
  const manifest: Manifest = {
    version: 1,
    lookupKey,
    entries: manifestEntries(draft, placed),
    createdMs: Date.now(),
    facts,
    ...(facts.layout === 'per-unit' && {
      markers: [packageMarker(namespace, facts.profilePath, facts.package)],
    }),
  };
  const problem = manifestProblem(manifest);
  if (problem !== undefined) throw new UnstorableUnit(problem);
  return manifest;
}

async function placeFiles(
  draft: UnitDraft,
  context: PromoterContext,
): Promise<readonly PlacedFile[]> {
  const placed: PlacedFile[] = [];
  const packed: { entry: SnapshotEntry; bytes: Buffer }[] = [];
  const large: SnapshotEntry[] = [];
  for (const entry of draft.files.entries) {
    if (entry.kind === 'other') {
      throw new UnstorableUnit(`${entry.path} is neither a file, a directory nor a link`);
    }
    if (entry.kind !== 'file') continue;
    if (entry.extent !== undefined) placed.push(await placedAlready(entry, context));
    else if (entry.sizeBytes <= packedFileBytesMax) {
      packed.push({ entry, bytes: await readEntry(entry, context.blobPath) });
    } else large.push(entry);
  }
  placed.push(...(await packFiles(packed, context)), ...(await placeLarge(large, context)));
  return placed;
}

/** Stored by an earlier attempt that did not get as far as its manifest. */
async function placedAlready(entry: SnapshotEntry, context: PromoterContext): Promise<PlacedFile> {
  const extent = entry.extent;
  if (extent === undefined) throw new Error(`${entry.path} is not stored`);
  const content = hashBytes(await readEntry(entry, context.blobPath));
  return { entry, blob: extent.digest as Digest, offset: extent.offset, content, disposal: 'stay' };
}

async function packFiles(
  files: readonly { entry: SnapshotEntry; bytes: Buffer }[],
  context: PromoterContext,
): Promise<PlacedFile[]> {
  if (files.length === 0) return [];
  const entries = files.map(({ entry }) => entry);
  // Hard links are one file, which stands in the pack once.
  const offsets = new Map<number, number>();
  const parts: Buffer[] = [];
  let end = 0;
  for (const { entry, bytes } of files) {
    if (offsets.has(entry.ino)) continue;
    offsets.set(entry.ino, end);
    parts.push(bytes);
    end += bytes.length;
  }
  const blob = await context.store.putBytes(Buffer.concat(parts));
  return files.map(({ entry, bytes }) => ({
    entry,
    blob,
    offset: offsets.get(entry.ino) ?? 0,
    content: hashBytes(bytes),
    disposal: disposalOfCopied(entry, entries),
  }));
}

/**
 * Large files are hashed where they are and renamed into the store. A file with several names is
 * copied instead, because a blob must not be reachable through an upper directory, and so is every
 * file where the store lies on another disk.
 */
async function placeLarge(
  entries: readonly SnapshotEntry[],
  context: PromoterContext,
): Promise<PlacedFile[]> {
  const [first] = entries;
  if (first === undefined) return [];
  const disk = (await stat(hostPathOf(first))).dev;
  const canMove = disk === (await stat(context.store.parts.paths.blobs)).dev;
  const isMoved = ({ nlink }: SnapshotEntry): boolean => nlink === 1 && canMove;
  const single = entries.filter(isMoved);
  const hashed = await context.store.hashFiles(
    single.map((entry) => ({ path: hostPathOf(entry), sync: true })),
  );
  const placed: PlacedFile[] = single.map((entry, index) => {
    const blob = hashed[index]?.digest;
    if (blob === undefined) throw new Error(`${entry.path} could not be hashed`);
    return { entry, blob, offset: 0, content: blob, disposal: 'move' };
  });
  const copies = new Map<number, Digest>();
  for (const entry of entries.filter((each) => !isMoved(each))) {
    const blob =
      copies.get(entry.ino) ??
      (await context.store.putBytes(await readEntry(entry, context.blobPath)));
    copies.set(entry.ino, blob);
    const disposal = disposalOfCopied(entry, entries);
    placed.push({ entry, blob, offset: 0, content: blob, disposal });
  }
  return placed;
}

/** A file with a name outside of the unit (cargo links what it was asked for) stays where it is. */
function disposalOfCopied(
  { ino, nlink }: SnapshotEntry,
  entries: readonly SnapshotEntry[],
): PlacedFile['disposal'] {
  return entries.filter((entry) => entry.ino === ino).length === nlink ? 'drop' : 'stay';
}

function hostPathOf(entry: SnapshotEntry): string | Buffer {
  if (entry.hostPath === undefined) throw new Error(`${entry.path} is not an upper file`);
  return byteStringToHostPath(entry.hostPath as ByteString);
}

/**
 * Everything a dependent can see; a script's own OUT_DIR counts by its content, not by its path, and
 * texts that are written anew for each build-dir by what they say of any.
 */
async function outputsDigest(
  draft: UnitDraft,
  placed: readonly PlacedFile[],
  context: PromoterContext,
): Promise<string> {
  const { unit, name, entries } = draft.files;
  const places = unitPlaces(unit);
  const lines: string[] = [];
  const isRun = name.kind === 'run-build-script';
  const buildDir = latin1(draft.buildDir);
  const rewrites = new Set(draft.rewrites);
  for (const { entry, content } of placed) {
    if (isRun && (entry.path === places.output || rewrites.has(entry.path))) {
      const text = (await readEntry(entry, context.blobPath)).toString('latin1');
      // Cargo replaces mentions of OUT_DIR in `output` without looking where they end.
      const neutral =
        entry.path === places.output
          ? text.split(buildDir).join('<build-dir>')
          : neutralText(text, buildDir);
      const mode = entry.path === places.output ? [] : [entry.mode & 0o111];
      lines.push(JSON.stringify([entry.path, hashBytes(Buffer.from(neutral, 'latin1')), ...mode]));
    } else if (isRun ? entry.path.startsWith(`${places.outDir}/`) : isArtifact(entry.path)) {
      lines.push(JSON.stringify([entry.path, content, entry.mode & 0o111]));
    }
  }
  for (const entry of isRun ? entries : []) {
    if (entry.kind !== 'symlink') continue;
    const target = entry.target ?? '';
    const neutral = rewrites.has(entry.path) ? neutralText(target, buildDir) : target;
    lines.push(JSON.stringify([entry.path, neutral]));
  }
  return hashBytes(Buffer.from(lines.sort().join('\n')));
}

function factsOf(draft: UnitDraft, outputs: string): UnitFacts {
  const { files, environment, startedNs, finishedNs } = draft;
  const { unit, name, fingerprint } = files;
  const isRun = name.kind === 'run-build-script';
  const isNative =
    dependsOnCpu(fingerprint.rustflags) ||
    (isRun && Object.values(environment.steering).some((value) => /=native\b/.test(value)));
  const made: IdentityFacts = {
    package: unit.packageName,
    packageVersion: packageVersionOf(draft.packageRoot, unit.packageName),
    kind: name.kind,
    target: name.target,
    layout: unit.layout,
    profilePath: unit.profilePath,
    unitHash: unit.unitHash,
    fingerprint: files.fingerprintHash,
    namespace: environment.namespace,
    origin: draft.origin,
    packageRoot: draft.packageRoot,
    dependencies: [...draft.dependencies],
    inputs: [...draft.inputs],
    variables: draft.variables,
    steering: draft.steering,
    tools: draft.tools,
    settings: draft.settings,
    cpu: isNative ? environment.cpu : null,
    buildDir: draft.buildDir,
    boundBecause: draft.boundBecause,
    rewrites: [...draft.rewrites],
  };
  return {
    version: 2,
    identity: unitIdentity(made),
    ...made,
    outputs,
    built: {
      startedNs: String(startedNs),
      finishedNs: String(finishedNs),
      durationMs: Math.max(0, Number((finishedNs - startedNs) / 1_000_000n)),
      workingDirectory: environment.workingDirectory,
    },
  };
}

/** Registry packages lie in `<package>-<version>`. */
function packageVersionOf(packageRoot: string, packageName: string): string | null {
  const directory = packageRoot.slice(packageRoot.lastIndexOf('/') + 1);
  if (!directory.startsWith(`${packageName}-`)) return null;
  const version = directory.slice(packageName.length + 1);
  return /^[0-9]+\.[0-9]+\.[0-9]+/.test(version) ? version : null;
}

function manifestEntries(draft: UnitDraft, placed: readonly PlacedFile[]): ManifestEntry[] {
  const byPath = new Map(placed.map((file) => [file.entry.path as string, file]));
  return draft.files.entries.map((entry): ManifestEntry => {
    if (entry.kind === 'directory') return { kind: 'directory', path: entry.path };
    if (entry.kind === 'symlink') {
      return { kind: 'symlink', path: entry.path, target: storedTarget(entry, draft) };
    }
    const file = byPath.get(entry.path);
    if (file === undefined) throw new Error(`${entry.path} was not stored`);
    return {
      kind: 'file',
      path: entry.path,
      blob: file.blob,
      offset: file.offset,
      sizeBytes: entry.sizeBytes,
      mode: (entry.mode & 0o100) === 0 ? 0o644 : 0o755,
      ...(entry.nlink > 1 && { linkGroup: entry.ino }),
    };
  });
}

/** Links that name the build-dir lead into their own unit; the path in `rewrites` tells of them. */
function storedTarget({ path, target = '' }: SnapshotEntry, draft: UnitDraft): string {
  if (!draft.rewrites.includes(path)) return target;
  return posix.relative(`${latin1(draft.buildDir)}/${posix.dirname(path)}`, target);
}

/**
 * A stored unit that was made in the same way and is the same for whoever uses it. One that has lost
 * bytes is none, and leaves the store.
 */
function findEqual(
  lookupKey: string,
  facts: UnitFacts,
  { store, damaged }: PromoterContext,
): { id: Digest; manifest: Manifest; facts: UnitFacts } | undefined {
  for (const id of store.candidates(lookupKey)) {
    const manifest = store.manifest(id);
    const other = manifest && parseUnitFacts(manifest);
    if (manifest === undefined || other?.identity !== facts.identity) continue;
    if (other.outputs !== facts.outputs) continue;
    if (store.hasBlobsSync(manifest)) return { id, manifest, facts: other };
    damaged(id);
  }
  return undefined;
}

/**
 * With an equal unit in the store, only files that are the same byte for byte are exchanged. Those
 * are at least its fingerprint's, so that the view has an attachment which dependents can require.
 */
async function adoptedFiles(
  placed: readonly PlacedFile[],
  equal: Manifest | undefined,
  context: PromoterContext,
): Promise<readonly AdoptedFile[]> {
  const stored = new Map(
    equal?.entries.flatMap((entry): [string, ManifestFile][] =>
      entry.kind === 'file' ? [[entry.path, entry]] : [],
    ),
  );
  const adopted: AdoptedFile[] = [];
  for (const file of placed) {
    const { entry, blob, offset, disposal } = file;
    if (disposal === 'stay') continue;
    const extent =
      equal === undefined
        ? { digest: blob, offset, sizeBytes: entry.sizeBytes }
        : await equalExtent(file, stored.get(entry.path), context);
    if (extent === undefined) continue;
    const { path, ino, generation } = entry;
    adopted.push({ path, ino, generation, extent, disposal });
  }
  return adopted;
}

/** Those that are read from the upper layer and not exchanged. */
function witnessesOf(placed: readonly PlacedFile[]): readonly AdoptionWitness[] {
  return placed
    .filter(({ entry, disposal }) => disposal === 'stay' && entry.extent === undefined)
    .map(({ entry: { path, ino, generation } }) => ({ path, ino, generation }));
}

/** Where the equal unit has the same bytes: small ones lie in a pack of its own. */
async function equalExtent(
  { entry, blob, offset, content }: PlacedFile,
  stored: ManifestFile | undefined,
  context: PromoterContext,
): Promise<Extent | undefined> {
  if (stored?.sizeBytes !== entry.sizeBytes) return undefined;
  const extent = { digest: stored.blob, offset: stored.offset, sizeBytes: stored.sizeBytes };
  if (stored.blob === blob && stored.offset === offset) return extent;
  if (entry.sizeBytes > packedFileBytesMax) return undefined;
  const bytes = await readEntry({ ...entry, hostPath: undefined, extent }, context.blobPath);
  return hashBytes(bytes) === content ? extent : undefined;
}

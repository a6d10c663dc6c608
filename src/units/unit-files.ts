/**
 * Gathers the files of one unit from a view and reads the ones that say what it is. Nothing is
 * judged here but completeness (cargo-rules §7, rule 2): the fingerprint JSON must hash to the
 * content of the hash file beside it, which cargo writes after everything else.
 */
import { readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { byteStringToHostPath, type ByteString, type VirtualPath } from '../base/byte-string.js';
import { cargoFileBytesMax } from '../base/limits.js';
import {
  fingerprintHash,
  formatFingerprintHash,
  parseFingerprintJson,
  type Fingerprint,
} from '../cargo/fingerprint.js';
import { parseFingerprintName, type FingerprintName } from '../cargo/fingerprint-name.js';
import { isFingerprintJson, parseUnitPath, unitLocations, type UnitPath } from '../cargo/layout.js';
import type { SnapshotEntry, ViewControl } from '../fs/view-control.js';

/** A unit whose package is known, as any path into its fingerprint directory tells. */
export type NamedUnit = UnitPath & { readonly packageName: string };

export interface UnitFiles {
  readonly unit: NamedUnit;
  readonly name: FingerprintName;
  readonly fingerprint: Fingerprint;
  /** 16 hex digits, as in the hash file. */
  readonly fingerprintHash: string;
  /** Every file, directory and symlink of the unit. */
  readonly entries: readonly SnapshotEntry[];
  /** The fingerprint JSON itself: cargo's last write. */
  readonly json: SnapshotEntry;
}

/** All entries of a unit; runs in the thread that serves the view. */
export function snapshotUnit(control: ViewControl, unit: NamedUnit): readonly SnapshotEntry[] {
  const { directories, shared } = unitLocations(unit);
  const entries = directories.flatMap((directory) => control.snapshot(directory));
  for (const { directory, belongs } of shared) {
    for (const name of control.names(directory)) {
      if (belongs(name)) entries.push(...control.snapshot(`${directory}/${name}` as VirtualPath));
    }
  }
  return entries.filter((entry) => !isTemporary(entry.path));
}

/** The fingerprint JSON files of all units in a view, in both layouts, with and without a triple. */
export function listFingerprints(control: ViewControl): readonly VirtualPath[] {
  const found: VirtualPath[] = [];
  const below = (directory: string): readonly string[] => control.names(directory as VirtualPath);
  const collect = (directory: string): void => {
    for (const name of below(directory)) {
      const path = `${directory}/${name}` as VirtualPath;
      if (isFingerprintJson(path) !== undefined) found.push(path);
    }
  };
  const visitProfile = (profile: string): void => {
    for (const unit of below(`${profile}/.fingerprint`)) collect(`${profile}/.fingerprint/${unit}`);
    for (const unit of below(`${profile}/build`)) {
      for (const hash of below(`${profile}/build/${unit}`)) {
        if (/^[0-9a-f]{16}$/.test(hash)) collect(`${profile}/build/${unit}/${hash}/fingerprint`);
      }
    }
  };
  for (const first of below('')) {
    visitProfile(first);
    if (below(`${first}/.fingerprint`).length > 0 || below(`${first}/build`).length > 0) continue;
    for (const second of below(first)) visitProfile(`${first}/${second}`);
  }
  return found;
}

/** Undefined while the unit is not complete, or where it is nothing we know. */
export async function readUnitFiles(
  unit: NamedUnit,
  entries: readonly SnapshotEntry[],
  blobPath: (digest: string) => string,
): Promise<UnitFiles | undefined> {
  const found = findFingerprint(entries);
  if (found === undefined) return undefined;
  const text = (await readEntry(found.json, blobPath)).toString('utf8');
  const fingerprint = parseFingerprintJson(text);
  if (fingerprint === undefined) return undefined;
  const expected = formatFingerprintHash(fingerprintHash(fingerprint));
  const actual = (await readEntry(found.hash, blobPath)).toString('latin1');
  if (actual !== expected) return undefined;
  return {
    unit,
    name: found.name,
    fingerprint,
    fingerprintHash: expected,
    entries,
    json: found.json,
  };
}

/**
 * Files up to this size are read by the thread that asks for them: a unit has a dozen of a few
 * hundred bytes, written a moment ago, and each step of an asynchronous read wakes two threads.
 */
const readAtOnceBytesMax = 1 << 17;

/** Reads a whole entry, from the upper file or from the stored bytes behind it. */
export async function readEntry(
  entry: SnapshotEntry,
  blobPath: (digest: string) => string,
): Promise<Buffer> {
  if (entry.sizeBytes > cargoFileBytesMax) throw new Error(`${entry.path} is too large to read`);
  if (entry.hostPath !== undefined) {
    const path = byteStringToHostPath(entry.hostPath as ByteString);
    return entry.sizeBytes <= readAtOnceBytesMax ? readFileSync(path) : await readFile(path);
  }
  if (entry.extent === undefined) throw new Error(`${entry.path} has no bytes`);
  const handle = await open(blobPath(entry.extent.digest), 'r');
  try {
    const bytes = Buffer.alloc(entry.extent.sizeBytes);
    await handle.read(bytes, 0, bytes.length, entry.extent.offset);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** The unit whose fingerprint JSON stands at `path`. */
export function namedUnit(path: VirtualPath): NamedUnit | undefined {
  const unit = parseUnitPath(path);
  return unit?.packageName === undefined ? undefined : { ...unit, packageName: unit.packageName };
}

/** Exactly one fingerprint belongs to a unit; more than one means a layout that we do not know. */
function findFingerprint(
  entries: readonly SnapshotEntry[],
): { name: FingerprintName; json: SnapshotEntry; hash: SnapshotEntry } | undefined {
  const files = new Map(entries.map((entry) => [entry.path as string, entry]));
  const found = [];
  for (const json of entries) {
    if (json.kind !== 'file' || !json.path.endsWith('.json')) continue;
    const stem = json.path.slice(0, -'.json'.length);
    const hash = files.get(stem);
    const name = parseFingerprintName(stem.slice(stem.lastIndexOf('/') + 1));
    if (hash?.kind === 'file' && name && isFingerprintPlace(stem)) found.push({ name, json, hash });
  }
  return found.length === 1 ? found[0] : undefined;
}

function isFingerprintPlace(path: string): boolean {
  return path.includes('/.fingerprint/') || /\/[0-9a-f]{16}\/fingerprint\/[^/]+$/.test(path);
}

/** Object files that rustc removes at the end of a compilation. */
function isTemporary(path: string): boolean {
  return path.includes('.rcgu.') && !path.endsWith('.dwo');
}

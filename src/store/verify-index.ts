/**
 * Compares the index with the manifest files, and its rows with each other. Reads only; runs inside
 * the queue, so that nothing changes meanwhile.
 */
import type { Digest } from './manifest.js';
import { decodeRow, countersKey, rowPrefix, totalsKey } from './rows.js';
import type { RowKind, UnitRow } from './rows.js';
import type { StoreParts } from './store-parts.js';
import type { StoreProblem } from './store-problem.js';
import { noTotals, requiredBlobs, toggleSetHash, unitSizeBytes } from './unit-rows.js';
import { loadStoredUnit } from './unit-sums.js';

/** What is wrong, sorted by what helps. */
export interface IndexFindings {
  readonly problems: StoreProblem[];
  checkedManifests: number;
  /** Units without usable bytes: they must go. */
  readonly lost: Digest[];
  /** Units whose manifest file is gone or damaged while the index has its bytes. */
  readonly restorable: Digest[];
  /** Manifest files that are not indexed and not usable. */
  readonly orphanManifests: Digest[];
  /** Damaged rows that hold no unit and can simply go. */
  readonly dispensableKeys: string[];
  needsRebuild: boolean;
}

/** Sums over the rows of units. */
interface Counted {
  readonly references: Map<string, number>;
  readonly markers: Map<string, number>;
  readonly lookups: Map<string, Set<Digest>>;
  units: number;
  setHash: string;
  logicalBytes: number;
  manifestBytes: number;
}

/** Looks at every manifest file and every row. */
export async function examineIndex(
  parts: StoreParts,
  onManifest: (done: number) => void,
): Promise<IndexFindings> {
  const findings: IndexFindings = {
    problems: [],
    checkedManifests: 0,
    lost: [],
    restorable: [],
    orphanManifests: [],
    dispensableKeys: [],
    needsRebuild: false,
  };
  const files = new Set<Digest>();
  for await (const { digest } of parts.manifests.files()) {
    if (digest === undefined) continue;
    files.add(digest);
    findings.checkedManifests += 1;
    onManifest(findings.checkedManifests);
    await examineManifestFile(parts, digest, findings);
  }
  const counted = await countUnits(parts, files, findings);
  await examineManifestRows(parts, findings);
  const blobBytes = await examineCounts(parts, counted, findings);
  examineTotals(parts, counted, blobBytes, findings);
  for (const kind of ['lastUse', 'view', 'input'] as const) {
    await examineDispensable(parts, kind, rowPrefix[kind], findings);
  }
  await examineDispensable(parts, 'counters', countersKey, findings);
  return findings;
}

async function examineManifestFile(
  parts: StoreParts,
  digest: Digest,
  findings: IndexFindings,
): Promise<void> {
  const row = parts.index.unit(digest);
  const unit = await loadStoredUnit(parts, digest, new Map());
  if ('problem' in unit) {
    if (row === undefined) {
      findings.orphanManifests.push(digest);
      report(findings, 'manifest-orphan', digest, `no unit, and unusable: ${unit.problem}`);
      return;
    }
    report(findings, unit.kind, digest, unit.problem);
    const hasBytes = parts.index.manifestBytes(digest) !== undefined;
    const isRestorable = unit.kind === 'manifest-damaged' && hasBytes;
    (isRestorable ? findings.restorable : findings.lost).push(digest);
    return;
  }
  if (row === undefined) {
    wrong(findings, 'manifest-not-indexed', digest, 'the unit is whole but not in the index');
    return;
  }
  if (!describes(row, unit.encoded.manifest)) {
    wrong(findings, 'index-row-wrong', rowPrefix.unit + digest, 'differs from the manifest');
  }
}

function describes(row: UnitRow, manifest: Parameters<typeof unitSizeBytes>[0]): boolean {
  const sameList = (one: readonly string[], other: Iterable<string>): boolean =>
    JSON.stringify([...one].sort()) === JSON.stringify([...other].sort());
  return (
    row.lookupKey === manifest.lookupKey &&
    row.createdMs === manifest.createdMs &&
    row.sizeBytes === unitSizeBytes(manifest) &&
    sameList(row.blobs, requiredBlobs(manifest).keys()) &&
    sameList(row.markers, manifest.markers ?? [])
  );
}

/** Counts what the rows of units name, and misses the files that are not there. */
async function countUnits(
  parts: StoreParts,
  files: ReadonlySet<Digest>,
  findings: IndexFindings,
): Promise<Counted> {
  const counted: Counted = {
    references: new Map(),
    markers: new Map(),
    lookups: new Map(),
    units: 0,
    setHash: noTotals.setHash,
    logicalBytes: 0,
    manifestBytes: 0,
  };
  for await (const [key, framed] of parts.index.db.rows(rowPrefix.unit)) {
    const digest = key.slice(rowPrefix.unit.length) as Digest;
    const row = decodeRow('unit', key, framed);
    if (row === undefined) {
      wrong(findings, 'index-row-damaged', key, 'the row is not understood');
      continue;
    }
    if (!files.has(digest)) {
      report(findings, 'manifest-file-missing', digest, 'the index names it, its file is gone');
      const hasBytes = parts.index.manifestBytes(digest) !== undefined;
      (hasBytes ? findings.restorable : findings.lost).push(digest);
    }
    counted.units += 1;
    counted.setHash = toggleSetHash(counted.setHash, digest);
    counted.logicalBytes += row.sizeBytes;
    counted.manifestBytes += row.allocatedBytes;
    for (const blob of row.blobs) increment(counted.references, blob);
    for (const marker of row.markers) increment(counted.markers, marker);
    const units = counted.lookups.get(row.lookupKey) ?? new Set();
    counted.lookups.set(row.lookupKey, units.add(digest));
  }
  return counted;
}

/** Every unit needs the bytes of its manifest in the index, and there are no others. */
async function examineManifestRows(parts: StoreParts, findings: IndexFindings): Promise<void> {
  const { db } = parts.index;
  for await (const key of db.keys(rowPrefix.manifest)) {
    const digest = key.slice(rowPrefix.manifest.length) as Digest;
    if (parts.index.manifestBytes(digest) === undefined) {
      wrong(findings, 'index-row-damaged', key, 'the manifest does not have its digest');
    }
    if (parts.index.unit(digest) === undefined) {
      wrong(findings, 'index-row-wrong', key, 'belongs to no unit');
    }
  }
  for await (const unitKey of db.keys(rowPrefix.unit)) {
    const key = rowPrefix.manifest + unitKey.slice(rowPrefix.unit.length);
    if (db.getSync(key) !== undefined) continue;
    wrong(findings, 'index-row-missing', key, 'the manifest is missing');
  }
}

/** Compares counts and lists; returns what the blobs take according to their rows. */
async function examineCounts(
  parts: StoreParts,
  counted: Counted,
  findings: IndexFindings,
): Promise<number> {
  let blobBytes = 0;
  const references = new Map(counted.references);
  for await (const [key, framed] of parts.index.db.rows(rowPrefix.blob)) {
    const row = decodeRow('blob', key, framed);
    blobBytes += row?.allocatedBytes ?? 0;
    compare(findings, references, rowPrefix.blob, key, row?.references);
  }
  missing(findings, references, rowPrefix.blob);
  const markers = new Map(counted.markers);
  for await (const [key, framed] of parts.index.db.rows(rowPrefix.marker)) {
    compare(findings, markers, rowPrefix.marker, key, decodeRow('marker', key, framed)?.references);
  }
  missing(findings, markers, rowPrefix.marker);
  const lookups = new Map<string, string>();
  for (const [key, units] of counted.lookups) lookups.set(key, [...units].sort().join());
  for await (const [key, framed] of parts.index.db.rows(rowPrefix.lookup)) {
    const units = decodeRow('lookup', key, framed)?.manifests;
    compare(findings, lookups, rowPrefix.lookup, key, units && [...units].sort().join());
  }
  missing(findings, lookups, rowPrefix.lookup);
  return blobBytes;
}

function examineTotals(
  parts: StoreParts,
  counted: Counted,
  blobBytes: number,
  findings: IndexFindings,
): void {
  const expected = {
    units: counted.units,
    setHash: counted.setHash,
    blobs: counted.references.size,
    physicalBytes: counted.manifestBytes + blobBytes,
    logicalBytes: counted.logicalBytes,
  };
  const stored = parts.index.row('totals', totalsKey) ?? noTotals;
  for (const name of Object.keys(expected) as (keyof typeof expected)[]) {
    if (stored[name] === expected[name]) continue;
    const message = `${name} is ${stored[name]} and should be ${expected[name]}`;
    wrong(findings, 'index-row-wrong', totalsKey, message);
  }
}

async function examineDispensable(
  parts: StoreParts,
  kind: RowKind,
  prefix: string,
  findings: IndexFindings,
): Promise<void> {
  for await (const [key, framed] of parts.index.db.rows(prefix)) {
    if (decodeRow(kind, key, framed) !== undefined) continue;
    report(findings, 'index-row-damaged', key, 'the row is not understood');
    findings.dispensableKeys.push(key);
  }
}

/** Compares one row with what was counted, and strikes it off there. */
function compare<T>(
  findings: IndexFindings,
  expected: Map<string, T>,
  prefix: string,
  key: string,
  found: T | undefined,
): void {
  const name = key.slice(prefix.length);
  const should = expected.get(name);
  expected.delete(name);
  if (found === undefined) {
    wrong(findings, 'index-row-damaged', key, 'the row is not understood');
  } else if (found !== should) {
    wrong(
      findings,
      'index-row-wrong',
      key,
      `says ${found as string}, units say ${should as string}`,
    );
  }
}

function missing(
  findings: IndexFindings,
  left: ReadonlyMap<string, unknown>,
  prefix: string,
): void {
  for (const name of left.keys()) {
    wrong(findings, 'index-row-missing', prefix + name, 'the row is missing');
  }
}

function report(
  findings: IndexFindings,
  kind: StoreProblem['kind'],
  subject: string,
  message: string,
): void {
  findings.problems.push({ kind, subject, message });
}

/** Reports what a rebuild puts right. */
function wrong(
  findings: IndexFindings,
  kind: StoreProblem['kind'],
  subject: string,
  message: string,
): void {
  report(findings, kind, subject, message);
  findings.needsRebuild = true;
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

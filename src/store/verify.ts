/**
 * Checks the whole store: every blob against its digest, every manifest, every row of the index,
 * and looks for what does not belong there. Builds may go on meanwhile.
 */
import { chmod, lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../base/errors.js';
import type { DigestDirectory } from './digest-directory.js';
import { yieldToEventLoop } from './pacer.js';
import type { OnProgress } from './gc.js';
import type { Digest } from './manifest.js';
import { filterOrphanBlobs, groupsOf, isLeftover } from './orphans.js';
import { rebuildIndex } from './rebuild.js';
import { rejectUnits, removeFreeBlobs } from './removal.js';
import { quarantinePath } from './store-directory.js';
import { IndexDamagedError } from './index-db.js';
import type { StoreParts } from './store-parts.js';
import type { StoreProblem } from './store-problem.js';
import type { Store } from './store.js';
import { examineIndex } from './verify-index.js';
import type { IndexFindings } from './verify-index.js';

export interface VerifyOptions {
  /** Put right what can be, drop the units that cannot. */
  readonly repair: boolean;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface VerifyOutcome {
  readonly checkedBlobs: number;
  readonly checkedManifests: number;
  readonly problems: readonly StoreProblem[];
  /** How many of the problems are gone. */
  readonly repaired: number;
}

/** Problems that only their cause can end: another name of the file, a view that must let go. */
const lasting: ReadonlySet<StoreProblem['kind']> = new Set([
  'blob-second-name',
  'view-blob-missing',
]);

/** What a verification has found so far. */
interface Course {
  readonly store: Store;
  readonly parts: StoreParts;
  readonly options: VerifyOptions;
  readonly problems: StoreProblem[];
}

/**
 * Verifies the store. Without `repair` nothing on disk changes; units that use a damaged blob are
 * a miss from then on in any case.
 */
export async function verifyStore(store: Store, options: VerifyOptions): Promise<VerifyOutcome> {
  const course: Course = { store, parts: store.parts, options, problems: [] };
  if (!(await isIndexReadable(course))) {
    // Nothing can be compared with it; bytes of units are looked at by the next verification.
    return { checkedBlobs: 0, checkedManifests: 0, problems: course.problems, repaired: 0 };
  }
  const { checkedBlobs, bad } = await examineBlobs(course);
  await withdrawBadBlobs(course, bad);
  const checkedManifests = await course.parts.queue.run(async () => await verifyIndex(course));
  await examineViews(course);
  await examineOrphans(course);
  await examineForeignFiles(course);
  await examineStaging(course);
  const { problems } = course;
  const repaired = options.repair ? problems.filter(({ kind }) => !lasting.has(kind)).length : 0;
  return { checkedBlobs, checkedManifests, problems, repaired };
}

/** Also after a repair: then it is a new one. */
async function isIndexReadable(course: Course): Promise<boolean> {
  const { parts, options } = course;
  try {
    await parts.index.db.readAll();
    return true;
  } catch (error) {
    if (!(error instanceof IndexDamagedError)) throw error;
    report(course, 'index-row-damaged', 'index', 'parts of the index cannot be read');
    if (!options.repair) return false;
    await parts.queue.run(async () => await rebuildIndex(parts, 'verify cannot read it'));
    return true;
  }
}

async function examineBlobs(
  course: Course,
): Promise<{ readonly checkedBlobs: number; readonly bad: Set<Digest> }> {
  const { parts, options } = course;
  const bad = new Set<Digest>();
  let checkedBlobs = 0;
  for await (const group of groupsOf(parts.blobs)) {
    options.signal?.throwIfAborted();
    const outcomes = await parts.hashing.tryHash(
      group.map((digest) => ({ path: parts.blobs.pathOf(digest), sync: false })),
    );
    for (const [at, digest] of group.entries()) {
      const outcome = outcomes[at];
      // Removed while the scan went on.
      if (outcome === undefined || ('code' in outcome && outcome.code === 'ENOENT')) continue;
      checkedBlobs += 1;
      if ('error' in outcome) {
        bad.add(digest);
        report(course, 'blob-unreadable', digest, outcome.error);
      } else if (outcome.digest !== digest) {
        bad.add(digest);
        report(course, 'blob-damaged', digest, `its bytes have the digest ${outcome.digest}`);
      }
      await examineBlobFile(course, digest);
    }
    const total = Math.max(checkedBlobs, parts.index.totals.blobs);
    options.onProgress?.({ phase: 'blobs', done: checkedBlobs, total });
    await yieldToEventLoop();
  }
  return { checkedBlobs, bad };
}

/** Only blobs of units: others may just be on their way into the store. */
async function examineBlobFile(course: Course, digest: Digest): Promise<void> {
  const { parts, options } = course;
  const stats = await parts.blobs.lstat(digest);
  if (stats === undefined || parts.index.blob(digest) === undefined) return;
  if (stats.nlink !== 1) {
    report(course, 'blob-second-name', digest, `${stats.nlink} names lead to this file`);
  }
  if ((stats.mode & 0o222) === 0) return;
  report(course, 'blob-writable', digest, 'its mode allows writing');
  if (options.repair) await chmod(parts.blobs.pathOf(digest), 0o444);
}

async function withdrawBadBlobs(course: Course, bad: ReadonlySet<Digest>): Promise<void> {
  const { parts, options } = course;
  if (bad.size === 0) return;
  if (options.repair) {
    await parts.queue.run(async () => await rejectUnits(parts, [], bad, 'verify'));
    return;
  }
  for await (const [name, row] of parts.index.rows('unit')) {
    if (row.blobs.some((blob) => bad.has(blob))) parts.index.hide([name as Digest]);
  }
}

async function verifyIndex(course: Course): Promise<number> {
  const { parts, options } = course;
  const findings = await examineIndex(parts, (done) => {
    const total = Math.max(done, parts.index.totals.units);
    options.onProgress?.({ phase: 'manifests', done, total });
  });
  course.problems.push(...findings.problems);
  if (options.repair) await repairIndex(parts, findings);
  else parts.index.hide(findings.lost);
  return findings.checkedManifests;
}

async function repairIndex(parts: StoreParts, findings: IndexFindings): Promise<void> {
  const { manifests, index } = parts;
  const restored: Digest[] = [];
  for (const digest of findings.restorable) {
    const bytes = index.manifestBytes(digest);
    if (bytes === undefined) continue;
    await manifests.publish(digest, bytes);
    restored.push(digest);
  }
  await manifests.syncShards(restored);
  await index.db.write(
    findings.dispensableKeys.map((key) => ({ type: 'del', key })),
    true,
  );
  for (const digest of findings.orphanManifests) await manifests.remove(digest);
  // A rebuild leaves out what is lost; where none is needed, the units are taken out one by one.
  if (findings.needsRebuild) await rebuildIndex(parts, 'verify found it wrong');
  else if (findings.lost.length > 0) {
    await rejectUnits(parts, findings.lost, new Set(), 'verify');
  }
}

async function examineViews(course: Course): Promise<void> {
  const { parts } = course;
  for await (const [view, row] of parts.index.rows('view')) {
    const needed = new Set(row.blobs);
    for (const unit of row.manifests) {
      for (const blob of parts.index.unit(unit)?.blobs ?? []) needed.add(blob);
    }
    for (const blob of needed) {
      if ((await parts.blobs.lstat(blob)) !== undefined) continue;
      report(course, 'view-blob-missing', blob, `view ${view} serves it and it is not there`);
    }
  }
}

async function examineOrphans(course: Course): Promise<void> {
  const { parts, options } = course;
  const referenced = new Map<Digest, number>();
  for await (const [digest, row] of parts.index.rows('blob')) {
    referenced.set(digest as Digest, row.allocatedBytes);
  }
  for await (const group of groupsOf(parts.blobs)) {
    const free = await filterOrphanBlobs(parts, { blobBytes: referenced }, group);
    for (const digest of free) report(course, 'blob-orphan', digest, 'no unit references it');
    // Without a repaired index a reference may just not be seen.
    if (options.repair && free.length > 0) {
      await parts.queue.run(async () => await removeFreeBlobs(parts, free));
    }
  }
}

async function examineForeignFiles(course: Course): Promise<void> {
  const { parts, options } = course;
  for (const directory of [parts.blobs, parts.manifests]) {
    for (const path of await foreignFiles(directory)) {
      report(course, 'foreign-file', path, 'it does not belong into the store');
      if (!options.repair) continue;
      await rename(path, quarantinePath(parts.paths, 'foreign'));
    }
  }
}

async function foreignFiles(directory: DigestDirectory): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path, digest } of directory.files()) {
    if (digest === undefined || !(await isFileOrGone(path))) paths.push(path);
  }
  return paths;
}

async function isFileOrGone(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    throw error;
  }
}

async function examineStaging(course: Course): Promise<void> {
  const { parts, options } = course;
  for (const name of await readdir(parts.paths.staging)) {
    const path = join(parts.paths.staging, name);
    try {
      if (!isLeftover(parts, await lstat(path))) continue;
    } catch (error) {
      // A running write has renamed it into place.
      if (isErrno(error, 'ENOENT')) continue;
      throw error;
    }
    report(course, 'staging-leftover', path, 'no write is using it');
    if (options.repair) await rm(path, { recursive: true, force: true });
  }
}

function report(
  course: Course,
  kind: StoreProblem['kind'],
  subject: string,
  message: string,
): void {
  course.problems.push({ kind, subject, message });
}

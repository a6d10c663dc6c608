/**
 * Decides which stored units may appear in a view: all-or-nothing, closure included, once per cargo
 * session and unit (cargo-rules rules 3, 6 to 12). Synchronous, because the kernel waits; pure
 * look-ups in the index and stat calls on the inputs, no mount of ours is touched.
 */
import type { Digest, Manifest, ManifestEntry } from '../store/manifest.js';
import type { VirtualPath } from '../base/byte-string.js';
import type { InputComparison } from './input-verifier.js';
import { environmentMisfit } from './environment-fit.js';
import { hasFixedInputs, inputMisfit } from './input-fit.js';
import type { Miss } from './miss.js';
import { placeMisfit, rewriteFiles, type RewrittenFiles } from './rewritten-files.js';
import { nearness, sourceMisfit } from './source-fit.js';
import { UnitPlan, type PlannedUnit } from './unit-plan.js';
import type { SessionEnvironment } from '../host/session-environment.js';
import { SessionInputs } from './session-inputs.js';
import {
  lookupKeyFor,
  parseUnitFacts,
  unitKeyOf,
  type UnitDependency,
  type UnitFacts,
} from './unit-facts.js';
import { describeForeignPart } from './unit-paths.js';
import type { UnitTable } from './unit-record.js';
import type { UnstampedEntry } from './offered-unit.js';

/** What the resolver needs of the store. */
export interface ResolverStore {
  candidates(lookupKey: string): readonly Digest[];
  manifest(digest: Digest): Manifest | undefined;
  hasBlobsSync(manifest: Manifest): boolean;
  isRejected(facts: UnitFacts): boolean;
  /** The unit has lost bytes: nobody shall find it again. */
  damaged(id: Digest): void;
  readBlobSync(digest: Digest, offset: number, sizeBytes: number): Buffer;
  putBytesSync(bytes: Uint8Array): Digest;
}

/** The view a unit is wanted for. */
export interface ResolveTarget {
  /** The mount point: what cargo calls its build-dir. */
  readonly buildDir: string;
  readonly units: UnitTable;
  /** Build-dirs whose units this view already uses; their other units fit best. */
  readonly preferredBuildDirs: ReadonlyMap<string, number>;
}

export interface WantedUnit {
  readonly layout: UnitFacts['layout'];
  readonly profilePath: string;
  readonly unitHash: string;
}

/** One cargo session's view of the store: what was verified once is not verified again. */
export class SessionResolver {
  readonly #store: ResolverStore;
  readonly #inputs: SessionInputs;
  readonly #environment: SessionEnvironment;
  /**
   * By manifest: why it does not fit this session, or undefined where it does. What fits is asked
   * again where cargo would see later changes of its inputs: the unit shows the time of the question
   * that it answers, and nothing may have changed between the look and that time (rule 17).
   */
  readonly #fits = new Map<Digest, Miss | undefined>();

  constructor(store: ResolverStore, inputs: InputComparison, environment: SessionEnvironment) {
    this.#store = store;
    this.#inputs = new SessionInputs(inputs);
    this.#environment = environment;
  }

  /** The unit and what it needs beyond what is present, dependencies first. */
  resolve(wanted: WantedUnit, target: ResolveTarget): readonly PlannedUnit[] | Miss {
    const question = { target, plan: new UnitPlan(), failed: new Map<Digest, Miss>() };
    let miss: Miss = { reason: 'unknown-unit', detail: 'this user has not built it yet' };
    for (const candidate of this.#candidates(wanted, target)) {
      const problem = this.#plan(candidate, question);
      if (problem === undefined) return question.plan.units();
      miss = problem;
    }
    return miss;
  }

  /** Those that may be offered, the best first. */
  #candidates(wanted: WantedUnit, target: ResolveTarget): Candidate[] {
    const key = lookupKeyFor(this.#environment.namespace, wanted);
    const found = this.#store
      .candidates(key)
      .flatMap((id) => this.#load(id) ?? [])
      .filter(({ facts }) => !this.#store.isRejected(facts));
    const candidates = found.length > 1 ? withoutSuperseded(found) : found;
    const rank = ({ facts }: Candidate): number =>
      facts.buildDir === target.buildDir
        ? Number.MAX_SAFE_INTEGER
        : (target.preferredBuildDirs.get(facts.buildDir) ?? 0);
    const near = ({ facts }: Candidate): number => nearness(facts, this.#environment);
    // A stable sort: equal ranks stay newest first.
    return candidates.sort((a, b) => near(b) - near(a) || rank(b) - rank(a));
  }

  #load(id: Digest): Candidate | undefined {
    const manifest = this.#store.manifest(id);
    const facts = manifest && parseUnitFacts(manifest);
    return manifest && facts && { id, manifest, facts };
  }

  /** Adds the candidate and its closure to the plan, or leaves the plan as it was. */
  #plan(candidate: Candidate, question: Question): Miss | undefined {
    const { id, facts } = candidate;
    const { plan, failed, target } = question;
    const unitKey = unitKeyOf(facts);
    const planned = plan.get(unitKey);
    if (planned) {
      return planned.offer.id === id
        ? undefined
        : differs(facts.package, 'two variants are needed');
    }
    const known = failed.get(id);
    if (known !== undefined) return known;
    if (!plan.mayStep()) return { reason: 'too-many-variants', detail: facts.package };
    const misfit = this.#misfit(candidate, target);
    if (misfit) {
      failed.set(id, misfit);
      return misfit;
    }
    const mark = plan.mark();
    const requires: string[] = [];
    for (const dependency of facts.dependencies) {
      const problem = this.#planDependency(dependency, question);
      if (problem) {
        plan.undo(mark);
        // With nothing planned before it, no other choice could have helped.
        if (mark === 0) failed.set(id, problem);
        return problem;
      }
      requires.push(this.#idOf(dependency, target, plan));
    }
    plan.add(unitKey, this.#offer(candidate, unitKey, requires, target));
    return undefined;
  }

  #planDependency(dependency: UnitDependency, question: Question): Miss | undefined {
    const { target, plan } = question;
    const { unitKey } = dependency;
    const present = target.units.get(unitKey);
    if (present?.state === 'private') {
      return { reason: 'dependency-private', detail: `${unitKey}: ${present.reason}` };
    }
    const known = present?.facts ?? plan.get(unitKey)?.facts;
    if (known) return isSame(known, dependency) ? undefined : differs(known.package, unitKey);
    const [profilePath = '', layout = '', unitHash = ''] = unitKey.split('#');
    const wanted = { profilePath, layout: layout as UnitFacts['layout'], unitHash };
    let miss: Miss = { reason: 'dependency-unavailable', detail: unitKey };
    for (const candidate of this.#candidates(wanted, target)) {
      if (!isSame(candidate.facts, dependency)) continue;
      const problem = this.#plan(candidate, question);
      if (problem === undefined) return undefined;
      miss = problem;
    }
    return miss;
  }

  #idOf(dependency: UnitDependency, target: ResolveTarget, plan: UnitPlan): string {
    const present = target.units.get(dependency.unitKey);
    if (present?.state === 'stored') return present.id;
    return plan.get(dependency.unitKey)?.offer.id ?? '';
  }

  #offer(
    { id, manifest, facts }: Candidate,
    unitKey: string,
    requires: readonly string[],
    target: ResolveTarget,
  ): PlannedUnit {
    const rewritten = rewriteFiles(manifest, facts, target.buildDir, this.#store);
    const entries = manifest.entries.map((entry) => this.#lowerEntry(entry, facts, rewritten));
    const blobs = entries.flatMap((entry) =>
      entry.kind === 'file' ? [entry.extent.digest as Digest] : [],
    );
    return { offer: { id, unitKey, requires, entries }, facts, blobs: [...new Set(blobs)] };
  }

  #lowerEntry(entry: ManifestEntry, facts: UnitFacts, rewritten: RewrittenFiles): UnstampedEntry {
    const path = entry.path as VirtualPath;
    if (entry.kind === 'directory') return { kind: 'directory', path, mode: 0o755 };
    if (entry.kind === 'symlink') {
      return { kind: 'symlink', path, target: rewritten.targets.get(path) ?? entry.target };
    }
    const extent = rewritten.extents.get(path) ?? {
      digest: entry.blob,
      offset: entry.offset,
      sizeBytes: entry.sizeBytes,
    };
    return {
      kind: 'file',
      path,
      extent,
      mode: entry.mode,
      isTransient: isInOutDir(entry.path, facts),
      ...(entry.linkGroup !== undefined && { linkGroup: entry.linkGroup }),
    };
  }

  #misfit(candidate: Candidate, target: ResolveTarget): Miss | undefined {
    const { id, facts, manifest } = candidate;
    const misplaced = placeMisfit(facts, target.buildDir);
    if (misplaced !== undefined) return misplaced;
    const known = this.#fits.get(id);
    if (known !== undefined || (this.#fits.has(id) && hasFixedInputs(facts))) return known;
    const foreign = describeForeignPart(manifest, facts);
    const misfit =
      foreign === undefined
        ? this.#sessionMisfit(candidate)
        : ({ reason: 'foreign-files', detail: foreign } as const);
    this.#fits.set(id, misfit);
    return misfit;
  }

  /** What does not depend on the view. */
  #sessionMisfit({ id, facts, manifest }: Candidate): Miss | undefined {
    const misfit =
      sourceMisfit(facts, this.#environment) ??
      environmentMisfit(facts, this.#environment) ??
      inputMisfit(facts, this.#inputs);
    if (misfit !== undefined || this.#store.hasBlobsSync(manifest)) return misfit;
    this.#store.damaged(id);
    return { reason: 'bytes-missing', detail: 'it is taken out of the store' };
  }
}

/** What one question works with. */
interface Question {
  readonly target: ResolveTarget;
  readonly plan: UnitPlan;
  /** Candidates that do not fit, whatever else is planned. */
  readonly failed: Map<Digest, Miss>;
}

interface Candidate {
  readonly id: Digest;
  readonly manifest: Manifest;
  readonly facts: UnitFacts;
}

/**
 * Without those that were made again in the same way: what was built last is what everybody gets,
 * so that building a package anew gets rid of a unit that is wrong for a reason nobody knows. Newest
 * first, as given.
 */
function withoutSuperseded(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>();
  return candidates.filter(({ facts }) => {
    const key = [facts.identity, ...facts.dependencies.map(({ outputs }) => outputs)].join();
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function differs(packageName: string, detail: string): Miss {
  return { reason: 'dependency-differs', detail: `${packageName}: ${detail}` };
}

function isSame(facts: UnitFacts, dependency: UnitDependency): boolean {
  return facts.identity === dependency.identity && facts.outputs === dependency.outputs;
}

function isInOutDir(path: string, facts: UnitFacts): boolean {
  return facts.kind === 'run-build-script' && path.includes('/out/');
}

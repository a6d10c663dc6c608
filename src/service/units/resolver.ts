/**
 * Decides which stored units may appear in a view: all-or-nothing, closure included, once per cargo
 * session and unit (cargo-rules rules 3, 6 to 12). Synchronous, because the kernel waits; pure
 * look-ups in the index and stat calls on the inputs, no mount of ours is touched.
 */
import type { Digest, Manifest, ManifestEntry } from '../../store/manifest.js';
import type { VirtualPath } from '../../base/byte-string.js';
import type { InputVerifier } from './input-verifier.js';
import { rewriteForeignPaths } from './output-rewriting.js';
import type { SessionEnvironment } from '../host/session-environment.js';
import { steeringOf, toolsOf } from './target-settings.js';
import {
  lookupKeyFor,
  parseUnitFacts,
  unitKeyOf,
  type UnitDependency,
  type UnitFacts,
} from './unit-facts.js';
import { describeForeignPart } from './unit-paths.js';
import type { UnitTable } from './unit-record.js';
import type { OfferedUnit, UnstampedEntry } from './offered-unit.js';

/** Why a unit is not served; each word has its sentence in `describeMiss`. */
export type MissReason =
  | 'unknown-unit'
  | 'unreadable-manifest'
  | 'foreign-files'
  | 'bytes-missing'
  | 'bound-to-path'
  | 'variable-differs'
  | 'environment-differs'
  | 'tool-differs'
  | 'processor-differs'
  | 'input-changed'
  | 'dependency-differs'
  | 'dependency-private'
  | 'dependency-unavailable';

export interface Miss {
  readonly reason: MissReason;
  readonly detail: string;
}

/** What the resolver needs of the store. */
export interface ResolverStore {
  candidates(lookupKey: string): readonly Digest[];
  manifest(digest: Digest): Manifest | undefined;
  hasBlobsSync(manifest: Manifest): boolean;
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

/** A unit that will be served, with what it is known by. */
export interface PlannedUnit {
  readonly offer: OfferedUnit;
  readonly facts: UnitFacts;
  readonly blobs: readonly Digest[];
}

/** One cargo session's view of the store: what was verified once is not verified again. */
export class SessionResolver {
  readonly #store: ResolverStore;
  readonly #inputs: InputVerifier;
  readonly #environment: SessionEnvironment;
  /**
   * By manifest: why it does not fit this session, or undefined where it does. What fits is asked
   * again where cargo would see later changes of its inputs: the unit shows the time of the question
   * that it answers, and nothing may have changed between the look and that time (rule 17).
   */
  readonly #fits = new Map<Digest, Miss | undefined>();

  constructor(store: ResolverStore, inputs: InputVerifier, environment: SessionEnvironment) {
    this.#store = store;
    this.#inputs = inputs;
    this.#environment = environment;
  }

  /** The unit and what it needs beyond what is present, dependencies first. */
  resolve(wanted: WantedUnit, target: ResolveTarget): readonly PlannedUnit[] | Miss {
    const candidates = this.#candidates(wanted, target);
    let miss: Miss = { reason: 'unknown-unit', detail: 'this user has not built it yet' };
    for (const candidate of candidates) {
      const plan = new Map<string, PlannedUnit>();
      const problem = this.#plan(candidate, target, plan);
      if (problem === undefined) return [...plan.values()];
      miss = problem;
    }
    return miss;
  }

  #candidates(wanted: WantedUnit, target: ResolveTarget): Candidate[] {
    const key = lookupKeyFor(this.#environment.namespace, wanted);
    const candidates = this.#store.candidates(key).flatMap((id) => this.#load(id) ?? []);
    const rank = ({ facts }: Candidate): number =>
      facts.buildDir === target.buildDir
        ? Number.MAX_SAFE_INTEGER
        : (target.preferredBuildDirs.get(facts.buildDir) ?? 0);
    // A stable sort: equal ranks stay newest first.
    return candidates.sort((a, b) => rank(b) - rank(a));
  }

  #load(id: Digest): Candidate | undefined {
    const manifest = this.#store.manifest(id);
    const facts = manifest && parseUnitFacts(manifest);
    return manifest && facts && { id, manifest, facts };
  }

  /** Adds the candidate and its closure to the plan; on a problem the plan is worthless. */
  #plan(
    candidate: Candidate,
    target: ResolveTarget,
    plan: Map<string, PlannedUnit>,
  ): Miss | undefined {
    const { id, facts } = candidate;
    const unitKey = unitKeyOf(facts);
    const planned = plan.get(unitKey);
    if (planned) {
      return planned.offer.id === id
        ? undefined
        : differs(facts.package, 'two variants are needed');
    }
    const misfit = this.#misfit(candidate, target);
    if (misfit) return misfit;
    const requires: string[] = [];
    for (const dependency of facts.dependencies) {
      const problem = this.#planDependency(dependency, target, plan);
      if (problem) return problem;
      requires.push(this.#idOf(dependency, target, plan));
    }
    plan.set(unitKey, this.#offer(candidate, unitKey, requires, target));
    return undefined;
  }

  #planDependency(
    dependency: UnitDependency,
    target: ResolveTarget,
    plan: Map<string, PlannedUnit>,
  ): Miss | undefined {
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
      const attempt = new Map(plan);
      const problem = this.#plan(candidate, target, attempt);
      if (problem === undefined) {
        for (const [key, unit] of attempt) plan.set(key, unit);
        return undefined;
      }
      miss = problem;
    }
    return miss;
  }

  #idOf(
    dependency: UnitDependency,
    target: ResolveTarget,
    plan: ReadonlyMap<string, PlannedUnit>,
  ): string {
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
    const entries = manifest.entries.map((entry) => this.#lowerEntry(entry, facts, target));
    const blobs = entries.flatMap((entry) =>
      entry.kind === 'file' ? [entry.extent.digest as Digest] : [],
    );
    return { offer: { id, unitKey, requires, entries }, facts, blobs: [...new Set(blobs)] };
  }

  #lowerEntry(entry: ManifestEntry, facts: UnitFacts, target: ResolveTarget): UnstampedEntry {
    const path = entry.path as VirtualPath;
    if (entry.kind === 'directory') return { kind: 'directory', path, mode: 0o755 };
    if (entry.kind === 'symlink') return { kind: 'symlink', path, target: entry.target };
    const isRewritten = entry.path === facts.rewriteOutput && facts.buildDir !== target.buildDir;
    const extent = isRewritten
      ? this.#rewrite(entry, facts, target)
      : { digest: entry.blob, offset: entry.offset, sizeBytes: entry.sizeBytes };
    return {
      kind: 'file',
      path,
      extent,
      mode: entry.mode,
      isTransient: isInOutDir(entry.path, facts),
      ...(entry.linkGroup !== undefined && { linkGroup: entry.linkGroup }),
    };
  }

  /** A build script's output that names directories of other units names this view's from now on. */
  #rewrite(
    entry: Extract<ManifestEntry, { kind: 'file' }>,
    facts: UnitFacts,
    target: ResolveTarget,
  ): { digest: string; offset: number; sizeBytes: number } {
    const bytes = this.#store.readBlobSync(entry.blob, entry.offset, entry.sizeBytes);
    const rewritten = rewriteForeignPaths(bytes, facts, target.buildDir);
    const digest = this.#store.putBytesSync(rewritten);
    return { digest, offset: 0, sizeBytes: rewritten.length };
  }

  #misfit(candidate: Candidate, target: ResolveTarget): Miss | undefined {
    const { id, facts, manifest } = candidate;
    if (facts.boundBecause !== null && facts.buildDir !== target.buildDir) {
      return { reason: 'bound-to-path', detail: `${facts.boundBecause}; ${facts.buildDir}` };
    }
    const known = this.#fits.get(id);
    if (known !== undefined || (this.#fits.has(id) && hasFixedInputs(facts))) return known;
    const foreign = describeForeignPart(manifest, facts);
    const misfit =
      foreign === undefined
        ? this.#sessionMisfit(facts, manifest)
        : ({ reason: 'foreign-files', detail: foreign } as const);
    this.#fits.set(id, misfit);
    return misfit;
  }

  /** What does not depend on the view. */
  #sessionMisfit(facts: UnitFacts, manifest: Manifest): Miss | undefined {
    return (
      this.#environmentMisfit(facts) ??
      this.#inputMisfit(facts) ??
      (this.#store.hasBlobsSync(manifest)
        ? undefined
        : { reason: 'bytes-missing', detail: 'the store has lost bytes of it: run xcache verify' })
    );
  }

  #environmentMisfit(facts: UnitFacts): Miss | undefined {
    const environment = this.#environment;
    for (const [name, value] of facts.variables) {
      if ((environment.variables[name] ?? null) !== value) {
        return { reason: 'variable-differs', detail: name };
      }
    }
    const steering =
      facts.steering && firstDifference(facts.steering, steeringOf(environment, facts));
    if (steering) return { reason: 'environment-differs', detail: steering };
    const tool = facts.tools && firstDifference(facts.tools, toolsOf(environment, facts));
    if (tool) return { reason: 'tool-differs', detail: tool };
    if (facts.cpu !== null && facts.cpu !== environment.cpu) {
      return { reason: 'processor-differs', detail: facts.cpu };
    }
    return undefined;
  }

  #inputMisfit(facts: UnitFacts): Miss | undefined {
    const isFixed = hasFixedInputs(facts);
    const changed = facts.inputs.find((set) => !this.#inputs.holds(set, isFixed));
    return changed && { reason: 'input-changed', detail: changed.root };
  }
}

interface Candidate {
  readonly id: Digest;
  readonly manifest: Manifest;
  readonly facts: UnitFacts;
}

/** A sentence for `xcache explain`. */
export function describeMiss(miss: Miss): string {
  return `${missSentences[miss.reason]} (${miss.detail})`;
}

const missSentences: Readonly<Record<MissReason, string>> = {
  'unknown-unit': 'no equal unit is in the store',
  'unreadable-manifest': 'the stored unit was written by another version of xcache',
  'foreign-files': 'the stored unit holds what is not its own',
  'bytes-missing': 'the stored unit is damaged',
  'bound-to-path': 'the stored unit holds the path of the build-dir it was built in',
  'variable-differs': 'a variable that the unit depends on has another value',
  'environment-differs': 'a variable that steers native builds has another value',
  'tool-differs': 'a tool that the unit was built with is another one now',
  'processor-differs': 'the unit was built for the processor of another machine',
  'input-changed': 'a source or declared input has other bytes now',
  'dependency-differs': 'a dependency is present here with other bytes',
  'dependency-private': 'a dependency was built here and is not shared',
  'dependency-unavailable': 'a dependency is not in the store with the bytes it was built against',
};

/** Only files of packages that cargo takes for unchangeable, whose times it never looks at. */
function hasFixedInputs(facts: UnitFacts): boolean {
  return (
    facts.origin !== 'directory' &&
    facts.inputs.every(({ paths }) => paths.every((path) => !path.startsWith('/')))
  );
}

function differs(packageName: string, detail: string): Miss {
  return { reason: 'dependency-differs', detail: `${packageName}: ${detail}` };
}

function isSame(facts: UnitFacts, dependency: UnitDependency): boolean {
  return facts.fingerprint === dependency.fingerprint && facts.outputs === dependency.outputs;
}

/** The first key that is missing on one side or has another value. */
function firstDifference(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): string | undefined {
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (a[name] !== b[name]) return name;
  }
  return undefined;
}

function isInOutDir(path: string, facts: UnitFacts): boolean {
  return facts.kind === 'run-build-script' && path.includes('/out/');
}

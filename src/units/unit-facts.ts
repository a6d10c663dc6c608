/**
 * What a manifest says about a cargo unit beside its files: how it was built, against which bytes,
 * from which inputs and in which environment. The resolver serves a unit only where all of that
 * holds again; the promoter writes it down.
 */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { Layout } from '../cargo/layout.js';
import type { Manifest } from '../store/manifest.js';

/** A unit that another one was built against. */
export interface UnitDependency {
  /** Place of the dependency in the build-dir. */
  readonly unitKey: string;
  /** 16 hex digits, as in its hash file. */
  readonly fingerprint: string;
  /** `identity` of the very unit that was linked or read: how it was made. */
  readonly identity: string;
  /** `outputs` of that unit: what it is. Two builds of one identity may differ in their bytes. */
  readonly outputs: string;
}

const inputKinds = [
  'files',
  'tree',
  'presence',
  'content',
  'directories',
  'library',
  'pkg-config',
] as const;

export type InputKind = (typeof inputKinds)[number];

/** Files outside of the build-dir that the unit was made from. */
export interface InputSet {
  /**
   * `files`: exactly these, directories with all that is in them. `tree`: the package at the root.
   * `presence`: whether the root is a directory, a file or missing. `content`: the bytes of a file, or
   * of all files in a directory, as far as it is of a usual size. `directories`:
   * names and times of the root and of the directories below it. `library`: what the linker finds under the
   * name `root` (`z`, `static=foo`) in the directories `paths` (`search=…`, `default=…`).
   * `pkg-config`: the `.pc` files in the directories `paths`.
   */
  readonly kind: InputKind;
  readonly root: string;
  /** Of `files`: relative to the root, or absolute if outside of it. Empty for most other kinds. */
  readonly paths: readonly string[];
  readonly digest: string;
}

export interface UnitFacts {
  readonly version: 2;
  /** How the unit was made: see `unit-identity.ts`. 64 hex digits. */
  readonly identity: string;
  readonly package: string;
  /** As in the package's manifest; null if the place of its sources does not say. */
  readonly packageVersion: string | null;
  /** As in the fingerprint's file name: lib, build-script, run-build-script. */
  readonly kind: string;
  readonly target: string;
  readonly layout: Layout;
  readonly profilePath: string;
  readonly unitHash: string;
  readonly fingerprint: string;
  readonly namespace: string;
  readonly origin: 'registry' | 'git' | 'directory';
  readonly packageRoot: string;
  readonly dependencies: readonly UnitDependency[];
  /** Digest over everything that a dependent can see of this unit. */
  readonly outputs: string;
  readonly inputs: readonly InputSet[];
  /** Variables whose values are part of the unit, null for "not set". */
  readonly variables: readonly (readonly [name: string, value: string | null])[];
  /** Steering variables that were set: of build-script runs that they can reach, and of linked units. */
  readonly steering: Readonly<Record<string, string>> | null;
  /** Of build-script runs and linked units: tool name → identity, null for "not there". */
  readonly tools: Readonly<Record<string, string | null>> | null;
  /** What cargo set from its configuration: `RUSTC_LINKER` and the like, null for "not set". */
  readonly settings: Readonly<Record<string, string | null>>;
  /** Of units built with `target-cpu=native`. */
  readonly cpu: string | null;
  /** The build-dir as cargo saw it when the unit was built. */
  readonly buildDir: string;
  /** Why the unit serves only under the very same build-dir, null where it serves anywhere. */
  readonly boundBecause: string | null;
  /**
   * Text files that name the build-dir they were made in, and are written anew for another one:
   * paths below the build-dir, sorted. `outputs` has them with a neutral name in its place.
   */
  readonly rewrites: readonly string[];
  readonly built: {
    /** Nanoseconds since the epoch: `invoked.timestamp` and the fingerprint JSON. */
    readonly startedNs: string;
    readonly finishedNs: string;
    readonly durationMs: number;
    /** Cargo's working directory, where known. */
    readonly workingDirectory: string | null;
  };
}

/** Part of every key: units of an older version are never found, and age out of the store. */
const factsVersion = 2;

const strings = v.record(v.string(), v.string());
const nullableStrings = v.record(v.string(), v.nullable(v.string()));

const factsSchema: v.GenericSchema<UnitFacts> = v.strictObject({
  version: v.literal(2),
  identity: v.string(),
  package: v.string(),
  packageVersion: v.nullable(v.string()),
  kind: v.string(),
  target: v.string(),
  layout: v.picklist(['classic', 'per-unit']),
  profilePath: v.string(),
  unitHash: v.string(),
  fingerprint: v.string(),
  namespace: v.string(),
  origin: v.picklist(['registry', 'git', 'directory']),
  packageRoot: v.string(),
  dependencies: v.array(
    v.strictObject({
      unitKey: v.string(),
      fingerprint: v.string(),
      identity: v.string(),
      outputs: v.string(),
    }),
  ),
  outputs: v.string(),
  inputs: v.array(
    v.strictObject({
      kind: v.picklist(inputKinds),
      root: v.string(),
      paths: v.array(v.string()),
      digest: v.string(),
    }),
  ),
  variables: v.array(v.tuple([v.string(), v.nullable(v.string())])),
  steering: v.nullable(strings),
  tools: v.nullable(nullableStrings),
  settings: nullableStrings,
  cpu: v.nullable(v.string()),
  buildDir: v.string(),
  boundBecause: v.nullable(v.string()),
  rewrites: v.array(v.string()),
  built: v.strictObject({
    startedNs: v.string(),
    finishedNs: v.string(),
    durationMs: v.number(),
    workingDirectory: v.nullable(v.string()),
  }),
});

/** Facts that were looked through, by their manifest: a session asks for those of one unit often. */
const checkedFacts = new WeakMap<Manifest, UnitFacts>();

/** Undefined where another program or version wrote them: such a unit is a miss. */
export function parseUnitFacts(manifest: Manifest): UnitFacts | undefined {
  const checked = checkedFacts.get(manifest);
  if (checked !== undefined) return checked;
  const { facts } = manifest;
  if (!v.is(factsSchema, facts)) return undefined;
  checkedFacts.set(manifest, facts);
  return facts;
}

/** The place of a unit in a build-dir, as `UnitPath.unitKey` has it. */
export function unitKeyOf(unit: Pick<UnitFacts, 'layout' | 'profilePath' | 'unitHash'>): string {
  return `${unit.profilePath}#${unit.layout}#${unit.unitHash}`;
}

/** Under which the candidates for a unit are found. */
export function lookupKeyFor(
  namespace: string,
  unit: { readonly layout: Layout; readonly profilePath: string; readonly unitHash: string },
): string {
  const text = JSON.stringify([
    factsVersion,
    namespace,
    unit.layout,
    unit.profilePath,
    unit.unitHash,
  ]);
  return createHash('sha256').update(text).digest('hex');
}

/** The store's marker for "some unit of this package exists" in the per-unit layout. */
export function packageMarker(namespace: string, profilePath: string, packageName: string): string {
  const text = JSON.stringify([factsVersion, namespace, profilePath, packageName]);
  return createHash('sha256').update(text).digest('hex');
}

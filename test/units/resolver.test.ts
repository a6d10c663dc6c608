import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HostFiles } from '../../src/host/host-files.js';
import { ToolIdentities } from '../../src/host/tools.js';
import { InputVerifier } from '../../src/units/input-verifier.js';
import { describeMiss, type Miss } from '../../src/units/miss.js';
import { SessionResolver, type ResolverStore } from '../../src/units/resolver.js';
import type { SessionEnvironment } from '../../src/host/session-environment.js';
import { lookupKeyFor, unitKeyOf, type UnitFacts } from '../../src/units/unit-facts.js';
import { UnitTable } from '../../src/units/unit-record.js';
import type { Digest, Manifest, ManifestEntry } from '../../src/store/manifest.js';
import { createTempDirectory } from '../support/tmp.js';

const id = 'a'.repeat(64) as Digest;
const wanted = { layout: 'classic', profilePath: 'debug', unitHash: '0123456789abcdef' } as const;

const environment: SessionEnvironment = {
  kind: 'known',
  namespace: 'namespace',
  rustcField: 1n,
  cargoHome: '/cargo',
  workingDirectory: '/workspace',
  workspaceRoot: '/workspace',
  commits: undefined,
  variables: {},
  steering: {},
  tools: new ToolIdentities({
    variables: {},
    workingDirectory: '/',
    files: new HostFiles(() => []),
  }),
  hostLinkers: ['cc'],
  wrapper: '',
  linkerOf: () => undefined,
  linkerIdentity: () => undefined,
  linkerVariables: () => [],
  cpu: 'this processor',
  jobs: '2',
  processors: 2,
  verify: false,
};

const facts: UnitFacts = {
  ...wanted,
  version: 2,
  identity: 'identity',
  package: 'demo',
  packageVersion: '1.0.0',
  kind: 'lib',
  target: 'demo',
  fingerprint: '0'.repeat(16),
  namespace: environment.namespace,
  origin: 'registry',
  packageRoot: '/cargo/registry/src/index/demo-1.0.0',
  dependencies: [],
  outputs: 'outputs',
  inputs: [],
  variables: [],
  steering: null,
  tools: null,
  settings: {},
  cpu: null,
  buildDir: '/origin/target',
  boundBecause: null,
  rewrites: [],
  built: { startedNs: '1', finishedNs: '2', durationMs: 1, workingDirectory: null },
};

const ownFile = `debug/deps/libdemo-${wanted.unitHash}.rlib`;

/** A store that holds one unit, whatever it says, under the key of the wanted one. */
function storeOf(unit: UnitFacts, paths: readonly string[]): ResolverStore {
  const lookupKey = lookupKeyFor(environment.namespace, wanted);
  const entries = paths.map((path): ManifestEntry => ({
    kind: 'file',
    path,
    blob: id,
    offset: 0,
    sizeBytes: 0,
    mode: 0o644,
  }));
  const manifest: Manifest = { version: 1, lookupKey, entries, createdMs: 1, facts: unit };
  return {
    candidates: (key) => (key === lookupKey ? [id] : []),
    manifest: () => manifest,
    hasBlobsSync: () => true,
    isRejected: () => false,
    damaged: () => undefined,
    readBlobSync: () => Buffer.alloc(0),
    putBytesSync: () => id,
  };
}

/** Units under the keys of their own places, the latest first; `0…`, `1…` are their manifests. */
function resolveFrom(units: readonly UnitFacts[], present = new UnitTable()): string {
  const manifests = units.map((unit): Manifest => {
    const lookupKey = lookupKeyFor(environment.namespace, unit);
    return { version: 1, lookupKey, entries: [], createdMs: 1, facts: unit };
  });
  const idAt = (index: number): Digest => String(index).repeat(64) as Digest;
  const store: ResolverStore = {
    ...storeOf(facts, []),
    candidates: (key) =>
      manifests.flatMap(({ lookupKey }, index) => (lookupKey === key ? [idAt(index)] : [])),
    manifest: (digest) => manifests[Number(digest[0])],
  };
  const resolver = new SessionResolver(store, createInputs(), environment);
  const target = { buildDir: '/here/target', units: present, preferredBuildDirs: new Map() };
  const answer = resolver.resolve(wanted, target);
  return 'reason' in answer ? answer.reason : answer.map(({ offer }) => offer.id[0]).join();
}

function createResolver(
  unit: UnitFacts,
  inputs = createInputs(),
  paths: readonly string[] = [ownFile],
): () => string {
  const resolver = new SessionResolver(storeOf(unit, paths), inputs, environment);
  const units = new UnitTable();
  const target = { buildDir: '/here/target', units, preferredBuildDirs: new Map() };
  return () => {
    const answer = resolver.resolve(wanted, target);
    return 'reason' in answer ? answer.reason : answer.map(({ offer }) => offer.id).join();
  };
}

function createInputs(): InputVerifier {
  const memory = { inputRow: () => undefined, putInputRows: () => undefined };
  return new InputVerifier(new HostFiles(() => []), memory);
}

describe('the resolver', () => {
  test('rule 9: a unit for the processor of another machine is not served', () => {
    expect(createResolver(facts)()).toBe(id);
    expect(createResolver({ ...facts, cpu: 'this processor' })()).toBe(id);
    expect(createResolver({ ...facts, cpu: 'another' })()).toBe('processor-differs');
  });

  test('rule 17: an input that changes between two questions of one session counts', async () => {
    await using directory = await createTempDirectory();
    const path = join(directory.path, 'input.txt');
    writeFileSync(path, 'one');
    const inputs = createInputs();
    const set = { kind: 'files', root: directory.path, paths: ['input.txt'] } as const;
    const recorded = inputs.record(set, 1n << 62n);
    if (recorded.kind === 'unrecorded') throw new Error(recorded.why);
    const ask = createResolver({ ...facts, origin: 'directory', inputs: [recorded] }, inputs);
    expect(ask()).toBe(id);
    writeFileSync(path, 'two');
    expect(ask()).toBe('input-changed');
  });

  test.each([
    'debug/deps/libother-fedcba9876543210.rlib',
    `release/deps/libdemo-${wanted.unitHash}.rlib`,
    `debug/build/other-${wanted.unitHash}/output`,
    `debug/build/demo/${wanted.unitHash}/out/file`,
    'debug/demo',
    '.rustc_info.json',
    'debug/deps',
  ])('a unit is not served whose manifest names %s as its own', (path) => {
    expect(createResolver(facts, createInputs(), [ownFile, path])()).toBe('foreign-files');
  });

  test.each([
    { unitHash: 'fedcba9876543210' },
    { layout: 'per-unit' },
    { profilePath: 'release' },
    { namespace: 'another' },
  ] as const)('a unit is not served that stands under the key of another one: %o', (change) => {
    expect(createResolver({ ...facts, ...change })()).toBe('foreign-files');
  });

  test.each([{ identity: 'other' }, { outputs: 'other' }])(
    'rule 6: a unit is not served with a dependency of which that differs: %o',
    (change) => {
      const base = { ...facts, package: 'base', unitHash: 'fedcba9876543210' };
      const { fingerprint, identity, outputs } = base;
      const unitKey = unitKeyOf(base);
      const user = { ...facts, dependencies: [{ unitKey, fingerprint, identity, outputs }] };
      const other = { ...base, ...change };
      expect(resolveFrom([user, base])).toBe('1,0');
      expect(resolveFrom([user, other])).toBe('dependency-unavailable');
      const present = new UnitTable();
      present.set({ state: 'stored', unitKey, id: 'present', facts: other, sinceNs: 1n });
      expect(resolveFrom([user, base], present)).toBe('dependency-differs');
    },
  );

  test('a unit that was made again in the same way is the latest, also where another was made', () => {
    const own = { ...facts, buildDir: '/here/target', outputs: 'own' };
    expect(resolveFrom([facts, { ...own, identity: 'other' }])).toBe('1');
    expect(resolveFrom([facts, own])).toBe('0');
  });

  test.each([
    ['variable-differs', { variables: [['WORD', 'one']] }],
    ['environment-differs', { steering: { CPATH: '/one' } }],
    ['environment-differs', { settings: { RUSTC_LINKER: '/one' } }],
    ['tool-differs', { tools: { 'no-such-tool': '/one:1' } }],
  ] as const)('a unit is not served where that is not so, %s: %o', (reason, change) => {
    expect(resolveFrom([{ ...facts, ...change }])).toBe(reason);
  });

  test('a unit that was rejected is not served', () => {
    const store = { ...storeOf(facts, [ownFile]), isRejected: () => true };
    const resolver = new SessionResolver(store, createInputs(), environment);
    const target = { buildDir: '/here', units: new UnitTable(), preferredBuildDirs: new Map() };
    expect(resolver.resolve(wanted, target)).toMatchObject({ reason: 'unknown-unit' });
  });

  test('says which file of a unit is not its own', () => {
    const store = storeOf(facts, [ownFile, 'debug/demo']);
    const resolver = new SessionResolver(store, createInputs(), environment);
    const target = { buildDir: '/here', units: new UnitTable(), preferredBuildDirs: new Map() };
    expect(describeMiss(resolver.resolve(wanted, target) as Miss)).toBe(
      'the stored unit holds what is not its own (debug/demo)',
    );
  });
});

/** A store of several units under the keys of their places, newest first. */
function storeWith(
  units: readonly { readonly id: string; readonly facts: UnitFacts }[],
  rejected: readonly string[] = [],
): ResolverStore & { readonly looks: () => number } {
  const byId = new Map(units.map((unit) => [unit.id, unit]));
  let looks = 0;
  return {
    candidates: (key) =>
      units
        .filter((unit) => lookupKeyFor('namespace', unit.facts) === key)
        .map((unit) => unit.id as Digest),
    manifest: (digest) => {
      looks += 1;
      const unit = byId.get(digest);
      if (unit === undefined) return undefined;
      const lookupKey = lookupKeyFor('namespace', unit.facts);
      return { version: 1, lookupKey, entries: [], createdMs: 1, facts: unit.facts };
    },
    hasBlobsSync: () => true,
    isRejected: ({ outputs }) => rejected.includes(outputs),
    damaged: () => undefined,
    readBlobSync: () => Buffer.alloc(0),
    putBytesSync: () => id,
    looks: () => looks,
  };
}

const idOf = (text: string): string => Buffer.from(text).toString('hex').padEnd(64, '0');

function ask(store: ResolverStore, preferred: ReadonlyMap<string, number> = new Map()): string {
  const resolver = new SessionResolver(store, createInputs(), environment);
  const target = { buildDir: '/here', units: new UnitTable(), preferredBuildDirs: preferred };
  const answer = resolver.resolve(wanted, target);
  if ('reason' in answer) return answer.reason;
  return answer.map(({ facts: { outputs } }) => outputs).join();
}

describe('of several units under one hash', () => {
  const variant = (
    outputs: string,
    more: Partial<UnitFacts> = {},
  ): { id: string; facts: UnitFacts } => ({
    id: idOf(outputs),
    facts: { ...facts, outputs, ...more },
  });

  test('the one that was built last is offered, whatever the build-dir has in common', () => {
    const units = [variant('new'), variant('old', { buildDir: '/friend' })];
    expect(ask(storeWith(units), new Map([['/friend', 7]]))).toBe('new');
  });

  test('one that was made otherwise stays a choice of its own', () => {
    const units = [variant('new'), variant('old', { buildDir: '/friend', identity: 'other' })];
    expect(ask(storeWith(units), new Map([['/friend', 7]]))).toBe('old');
  });

  test('a rejected one is never offered', () => {
    const units = [variant('new'), variant('old')];
    expect(ask(storeWith(units, ['new']))).toBe('old');
    expect(ask(storeWith(units, ['new', 'old']))).toBe('unknown-unit');
  });

  test('one whose sources lie in another CARGO_HOME is not', () => {
    const elsewhere = { packageRoot: '/other/registry/src/index/demo-1.0.0', identity: 'other' };
    expect(ask(storeWith([variant('new', elsewhere)]))).toBe('other-source');
    expect(ask(storeWith([variant('new', elsewhere), variant('old')]))).toBe('old');
  });

  test('a dependency must have the same identity, not only the same bytes', () => {
    const place = { unitHash: 'b'.repeat(16) };
    const base = variant('base', { ...place, identity: 'one' });
    const needs = (identity: string): Partial<UnitFacts> => ({
      dependencies: [
        { unitKey: `debug#classic#${place.unitHash}`, fingerprint: 'f', identity, outputs: 'base' },
      ],
    });
    expect(ask(storeWith([variant('top', needs('one')), base]))).toBe('base,top');
    expect(ask(storeWith([variant('top', needs('two')), base]))).toBe('dependency-unavailable');
  });

  test('a question has an end, however many combinations there are', () => {
    const levels = 24;
    const hash = (level: number): string => String(level).padStart(16, '0');
    const units = Array.from({ length: levels }, (_, level) =>
      ['a', 'b', 'c'].map((name) => {
        const isLast = level === levels - 1;
        const next = level === levels - 2 ? 'missing' : `${level + 1}`;
        return {
          id: idOf(`${level}${name}`),
          facts: {
            ...facts,
            unitHash: level === 0 ? wanted.unitHash : hash(level),
            identity: `${level}`,
            outputs: `${level}`,
            buildDir: `/origin/${name}`,
            rewrites: [name],
            dependencies: isLast
              ? []
              : [1, 2].map(() => ({
                  unitKey: `debug#classic#${hash(level + 1)}`,
                  fingerprint: 'f',
                  identity: next,
                  outputs: next,
                })),
          },
        };
      }),
    ).flat();
    const store = storeWith(units);
    expect(ask(store)).toMatch(/^(?:dependency-unavailable|too-many-variants)$/);
    expect(store.looks()).toBeLessThan(100_000);
  });
});

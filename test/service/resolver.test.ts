import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HostFiles } from '../../src/service/host/host-files.js';
import { InputVerifier } from '../../src/service/units/input-verifier.js';
import { SessionResolver, type ResolverStore } from '../../src/service/units/resolver.js';
import type { SessionEnvironment } from '../../src/service/host/session-environment.js';
import { lookupKeyFor, type UnitFacts } from '../../src/service/units/unit-facts.js';
import { UnitTable } from '../../src/service/units/unit-record.js';
import type { Digest, Manifest } from '../../src/store/manifest.js';
import { createTempDirectory } from '../support/tmp.js';

const id = 'a'.repeat(64) as Digest;
const wanted = { layout: 'classic', profilePath: 'debug', unitHash: '0123456789abcdef' } as const;

const environment: SessionEnvironment = {
  kind: 'known',
  namespace: 'namespace',
  rustcField: 1n,
  cargoHome: '/cargo',
  workingDirectory: '/workspace',
  variables: {},
  steering: {},
  nativeTools: {},
  linkerTools: {},
  cpu: 'this processor',
};

const facts: UnitFacts = {
  ...wanted,
  version: 1,
  package: 'demo',
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
  cpu: null,
  buildDir: '/origin/target',
  boundBecause: null,
  rewriteOutput: null,
  built: { startedNs: '1', finishedNs: '2', durationMs: 1, workingDirectory: null },
};

/** A store that holds one unit without files. */
function storeOf(unit: UnitFacts): ResolverStore {
  const lookupKey = lookupKeyFor(environment.namespace, wanted);
  const manifest: Manifest = { version: 1, lookupKey, entries: [], createdMs: 1, facts: unit };
  return {
    candidates: (key) => (key === lookupKey ? [id] : []),
    manifest: () => manifest,
    hasBlobSync: () => true,
    readBlobSync: () => Buffer.alloc(0),
    putBytesSync: () => id,
  };
}

function createResolver(unit: UnitFacts, inputs = createInputs()): () => string {
  const resolver = new SessionResolver(storeOf(unit), inputs, environment);
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
    if (recorded === undefined) throw new Error('the input was not recorded');
    const ask = createResolver({ ...facts, origin: 'directory', inputs: [recorded] }, inputs);
    expect(ask()).toBe(id);
    writeFileSync(path, 'two');
    expect(ask()).toBe('input-changed');
  });
});

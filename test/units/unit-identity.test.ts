import { describe, expect, test } from 'vitest';
import { unitIdentity, type IdentityFacts } from '../../src/units/unit-identity.js';

const digest = 'd'.repeat(64);
const input = { kind: 'files', root: '/src', paths: ['lib.rs'], digest } as const;
const dependency = { unitKey: 'debug#classic#1', fingerprint: '1', identity: 'one', outputs: 'x' };

const made: IdentityFacts = {
  package: 'demo',
  packageVersion: '1.0.0',
  kind: 'lib',
  target: 'demo',
  layout: 'classic',
  profilePath: 'debug',
  unitHash: '0123456789abcdef',
  fingerprint: '0'.repeat(16),
  namespace: 'namespace',
  origin: 'registry',
  packageRoot: '/src',
  dependencies: [dependency, { ...dependency, unitKey: 'debug#classic#2' }],
  inputs: [input, { ...input, kind: 'tree' }],
  variables: [
    ['A', 'one'],
    ['B', null],
  ],
  steering: null,
  tools: { cc: '/cc:1', ld: null },
  settings: {},
  cpu: null,
  buildDir: '/first/target',
  boundBecause: null,
  rewrites: [],
};

describe('the identity of a unit', () => {
  test.each<Partial<IdentityFacts>>([
    { unitHash: 'fedcba9876543210' },
    { kind: 'build-script' },
    { fingerprint: '1'.repeat(16) },
    { namespace: 'another' },
    { packageRoot: '/other' },
    { inputs: [{ ...input, digest: 'e'.repeat(64) }, made.inputs[1] ?? input] },
    { inputs: [input] },
    { variables: [['A', 'one']] },
    { steering: {} },
    { tools: { cc: '/cc:2', ld: null } },
    { tools: { cc: '/cc:1' } },
    { settings: { RUSTC_LINKER: null } },
    { cpu: 'this processor' },
    { boundBecause: 'it names its place' },
    { rewrites: ['debug/build/demo/out/x.pc'] },
    { dependencies: [{ ...dependency, identity: 'two' }, made.dependencies[1] ?? dependency] },
  ])('is another one with %o', (change) => {
    expect(unitIdentity({ ...made, ...change })).not.toBe(unitIdentity(made));
  });

  test('is the same in whatever order things were found, and wherever it was built', () => {
    const same: IdentityFacts = {
      ...made,
      dependencies: [...made.dependencies].reverse(),
      inputs: [...made.inputs].reverse(),
      variables: [...made.variables].reverse(),
      tools: { ld: null, cc: '/cc:1' },
      buildDir: '/second/target',
    };
    expect(unitIdentity(same)).toBe(unitIdentity(made));
    const bound = { ...made, boundBecause: 'it names its place' };
    expect(unitIdentity({ ...bound, buildDir: '/second/target' })).not.toBe(unitIdentity(bound));
  });
});

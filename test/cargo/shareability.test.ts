import { describe, expect, it } from 'vitest';
import type { UnitHash } from '../../src/cargo/layout.js';
import { dependsOnCpu, describeReason, judgeShareability } from '../../src/cargo/shareability.js';
import type { UnitFacts } from '../../src/cargo/shareability.js';

const facts: UnitFacts = {
  kind: 'lib',
  unitHash: '0123456789abcdef' as UnitHash,
  origin: 'registry',
  rustflags: [],
  wrapper: 'none',
};
const reasonOf = (changes: Partial<UnitFacts>): string => {
  const verdict = judgeShareability({ ...facts, ...changes });
  return verdict.share ? 'share' : verdict.reason;
};

describe('a unit is shared', () => {
  it.each(['lib', 'build-script', 'run-build-script'] as const)('as %s', (kind) => {
    expect(reasonOf({ kind })).toBe('share');
  });

  it.each(['registry', 'git', 'directory'] as const)('from a %s source', (origin) => {
    expect(reasonOf({ origin })).toBe('share');
  });

  it('behind a wrapper that changes nothing', () => {
    expect(reasonOf({ wrapper: 'transparent' })).toBe('share');
  });

  it('with flags that cargo hashes completely', () => {
    expect(reasonOf({ rustflags: ['-C', 'opt-level=3', '--cfg', 'x', '-Clink-arg=-s'] })).toBe(
      'share',
    );
  });
});

describe('a unit is not shared', () => {
  it.each([
    ['bin', 'binary'],
    ['test-lib', 'test'],
    ['test-bin', 'test'],
    ['integration-test', 'test'],
    ['example', 'example'],
    ['test-example', 'test'],
    ['bench', 'benchmark'],
    ['doc-lib', 'documentation'],
    [undefined, 'unknown-kind'],
  ] as const)('rule 5: as %s', (kind, reason) => {
    expect(reasonOf({ kind })).toBe(reason);
  });

  it('rule 5: without a hash in its name', () => {
    expect(reasonOf({ unitHash: undefined })).toBe('no-unit-hash');
  });

  it('rule 14: from a path package or from an unknown place', () => {
    expect(reasonOf({ origin: 'path' })).toBe('path-package');
    expect(reasonOf({ origin: 'unknown' })).toBe('unknown-source');
  });

  it('rule 9: behind an unknown wrapper', () => {
    expect(reasonOf({ wrapper: 'unknown' })).toBe('unknown-wrapper');
  });

  it.each([
    [['-Cprofile-use=/tmp/p.profdata']],
    [['-C', 'profile-use=/tmp/p.profdata']],
    [['--codegen', 'profile_use=/tmp/p']],
    [['-L', 'native=/opt/lib']],
    [['--extern', 'x=/tmp/libx.rlib']],
    [['--sysroot=/opt/sysroot']],
    [['@/tmp/args']],
  ])('with the flags %j, whose files cargo does not hash', (rustflags) => {
    expect(reasonOf({ rustflags })).toBe('flags-read-files');
  });

  it('without a sentence that says why', () => {
    const verdict = judgeShareability({ ...facts, kind: 'bin' });
    expect(verdict).toEqual({ share: false, reason: 'binary', detail: describeReason('binary') });
  });
});

describe('rule 9: code for the processor at hand', () => {
  it.each([
    [['-Ctarget-cpu=native']],
    [['-C', 'target-cpu=native']],
    [['--codegen=target_cpu=native']],
  ])('is what %j asks for', (rustflags) => {
    expect(dependsOnCpu(rustflags)).toBe(true);
  });

  it.each([[[]], [['-Ctarget-cpu=x86-64-v3']], [['--cfg', 'target-cpu=native']]])(
    'is not what %j asks for',
    (rustflags) => {
      expect(dependsOnCpu(rustflags)).toBe(false);
    },
  );
});

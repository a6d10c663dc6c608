import { describe, expect, test } from 'vitest';
import { nearness, sourceMisfit } from '../../src/units/source-fit.js';

const commit = '0123456789abcdef0123456789abcdef01234567';
const session = { cargoHome: '/home/me/.cargo', commits: new Set([commit]) };
const checkout = '/home/me/.cargo/git/checkouts/crates-0123456789abcdef';

describe('sources that lie anywhere', () => {
  test('are nearer the more directories they share with the workspace', () => {
    const here = { workspaceRoot: '/home/u/one/app', workingDirectory: '/home/u/one/app/src' };
    const at = (packageRoot: string): number =>
      nearness({ origin: 'directory', packageRoot }, here);
    expect(at('/home/u/one/vendor/x')).toBeGreaterThan(at('/home/u/two/vendor/x'));
    expect(at('/home/u/one/app/vendor/x')).toBeGreaterThan(at('/home/u/one/vendor/x'));
    expect(nearness({ origin: 'registry', packageRoot: '/home/u/one/app' }, here)).toBe(0);
  });
});

describe('the sources of a stored unit are those of a session', () => {
  test.each([
    ['registry', '/home/me/.cargo/registry/src/index-1/one-1.0.0'],
    ['git', `${checkout}/0123456/one`],
    ['directory', '/usr/share/cargo/registry/one'],
  ] as const)('of %s in %s', (origin, packageRoot) => {
    expect(sourceMisfit({ origin, packageRoot }, session)).toBeUndefined();
  });

  test.each([
    ['registry', '/home/me/.cargo-old/registry/src/index-1/one-1.0.0'],
    ['git', '/home/you/.cargo/git/checkouts/crates-0123456789abcdef/0123456/one'],
  ] as const)('but not below another CARGO_HOME: %s in %s', (origin, packageRoot) => {
    const misfit = { reason: 'other-source', detail: packageRoot };
    expect(sourceMisfit({ origin, packageRoot }, session)).toEqual(misfit);
  });

  test('but not at a commit that the lock file does not have, as far as there is one', () => {
    const facts = { origin: 'git', packageRoot: `${checkout}/7654321/one` } as const;
    const misfit = { reason: 'other-source', detail: 'commit 7654321' };
    expect(sourceMisfit(facts, session)).toEqual(misfit);
    expect(sourceMisfit(facts, { ...session, commits: undefined })).toBeUndefined();
  });
});

import { parse } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { configAt, configValueOf } from '../../src/cargo/config-value.js';
import { flagInProfiles, flagInVariables } from '../../src/cargo/profile-flags.js';

const origin = { kind: 'file', root: '/w', name: '/w/Cargo.toml' } as const;

function flagOf(toml: string): ReturnType<typeof flagInProfiles> {
  const value = configValueOf(parse(toml), origin);
  if (!('kind' in value)) throw new Error(value.message);
  return flagInProfiles(configAt(value, ['profile']));
}

describe('a flag of a profile', () => {
  test.each([
    '@/w/flags',
    '-Cprofile-use=/p',
    '-Zprofile-sample-use=/p',
    '-Clinker=/bin/ld',
    '--extern=a=b',
    '-L/lib',
    '--sysroot=/s',
    '-Ctarget-cpu=native',
    '-Ztune-cpu=native',
    '-Zcodegen-backend=/b.so',
    '-Zllvm-plugins=/p.so',
  ])('reads files or the machine: %s', (flag) => {
    expect(flagOf(`[profile.dev]\nrustflags = ["-g", "${flag}"]\n`)).toEqual({
      profile: 'dev',
      flag,
    });
  });

  test('is found in overrides, and where its value is a word of its own', () => {
    const flag = { flag: '-Ctarget-cpu=native' };
    const lines = 'rustflags = ["-C", "target-cpu=native"]';
    expect(flagOf(`[profile.release.package."*"]\n${lines}\n`)).toMatchObject(flag);
    expect(flagOf(`[profile.release.build-override]\n${lines}\n`)).toMatchObject(flag);
    expect(
      flagInVariables({ CARGO_PROFILE_DEV_RUSTFLAGS: '-g -Ctarget-cpu=native' }),
    ).toMatchObject(flag);
  });

  test('is harmless where its text says all', () => {
    expect(flagOf('[profile.dev]\nrustflags = ["-Copt-level=2", "--cfg=x"]\n')).toBeUndefined();
    expect(flagOf('[profile.dev]\nopt-level = 2\n')).toBeUndefined();
    expect(flagInVariables({ RUSTFLAGS: '@x', CARGO_PROFILE_DEV_RUSTFLAGS: '-g' })).toBeUndefined();
  });
});

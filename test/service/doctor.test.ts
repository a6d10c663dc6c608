import { describe, expect, test } from 'vitest';
import { parseCargoVersion } from '../../src/service/setup/cargo-probe.js';
import { judgeKernel } from '../../src/service/doctor/doctor-system.js';

describe('the version of cargo', () => {
  test.each([
    ['cargo 1.95.0 (f2d3ce0bd 2026-03-21)\n', '1.95.0', true],
    ['cargo 1.91.0 (0000000 2025-10-01)', '1.91.0', true],
    ['cargo 1.90.0 (0000000 2025-09-01)', '1.90.0', false],
    ['cargo 1.92.0-nightly (0000000 2025-10-01)', '1.92.0-nightly', true],
    ['cargo 2.0.0', '2.0.0', true],
  ])('%j', (output, version, hasBuildDir) => {
    expect(parseCargoVersion(output)).toEqual({ version, hasBuildDir });
  });

  test('other output is none', () => {
    expect(parseCargoVersion('rustup: no toolchain')).toBeUndefined();
  });
});

test.each([
  ['6.18.44-fc', 'ok'],
  ['5.1.0', 'ok'],
  ['5.0.21', 'warn'],
  ['4.19.0-27-amd64', 'warn'],
])('the kernel %s is %s', (version, state) => {
  expect(judgeKernel(version).state).toBe(state);
});

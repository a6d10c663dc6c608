import { describe, expect, it } from 'vitest';
import { dependsOnCpu, refuseUnit } from '../../src/cargo/shareability.js';

describe('a unit may be shared', () => {
  it.each(['lib', 'build-script', 'run-build-script'] as const)('as %s', (kind) => {
    expect(refuseUnit(kind, [])).toBeUndefined();
  });

  it('with flags that cargo hashes completely', () => {
    const flags = ['-C', 'opt-level=3', '--cfg', 'x', '-Clink-arg=-s'];
    expect(refuseUnit('lib', flags)).toBeUndefined();
  });

  it.each([
    [['-Clink-arg=-fuse-ld=lld']],
    [['-C', 'link-arg=-fuse-ld=/opt/bin/mold']],
    [['-Clink-args=-s -static-pie -Wl,-z,relro,-Bsymbolic']],
    [['-Clink-arg=-Wl,--as-needed,--gc-sections,-O1']],
    [['-C', 'link-arg=-Wl,-rpath,/opt/lib']],
  ])('with arguments for the linker that name no file that it reads: %j', (flags) => {
    expect(refuseUnit('lib', flags)).toBeUndefined();
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
  ] as const)('rule 5: as %s', (kind, reason) => {
    expect(refuseUnit(kind, [])?.reason).toBe(reason);
  });

  it.each([
    [['-Cprofile-use=/tmp/p.profdata']],
    [['-C', 'profile-use=/tmp/p.profdata']],
    [['--codegen', 'profile_use=/tmp/p']],
    [['-L', 'native=/opt/lib']],
    [['--extern', 'x=/tmp/libx.rlib']],
    [['--sysroot=/opt/sysroot']],
    [['@/tmp/args']],
    [['-l', 'native']],
    [['-Clink-arg=/x/la.o']],
    [['-C', 'link-arg=la.o']],
    [['--codegen', 'link_args=-s /x/la.o']],
    [['-Clink-arg=-T/x.ld']],
    [['-Clink-arg=-Tlink.x']],
    [['-Clink-args=-T link.x']],
    [['-Clink-arg=-L/x']],
    [['-Clink-arg=-lnative']],
    [['-Clink-arg=-Wl,--version-script=/x']],
    [['-Clink-arg=-Wl,--version-script,x']],
    [['-Clink-arg=@file']],
    [['-Clink-arg=-B/opt/mold']],
    [['-Zpre-link-args=/x/la.o']],
    [['-Z', 'post-link-arg=/x/la.o']],
  ])('with the flags %j, whose files cargo does not hash', (rustflags) => {
    expect(refuseUnit('lib', rustflags)?.reason).toBe('flags-read-files');
  });

  it('without a sentence that names the flag', () => {
    expect(refuseUnit('lib', ['-L', 'native=/opt/lib'])?.message).toBe(
      '-Lnative=/opt/lib reads files that cargo does not track',
    );
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

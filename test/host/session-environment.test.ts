/** What a cargo process was started with, and when that cannot be known. */
import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HostFiles } from '../../src/host/host-files.js';
import { cargoProcessAt, readProcessStart } from '../../src/host/process-tree.js';
import {
  environmentOf,
  type SessionEnvironment,
  type UnknownEnvironment,
} from '../../src/host/session-environment.js';
import { ToolchainProbe } from '../../src/host/toolchain.js';
import { settingsOf, toolIdentity } from '../../src/units/target-settings.js';
import { createTempDirectory } from '../support/tmp.js';

const host = 'x86_64-unknown-linux-gnu';

interface Scene {
  readonly files?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
}

interface Place {
  readonly at: string;
  judge: (more?: Readonly<Record<string, string>>) => SessionEnvironment | UnknownEnvironment;
  known: (more?: Readonly<Record<string, string>>) => SessionEnvironment;
}

/** A compiler of shell, and a workspace at `w/member`. */
function createPlace(at: string, { files = {}, variables = {} }: Scene): Place {
  const compiler = [
    '#!/bin/sh',
    `case "$1 $2" in`,
    `'-vV '*) printf 'rustc 1.95.0 (x)\\nhost: ${host}\\nrelease: 1.95.0\\n' ;;`,
    `'--print sysroot') echo '${at}/sysroot' ;;`,
    `'--print cfg') case "$4" in *linux*) echo unix; echo 'target_os="linux"' ;; *windows*) echo windows ;; *) exit 1 ;; esac ;;`,
    'esac',
  ];
  const all: Record<string, string> = {
    'bin/rustc': compiler.join('\n'),
    'sysroot/lib/librustc_driver-1.so': '',
    [`sysroot/lib/rustlib/${host}/lib/libstd-1.rlib`]: 'std',
    [`sysroot/lib/rustlib/${host}/codegen-backends/llvm.so`]: 'llvm',
    'sysroot/lib/rustlib/src/rust/library/std/lib.rs': 'source',
    'w/member/Cargo.toml': '[package]\nname = "member"\n',
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), text.replaceAll('$AT', at));
  }
  chmodSync(join(at, 'bin/rustc'), 0o755);
  const reader = {
    files: new HostFiles(() => []),
    toolchains: new ToolchainProbe(new HostFiles(() => [])),
  };
  const judge: Place['judge'] = (more = {}) => {
    const env = { PATH: `${at}/bin:/usr/bin:/bin`, HOME: at, ...variables, ...more };
    return environmentOf(env, join(at, 'w/member'), reader);
  };
  return {
    at,
    judge,
    known: (more) => {
      const environment = judge(more);
      if (environment.kind === 'unknown') throw new Error(environment.detail);
      return environment;
    },
  };
}

const config = 'w/.cargo/config.toml';

describe('a session is unknown', () => {
  test('where XCACHE_DISABLE is set to anything but 0', async () => {
    await using directory = await createTempDirectory();
    const { judge } = createPlace(directory.path, {});
    for (const value of ['1', 'yes']) {
      expect(judge({ XCACHE_DISABLE: value })).toEqual({
        kind: 'unknown',
        reason: 'disabled',
        detail: 'XCACHE_DISABLE is set',
      });
    }
    for (const value of ['', '0']) expect(judge({ XCACHE_DISABLE: value }).kind).toBe('known');
  });

  test.each([
    ['unreadable-path', { variables: { PATH: '/a\u{10ffff}' } }, 'PATH'],
    ['unreadable-config', { files: { [config]: 'include = ["none.toml"]\n' } }, 'none.toml'],
    ['unknown-wrapper', { files: { [config]: '[build]\nrustc-wrapper = "./w"\n' } }, '/w/./w'],
    ['unknown-wrapper', { variables: { CARGO_BUILD_RUSTC_WRAPPER: 'w' } }, 'w'],
    [
      'unreadable-config',
      { files: { [config]: '[target."cfg(some_flag)"]\nlinker = "x"\n' } },
      'some_flag',
    ],
    ['profile-flags', { files: { [config]: '[profile.dev]\nrustflags = ["@/f"]\n' } }, '@/f'],
    [
      'profile-flags',
      { files: { 'w/Cargo.toml': '[workspace]\n[profile.x]\nrustflags = ["@/f"]\n' } },
      'profile x',
    ],
    [
      'profile-flags',
      { variables: { CARGO_PROFILE_DEV_RUSTFLAGS: '-Ctarget-cpu=native' } },
      'native',
    ],
    ['unknown-compiler', { variables: { RUSTC: '/none' } }, '/none'],
  ])('as %s with %j', async (reason, scene, word) => {
    await using directory = await createTempDirectory();
    const { judge } = createPlace(directory.path, scene);
    expect(judge()).toMatchObject({
      kind: 'unknown',
      reason,
      detail: expect.stringContaining(word) as string,
    });
  });

  test('where cargo is too old to read the files that the configuration includes', async () => {
    await using directory = await createTempDirectory();
    const { at, judge } = createPlace(directory.path, {
      files: { [config]: 'include = ["more.toml"]\n', 'w/.cargo/more.toml': '' },
    });
    expect(judge().kind).toBe('known');
    const old = join(at, 'old');
    writeFileSync(
      old,
      `#!/bin/sh\nif [ "$1" = -vV ]; then echo 'release: 1.93.1'; else exec '${at}/bin/rustc' "$@"; fi\n`,
    );
    chmodSync(old, 0o755);
    expect(judge({ RUSTC: old })).toMatchObject({ reason: 'unreadable-config' });
  });
});

describe('a session knows', () => {
  test('its workspace and the commits of its lock file', async () => {
    await using directory = await createTempDirectory();
    const commit = '0123456789abcdef0123456789abcdef01234567';
    const { at, known } = createPlace(directory.path, {
      files: {
        'w/Cargo.toml': '[workspace]\nmembers = ["member"]\n',
        'Cargo.toml': '[workspace]\nexclude = ["w"]\n',
        'w/Cargo.lock': `[[package]]\nname = "x"\nsource = "git+https://host/x?branch=b#${commit}"\n[[package]]\nsource = "registry+https://host/#1"\n`,
      },
    });
    expect(known()).toMatchObject({ workspaceRoot: join(at, 'w'), commits: new Set([commit]) });
  });

  test.each([
    ['the package where no workspace claims it', {}, 'w/member'],
    [
      'the package where the workspace excludes it',
      { 'w/Cargo.toml': '[workspace]\nexclude = ["member"]\n' },
      'w/member',
    ],
    [
      'what the package points to',
      {
        'w/member/Cargo.toml': '[package]\nname = "m"\nworkspace = "../other"\n',
        'w/other/Cargo.toml': '[workspace]\n',
      },
      'w/other',
    ],
  ])('as its workspace %s', async (_what, files, root) => {
    await using directory = await createTempDirectory();
    const { at, known } = createPlace(directory.path, { files });
    expect(known()).toMatchObject({ workspaceRoot: join(at, root), commits: undefined });
  });

  test('the linker of each target, and what program it is', async () => {
    await using directory = await createTempDirectory();
    const { at, known } = createPlace(directory.path, {
      files: {
        [config]: `[target.${host}]\nlinker = "tools/ld"\n[target.'cfg(windows)']\nlinker = "win-ld"\n`,
        'w/tools/ld': 'one',
        'bin/win-ld': 'two',
      },
      variables: { CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER: 'musl-ld' },
    });
    chmodSync(join(at, 'bin/win-ld'), 0o755);
    chmodSync(join(at, 'w/tools/ld'), 0o755);
    const environment = known();
    expect(environment.linkerOf(undefined)).toBe(join(at, 'w/tools/ld'));
    expect(environment.linkerOf(host)).toBe(join(at, 'w/tools/ld'));
    expect(environment.linkerOf('x86_64-unknown-linux-musl')).toBe('musl-ld');
    expect(environment.linkerIdentity('x86_64-unknown-linux-musl')).toBe('');
    expect(environment.linkerOf('x86_64-pc-windows-gnu')).toBe('win-ld');
    expect(environment.linkerIdentity('x86_64-pc-windows-gnu')).toContain(join(at, 'bin/win-ld'));
    expect(environment.linkerOf('aarch64-unknown-linux-gnu')).toBeUndefined();
    // A target that rustc does not know may be any of those.
    expect(environment.linkerOf('own')).toBe('win-ld');
    const before = environment.linkerIdentity(undefined);
    writeFileSync(join(at, 'w/tools/ld'), 'three');
    expect(known().linkerIdentity(undefined)).not.toBe(before);
    const asked = { RUSTC_LINKER: null };
    const run = { profilePath: 'debug', settings: asked };
    expect(settingsOf(environment, run)).toEqual({ RUSTC_LINKER: join(at, 'w/tools/ld') });
    expect(toolIdentity(environment, 'RUSTC_LINKER', run)).toBe(before);
    const cross = { profilePath: 'aarch64-unknown-linux-gnu/debug', settings: asked };
    expect(settingsOf(environment, cross)).toEqual({ RUSTC_LINKER: null });
  });

  test('whether proof is asked for', async () => {
    await using directory = await createTempDirectory();
    const { known } = createPlace(directory.path, {});
    expect(known({ XCACHE_VERIFY: '1' }).verify).toBe(true);
    expect(known({ XCACHE_VERIFY: '0' }).verify).toBe(false);
    expect(known().verify).toBe(false);
  });

  test('a toolchain of which a part was built again from one that is the same', async () => {
    await using directory = await createTempDirectory();
    const { at, known } = createPlace(directory.path, {});
    const library = `${at}/sysroot/lib/rustlib/${host}`;
    let last = known().namespace;
    expect(known().namespace).toBe(last);
    utimesSync(`${at}/sysroot/lib/rustlib/src/rust/library/std/lib.rs`, 1, 1);
    expect(known().namespace).toBe(last);
    const changes = [
      () => {
        utimesSync(`${library}/lib/libstd-1.rlib`, 1, 1);
      },
      () => {
        writeFileSync(`${library}/codegen-backends/llvm.so`, 'other');
      },
      () => {
        writeFileSync(`${library}/lib/libmore.rlib`, '');
      },
    ];
    for (const change of changes) {
      change();
      expect(known().namespace).not.toBe(last);
      last = known().namespace;
    }
  });

  test('an empty CARGO_HOME is none, and a relative one counts from the working directory', async () => {
    await using directory = await createTempDirectory();
    const { at, known } = createPlace(directory.path, {});
    expect(known({ CARGO_HOME: '' }).cargoHome).toBe(join(at, '.cargo'));
    expect(known({ CARGO_HOME: 'own' }).cargoHome).toBe(join(at, 'w/member/own'));
  });

  test('what is far beyond all measure', async () => {
    await using directory = await createTempDirectory();
    const { at, known } = createPlace(directory.path, {});
    const entries = Array.from({ length: 200 }, (_, index) =>
      index % 2 === 0 ? `rel/${index}` : `${at}/none/${index}`,
    );
    const environment = known({
      PATH: ['', '.', ...entries, join(at, 'bin'), '/usr/bin', '/bin'].join(':'),
      BIG: 'x'.repeat(100_000),
      CFLAGS: '-O '.repeat(40_000),
    });
    expect(environment.variables['BIG']).toHaveLength(100_000);
  });
});

describe('a process', () => {
  test('is read without loss, and not at all where another one has its number', async () => {
    await using directory = await createTempDirectory();
    const program = join(directory.path, 'cargo');
    copyFileSync('/bin/sleep', program);
    const script = `A="$(printf 'a\\377')" B="$(printf 'a\\376')" C="$(printf '\\303\\251')" exec '${program}' 60`;
    const child = spawn('bash', ['-c', script], { stdio: 'ignore' });
    try {
      const pid = child.pid ?? 0;
      await expect.poll(() => cargoProcessAt(pid)).toBeDefined();
      const cargo = cargoProcessAt(pid);
      const start = cargo && readProcessStart(cargo);
      expect(start).toMatchObject({ program: 'cargo', words: ['60'], hasOtherMounts: false });
      expect(start?.variables['C']).toBe('é');
      expect(start?.variables['A']).not.toBe(start?.variables['B']);
      expect(readProcessStart({ pid, startTicks: '1' })).toBeUndefined();
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  });
});

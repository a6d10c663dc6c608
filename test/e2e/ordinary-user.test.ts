/** Everything for users who are not root: the direct driver, and nothing of it for anybody else. */
import { chmodSync, existsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MountResult, StatusResult } from '../../src/service/control/protocol.js';
import { noOrdinaryUsers, UserWorld, type OrdinaryUser } from '../support/ordinary-user.js';
import { isAlive, mountsBelow, processesWith, waitUntil } from '../support/processes.js';
import { inDirectories } from './crates.js';

/** Writes a file that nobody may write, and one more into it, as an unpacked archive would. */
const buildScript = `
use std::{env, fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let path = Path::new(&env::var("OUT_DIR").unwrap()).join("answer.rs");
    let _ = fs::remove_file(&path);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o444).open(&path).unwrap();
    file.write_all(b"pub const ANSWER: u32 = 42;").unwrap();
}
`;

const crates = {
  alpha: {
    lib: 'include!(concat!(env!("OUT_DIR"), "/answer.rs"));',
    build: buildScript,
  },
  beta: {
    lib: 'pub fn answer() -> u32 { alpha::ANSWER }',
    dependencies: { alpha: '"=1.0.0"' },
  },
};

/** A workspace of the user's that depends on `beta`; returns its path. */
async function createWorkspace(user: OrdinaryUser, name: string): Promise<string> {
  const vendored = Object.entries(inDirectories(crates)).map(([path, content]) => [
    `vendor/${path}`,
    content,
  ]);
  const checksums = Object.keys(crates).map((crate) => [
    `vendor/${crate}/.cargo-checksum.json`,
    '{"files":{}}',
  ]);
  await user.write({
    ...(Object.fromEntries([...vendored, ...checksums]) as Record<string, string>),
    '.cargo/config.toml': `[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "${user.home}/vendor"\n`,
    [`${name}/Cargo.toml`]:
      '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n[dependencies]\nbeta = "=1.0.0"\n',
    [`${name}/src/main.rs`]: 'fn main() { println!("{}", beta::answer()); }\n',
  });
  return join(user.home, name);
}

const helpers = /^mount-helper-/;

describe.skipIf(noOrdinaryUsers !== undefined)(`an ordinary user ${noOrdinaryUsers ?? ''}`, () => {
  test('mounts, builds, shares, cleans, unmounts and leaves nothing behind', async () => {
    await using world = await UserWorld.create();
    const user = await world.user();
    const one = await createWorkspace(user, 'one');
    const two = await createWorkspace(user, 'two');

    const mounted = await user.xcacheJson<MountResult>('mount', join(one, 'target'));
    expect(mounted.driver).toBe('direct');
    const state = join(user.home, '.local/state/xcache');
    const [helper = ''] = (await readdir(state)).filter((name) => helpers.test(name));
    const { uid, mode } = await lstat(join(state, helper));
    expect([uid, mode & 0o777]).toEqual([user.account.uid, 0o700]);

    const first = await user.cargo('build', one);
    expect(first.compiled).toContain('beta');
    expect((await user.run([join(one, 'target/debug/app')])).stdout).toBe('42\n');
    await user.settled();

    await user.xcacheJson<MountResult>('mount', join(two, 'target'));
    expect((await readdir(state)).filter((name) => helpers.test(name))).toEqual([helper]);
    const second = await user.cargo('build', two);
    expect(second.compiled).toEqual(['app']);
    expect(second.fresh).toEqual(expect.arrayContaining(['alpha', 'beta']));
    expect((await user.run([join(two, 'target/debug/app')])).stdout).toBe('42\n');

    await user.cargo('clean', two);
    const third = await user.cargo('build', two);
    expect(third.compiled).toEqual(['app']);
    expect(mountsBelow(world.path)).toContain(join(two, 'target'));

    await user.xcacheJson('unmount', join(two, 'target'));
    expect(mountsBelow(two)).toEqual([]);
    expect((await user.xcache('service', 'stop')).exitCode).toBe(0);
    expect(mountsBelow(user.home)).toEqual([]);
    expect(processesWith(user.home)).toEqual([]);
    expect(await user.serviceLog()).not.toMatch(/"level":(?:40|50)/);
  });

  test('shares without a command for each workspace after setup, until teardown', async () => {
    await using world = await UserWorld.create();
    const user = await world.user();
    const one = await createWorkspace(user, 'one');
    const two = await createWorkspace(user, 'two');
    expect((await user.xcache('setup', '--yes')).exitCode).toBe(0);
    await user.cargo('build', one);
    await user.settled();
    expect((await user.cargo('build', two)).compiled).toEqual(['app']);
    expect((await user.run([join(two, 'target/debug/app')])).stdout).toBe('42\n');
    await user.cargo('clean', two);
    expect((await user.cargo('build', two)).compiled).toEqual(['app']);
    expect((await user.xcache('teardown', '--materialize')).exitCode).toBe(0);
    expect(mountsBelow(user.home)).toEqual([]);
    for (const workspace of [one, two]) {
      // OUT_DIR is in alpha, and so in what is built from it.
      expect((await user.cargo('build', workspace)).dirty).toEqual([]);
      expect((await user.run([join(workspace, 'target/debug/app')])).stdout).toBe('42\n');
      expect((await user.cargo('build', workspace)).compiled).toEqual([]);
      expect((await lstat(join(workspace, 'target'))).uid).toBe(user.account.uid);
    }
  });

  test('is mounted again after a kill of the service', async () => {
    await using world = await UserWorld.create();
    const user = await world.user();
    const one = await createWorkspace(user, 'one');
    await user.xcacheJson<MountResult>('mount', join(one, 'target'));
    await user.cargo('build', one);
    await user.settled();
    const { pid } = await user.xcacheJson<StatusResult>('status');
    process.kill(pid, 'SIGKILL');
    await user.xcacheJson<MountResult>('mount', join(one, 'target'));
    expect((await user.cargo('build', one)).compiled).toEqual([]);
  });

  test('has no service left after two signals although somebody is in the mount', async () => {
    await using world = await UserWorld.create();
    const user = await world.user();
    const target = await user.directory('target');
    await user.xcacheJson<MountResult>('mount', target);
    const { pid } = await user.xcacheJson<StatusResult>('status');
    await using _inside = await user.enter(target);
    process.kill(pid, 'SIGTERM');
    await waitUntil('the service stops', async () =>
      (await user.serviceLog()).includes('the service stops'),
    );
    process.kill(pid, 'SIGTERM');
    await waitUntil('the service has ended', () => !isAlive(pid));
    expect(mountsBelow(target)).toEqual([]);
  });

  test('without rustc gets the other driver, and an error where it asks for this one', async () => {
    await using world = await UserWorld.create();
    const user = await world.user();
    const target = await user.directory('target');
    // A search path without a toolchain, for the service that the first command starts.
    const env = { PATH: '/usr/bin:/bin' };
    const asked = await user.run(user.xcacheWords('mount', target, '--driver', 'direct'), { env });
    expect(asked.exitCode).not.toBe(0);
    expect(asked.stderr).toMatch(/no rustc[^]*--driver fuse-native/);
    const unasked = await user.run(user.xcacheWords('mount', target, '--json'), { env });
    expect((JSON.parse(unasked.stdout) as MountResult).driver).toBe('fuse-native');
    expect(await user.serviceLog()).toMatch(/there is no rustc/);
    expect((await user.run(['cp', '/etc/passwd', join(target, 'copy')])).exitCode).toBe(0);
    expect((await user.xcache('unmount', target)).exitCode).toBe(0);
  });

  test.each([
    [
      'who may not run fusermount3',
      '/usr/bin/fusermount3',
      '',
      /may not run.*fusermount[^]*ls -lL/,
    ],
    ['who has mounts enough', '/etc/fuse.conf', 'mount_max = 0\n', /too many[^]*mount_max in/],
  ])('%s is told what to do', async (_title, hidden, text, message) => {
    await using world = await UserWorld.create();
    const user = await world.user();
    const target = await user.directory('target');
    await user.write({ instead: text });
    // In a mount namespace of its own, together with the service that it starts.
    const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
    const asRoot = ['unshare', '-m', 'sh', '-c', script, 'sh', join(user.home, 'instead'), hidden];
    const refused = await user.run(user.xcacheWords('mount', target), { asRoot });
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toMatch(message);
  });

  test('who may not open the device is told what to do', async () => {
    await using world = await UserWorld.create();
    const user = await world.user();
    chmodSync('/dev/fuse', 0o600);
    const refused = await user.xcache('mount', await user.directory('target'));
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toMatch(/may not open \/dev\/fuse[^]*chmod 0666/);
  });

  test('cannot mount on a directory of another user', async () => {
    await using world = await UserWorld.create();
    const user = await world.user();
    const other = await world.user();
    const refused = await user.xcache('mount', await other.directory('target'));
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toMatch(/belongs to another user/);
  });
});

describe.skipIf(noOrdinaryUsers !== undefined)(`two users ${noOrdinaryUsers ?? ''}`, () => {
  test('never see the store, the socket or the mounts of each other', async () => {
    await using world = await UserWorld.create();
    const alice = await world.user();
    const bob = await world.user();
    const target = await alice.directory('target');
    await alice.xcacheJson<MountResult>('mount', target);
    await bob.xcacheJson<MountResult>('mount', await bob.directory('target'));

    const cache = join(alice.home, '.cache/xcache');
    const socket = join(cache, 'run/control.sock');
    expect(existsSync(socket)).toBe(true);
    const isDenied = async (...argv: readonly string[]): Promise<boolean> =>
      /Permission denied|EACCES/.test((await bob.run(argv)).stderr);
    const connecting = `require('net').connect(${JSON.stringify(socket)}).on('error', (e) => console.error(e.code)).on('connect', () => process.exit(0))`;
    for (const argv of [
      [process.execPath, '-e', connecting],
      ['ls', join(cache, 'store')],
      ['ls', join(cache, 'views')],
      ['ls', join(alice.home, '.local/state/xcache')],
      ['ls', target],
      ['touch', join(target, 'file')],
    ]) {
      expect([argv, await isDenied(...argv)]).toEqual([argv, true]);
    }
    const { views } = await bob.xcacheJson<StatusResult>('status');
    expect(views.map(({ directory }) => directory)).toEqual([join(bob.home, 'target')]);
    // Nor may one end the other's mount.
    expect((await bob.run(['fusermount3', '-u', target])).exitCode).not.toBe(0);
    expect(mountsBelow(target)).toEqual([target]);
  });
});

/** Stores that may not be used, full disks, and things in a target that cargo does not know. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { StatusResult } from '../../src/service/control/protocol.js';
import { waitUntil } from '../support/processes.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import {
  findIn,
  isRoot,
  itoa,
  itoaAndAnyhow,
  mountFor,
  nothingToDo,
  printsFive,
} from './lifecycle-support.js';

const five = { dependencies: itoa, files: { 'src/main.rs': printsFive } };

/** A world whose store was used and whose service has stopped. */
async function useStore(world: World): Promise<string> {
  await world.xcache('service', 'start');
  await world.xcache('service', 'stop');
  return world.paths.storeDirectory;
}

async function refusedStart(world: World): Promise<string> {
  const target = join(world.path, 'target');
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'mine'), 'mine');
  const { exitCode, stdout, stderr } = await world.xcache('mount', target);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).not.toMatch(/^ +at /m);
  expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('mine');
  return stderr.split('\n')[0] ?? '';
}

describeEndToEnd('a store', () => {
  test('that others may write to is refused', async () => {
    await using world = await createWorld();
    const store = await useStore(world);
    for (const mode of [0o770, 0o702]) {
      chmodSync(store, mode);
      expect(await refusedStart(world)).toBe(
        `xcache: The store cannot be used: ${store} is writable for other users.`,
      );
    }
    expect(statSync(store).mode & 0o777).toBe(0o702);
  });

  test.skipIf(!isRoot)('of another user is refused', async () => {
    await using world = await createWorld();
    const store = await useStore(world);
    chownSync(store, 12_345, 12_345);
    expect(await refusedStart(world)).toBe(
      `xcache: The store cannot be used: ${store} belongs to another user.`,
    );
  });

  test('from a newer version is refused, and both versions are named', async () => {
    await using world = await createWorld();
    const store = await useStore(world);
    writeFileSync(join(store, 'version'), '{"format":7}\n');
    expect(await refusedStart(world)).toBe(
      `xcache: The store ${store} has format 7; this program knows format 1.`,
    );
    expect(readFileSync(join(store, 'version'), 'utf8')).toBe('{"format":7}\n');
  });

  test('has one service, and a second one says who runs', async () => {
    await using world = await createWorld();
    await world.xcache('service', 'start');
    const pid = await world.servicePid();
    const { exitCode, stderr } = await world.xcache('service', 'run');
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`runs already (pid ${pid})`);
    expect((await world.xcache('service', 'start')).exitCode).toBe(0);
    expect(await world.servicePid()).toBe(pid);
  });

  test.skipIf(!isRoot)(
    'on a full disk fails the writer, keeps what is there, and goes on',
    async () => {
      await using world = await createWorld();
      const home = join(world.path, 'home');
      mkdirSync(home);
      await using _tmpfs = mountFor(world, '-t', 'tmpfs', '-o', 'mode=700,size=64m', 'none', home);
      const first = await world.workspace('first', five);
      await first.mount();
      await first.buildAndSettle();
      const second = await world.workspace('second', { ...five, dependencies: itoaAndAnyhow });
      await second.mount();
      const filler = join(second.target, 'filler');
      expect(() => fill(filler)).toThrow(/ENOSPC/);
      expect(readFileSync(filler).length).toBeGreaterThan(1 << 20);
      // What the store has is still served; what cargo writes has no room.
      const failed = await second.cargo('build');
      expect(failed.exitCode).not.toBe(0);
      expect(failed.stderr).toContain('No space left on device');
      expect(first.output()).toBe('5');
      expect((await world.verify()).problems).toEqual([]);
      rmSync(filler);
      expect((await world.xcache('gc')).exitCode).toBe(0);
      await second.buildAndSettle();
      expect(second.output()).toBe('5');
      expect(await first.mustCargo('build')).toMatchObject(nothingToDo);
      const third = await world.workspace('third', { dependencies: itoaAndAnyhow });
      await third.mount();
      expect((await third.mustCargo('build')).compiled).toEqual(['app']);
      expect((await world.verify()).problems).toEqual([]);
    },
  );

  test.skipIf(!isRoot)('pauses promotion while there is no room, and says so', async () => {
    await using world = await createWorld();
    const native = await world.workspace('native', { dependencies: itoa });
    await native.mustCargo('build');
    const home = join(world.path, 'home');
    const store = join(home, 'store');
    mkdirSync(store, { recursive: true });
    chmodSync(home, 0o700);
    chmodSync(store, 0o700);
    // The views are elsewhere, so that only the store has no room.
    await using _tmpfs = mountFor(world, '-t', 'tmpfs', '-o', 'mode=700,size=16m', 'none', store);
    await world.xcache('service', 'start');
    const filler = join(store, 'filler');
    expect(() => fill(filler)).toThrow(/ENOSPC/);
    await native.mount();
    let paused: string | undefined;
    await waitUntil('promotion pauses', async () => {
      paused = (await world.xcacheJson<StatusResult>('status')).promotionPaused;
      return paused !== undefined;
    });
    expect(paused).toContain('is full');
    expect((await world.xcache('status')).stdout).toContain('paus');
    expect(await native.mustCargo('build')).toMatchObject(nothingToDo);
    expect((await world.stats()).store.units).toBe(0);
    truncateSync(filler, 0);
    expect((await world.xcache('gc')).exitCode).toBe(0);
    await waitUntil('units are stored', async () => (await world.stats()).store.units > 0);
    expect((await world.verify()).problems).toEqual([]);
    rmSync(filler);
    // Across disks, too, what is stored is served.
    const second = await world.workspace('second', { dependencies: itoa });
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app']);
  });
});

/** Writes until the disk is full, and returns the error. */
function fill(path: string): void {
  const chunk = Buffer.alloc(1 << 20, 1);
  writeFileSync(path, '');
  for (;;) writeFileSync(path, chunk, { flag: 'a' });
}

describeEndToEnd('a target', () => {
  test('with files that cargo does not know keeps them, and shares none', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', five);
    await workspace.mustCargo('build');
    const strange: Readonly<Record<string, string>> = {
      'debug/deps/libunknown-0123456789abcdef.rlib': 'no library',
      'debug/.fingerprint/unknown-0123456789abcdef/lib-unknown.json': '{"rustc":1,',
      'debug/.fingerprint/unknown-0123456789abcdef/lib-unknown': 'not a hash',
      'debug/.fingerprint/empty-fedcba9876543210/lib-empty.json': '',
      'debug/.fingerprint/deep-0011223344556677/lib-deep.json': `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
      'debug/.fingerprint/wrong-8899aabbccddeeff/lib-wrong.json': 'null',
      'debug/build/strange/0123456789abcdef/fingerprint/lib-strange.json': '{}',
      'debug/.future-lock': '',
      'other-profile/deps/x': 'x',
    };
    for (const [name, text] of Object.entries(strange)) {
      mkdirSync(join(workspace.target, name, '..'), { recursive: true });
      writeFileSync(join(workspace.target, name), text);
    }
    await workspace.mount();
    await workspace.settled();
    // The same while the service looks on.
    for (const [name, text] of Object.entries(strange)) {
      expect(readFileSync(join(workspace.target, name), 'utf8')).toBe(text);
      writeFileSync(join(workspace.target, name), text);
    }
    await workspace.settled();
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    expect((await world.stats()).store.units).toBe(1);
    expect((await world.verify()).problems).toEqual([]);
  });

  test.each([
    ['hash file without text', 'lib-itoa', (path: string) => truncateSync(path, 0)],
    ['wrong hash file', 'lib-itoa', (path: string) => writeFileSync(path, '0123456789abcdef')],
    ['missing hash file', 'lib-itoa', (path: string) => rmSync(path)],
    ['missing dep-info', 'dep-lib-itoa', (path: string) => rmSync(path)],
    ['cut JSON', 'lib-itoa.json', (path: string) => truncateSync(path, 100)],
  ])('with a unit that has a %s shares nothing of it', async (_, name, damage) => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', five);
    await workspace.mustCargo('build');
    damage(join(await findIn(workspace, 'debug/.fingerprint', /^itoa-/), name));
    await workspace.mount();
    await workspace.settled();
    expect((await world.stats()).store.units).toBe(0);
    const second = await world.workspace('second', five);
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app', 'itoa']);
  });

  test('with a unit that lacks its library shares nothing of it', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', five);
    await workspace.mustCargo('build');
    rmSync(await findIn(workspace, 'debug/deps', /^libitoa-.*\.rlib$/));
    await workspace.mount();
    await workspace.settled();
    expect((await world.stats()).store.units).toBe(0);
    expect((await workspace.buildAndSettle()).compiled).toEqual(['app', 'itoa']);
    expect((await world.stats()).store.units).toBe(1);
  });

  test('may hold names that are not UTF-8, before, in and after the mount', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one', five);
    const at = (name: string): Buffer => Buffer.from(`${workspace.target}/${name}`, 'latin1');
    mkdirSync(at('before \xff'), { recursive: true });
    writeFileSync(at('before \xff/\xfe'), 'before');
    await workspace.mount();
    writeFileSync(at('inside \xc3('), 'inside');
    expect(readFileSync(at('before \xff/\xfe'), 'utf8')).toBe('before');
    await workspace.buildAndSettle();
    await workspace.unmount();
    await workspace.mount();
    expect(readFileSync(at('inside \xc3('), 'utf8')).toBe('inside');
    rmSync(at('before \xff/\xfe'));
    expect(existsSync(at('before \xff/\xfe'))).toBe(false);
    await workspace.unmount('--materialize');
    const names = readdirSync(workspace.target, { encoding: 'latin1' });
    expect(names).toEqual(expect.arrayContaining(['before \xff', 'inside \xc3(']));
    expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
  });
});

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
import { viewDirectory } from '../../src/views/view-directory.js';
import { detachMount, waitUntil } from '../support/processes.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import {
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

const emptied = (path: string): void => truncateSync(path, 0);
const replaced = (path: string): void => writeFileSync(path, '0123456789abcdef');
const removed = (path: string): void => rmSync(path);
const cut = (path: string): void => truncateSync(path, 100);

/** The one file below a directory whose name matches. */
function findBelow(directory: string, name: RegExp): string {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const [found, ...others] = entries.filter((entry) => name.test(entry.name));
  if (found === undefined || others.length > 0) throw new Error(`${directory}: ${name.source}`);
  return join(found.parentPath, found.name);
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
    await using full = await fullStore(world);
    const native = await world.workspace('native', { dependencies: itoa });
    await native.mount();
    await native.mustCargo('build');
    let paused: string | undefined;
    await waitUntil('promotion pauses', async () => {
      paused = (await world.xcacheJson<StatusResult>('status')).promotionPaused;
      return paused !== undefined;
    });
    expect(paused).toContain('is full');
    expect((await world.xcache('status')).stdout).toContain('paus');
    expect(await native.mustCargo('build')).toMatchObject(nothingToDo);
    expect((await world.stats()).store.units).toBe(0);
    truncateSync(full.filler, 0);
    expect((await world.xcache('gc')).exitCode).toBe(0);
    await waitUntil('units are stored', async () => (await world.stats()).store.units > 0);
    expect((await world.verify()).problems).toEqual([]);
    rmSync(full.filler);
    // Across disks, too, what is stored is served.
    const second = await world.workspace('second', { dependencies: itoa });
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app']);
  });
});

/** Starts the service with a store on a disk of its own that is full; the views are elsewhere. */
async function fullStore(world: World): Promise<{ readonly filler: string } & AsyncDisposable> {
  const home = join(world.path, 'home');
  const store = join(home, 'store');
  mkdirSync(store, { recursive: true });
  chmodSync(home, 0o700);
  chmodSync(store, 0o700);
  const disk = mountFor(world, '-t', 'tmpfs', '-o', 'mode=700,size=16m', 'none', store);
  await world.xcache('service', 'start');
  const filler = join(store, 'filler');
  expect(() => fill(filler)).toThrow(/ENOSPC/);
  return { filler, [Symbol.asyncDispose]: async () => await disk[Symbol.asyncDispose]() };
}

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
    await workspace.mount();
    await workspace.buildAndSettle();
    await workspace.unmount('--materialize');
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

  test.skipIf(!isRoot).each([
    ['nothing wrong', '.fingerprint', /^lib-itoa$/, () => undefined, ['app']],
    ['a hash file without text', '.fingerprint', /^lib-itoa$/, emptied, ['app', 'itoa']],
    ['a wrong hash file', '.fingerprint', /^lib-itoa$/, replaced, ['app', 'itoa']],
    ['no hash file', '.fingerprint', /^lib-itoa$/, removed, ['app', 'itoa']],
    ['no dep-info', '.fingerprint', /^dep-lib-itoa$/, removed, ['app', 'itoa']],
    ['a JSON that is cut', '.fingerprint', /^lib-itoa\.json$/, cut, ['app', 'itoa']],
    ['no library', 'deps', /^libitoa-.*\.rlib$/, removed, ['app', 'itoa']],
  ] as const)('has a unit with %s: what is whole is shared', async (...row) => {
    const [, directory, name, damage, compiled] = row;
    await using world = await createWorld();
    // Built by a known cargo, and not stored before the damage is done.
    await using full = await fullStore(world);
    const workspace = await world.workspace('one', five);
    await workspace.mount();
    await workspace.mustCargo('build');
    await world.killService();
    detachMount(workspace.target);
    const { upperDirectory } = viewDirectory(world.paths.viewsDirectory, workspace.target);
    damage(findBelow(join(upperDirectory, 'debug', directory), name));
    rmSync(full.filler);
    await workspace.mount();
    // The same environment as before, which builds other units.
    await workspace.mustCargo('check');
    await workspace.settled();
    const second = await world.workspace('second', five);
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(compiled);
    await world.xcache('service', 'stop');
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

/** A full disk, a service of an ordinary user, and few descriptors. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type TestContext } from 'vitest';
import { backingFdsMax } from '../../src/base/limits.js';
import { failing } from './kill-switch.js';
import { attachmentOf, b, get, list, lowerDirectory, lowerFile, put, World } from './world.js';

const { O_CREAT, O_RDWR } = constants;

/** A file system of one MiB, or a skipped test where nobody may mount one. */
function smallDisk(context: TestContext): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'xcache-small-'));
  const mount = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m', 'xcache-test', path]);
  if (mount.status !== 0) {
    rmSync(path, { recursive: true });
    context.skip('may not mount a small tmpfs');
  }
  return {
    path,
    [Symbol.dispose]() {
      spawnSync('/bin/umount', [path]);
      rmSync(path, { recursive: true });
    },
  };
}

function fill(world: World): void {
  const handle = world.driver.open(b('filler'), O_RDWR | O_CREAT);
  const block = Buffer.alloc(4_096);
  expect(() => {
    for (let i = 0; ; i += 1) world.driver.write(handle, block, i * block.length);
  }).toThrow(/ENOSPC/);
  world.driver.close(handle);
}

test('a full disk gives ENOSPC to the writer and harms nothing that is there', (context) => {
  using disk = smallDisk(context);
  using world = new World(disk.path);
  world.overlay.attach([
    attachmentOf('u', [lowerDirectory('u'), lowerFile('u/a', world.store('x'.repeat(50_000)))]),
  ]);
  put(world, 'own', 'kept');
  fill(world);
  expect(() => world.driver.setattr(b('u/a'), { mode: 0o600 })).toThrow(/ENOSPC/);
  world.overlay.assertInvariants();
  expect(get(world, 'u/a')).toBe('x'.repeat(50_000));
  expect(get(world, 'own')).toBe('kept');
  expect(readdirSync(`${world.upperDirectory}.work`)).toEqual(['clock']);
  expect(world.overlay.attachments()).toEqual([{ id: 'u', isIntact: true }]);
});

test('lower entries can be removed from a full disk, and stay removed', (context) => {
  using disk = smallDisk(context);
  using world = new World(disk.path);
  const entries = Array.from({ length: 200 }, (_, i) => lowerFile(`u/f${i}`, world.store('x')));
  world.overlay.attach([attachmentOf('u', [lowerDirectory('u'), ...entries])]);
  fill(world);
  for (const name of list(world, 'u')) world.driver.unlink(b(`u/${name}`));
  world.driver.rmdir(b('u'));
  world.driver.unlink(b('filler'));
  world.reopen();
  expect(list(world, '')).toEqual([]);
});

test('a view opens on a full disk and shows what was there', (context) => {
  using disk = smallDisk(context);
  using world = new World(disk.path);
  const content = 'x'.repeat(3_000);
  const entries = Array.from({ length: 20 }, (_, i) => lowerFile(`u/f${i}`, world.store(content)));
  world.overlay.attach([attachmentOf('u', [lowerDirectory('u'), ...entries])]);
  world.driver.unlink(b('u/f0'));
  fill(world);
  for (let round = 0; round < 3; round += 1) {
    world.reopen();
    expect(get(world, 'u/f19')).toBe(content);
    expect(list(world, 'u').length).toBe(19 - round);
    world.driver.unlink(b(`u/f${round + 1}`));
  }
  world.overlay.assertInvariants();
});

test('a copy-up that fails at its last step leaves the lower entry as it was', () => {
  using world = new World();
  const shared = world.store('shared');
  world.overlay.attach([
    attachmentOf('u', [
      lowerFile('a', shared, { linkGroup: 1 }),
      lowerFile('b', shared, { linkGroup: 1 }),
    ]),
  ]);
  failing('linkSync', 0, 'EIO', () => {
    expect(() => put(world, 'a', 'changed')).toThrow(/EIO/);
  });
  world.overlay.assertInvariants();
  expect([get(world, 'a'), get(world, 'b')]).toEqual(['shared', 'shared']);
  expect(readdirSync(world.upperDirectory)).toEqual([]);
  put(world, 'a', 'changed');
  expect(get(world, 'b')).toBe('changed');
});

test('a removal that fails leaves the name', () => {
  using world = new World();
  put(world, 'a', 'content');
  world.driver.mkdir(b('d'));
  failing('unlinkSync', 0, 'EIO', () => {
    expect(() => world.driver.unlink(b('a'))).toThrow(/EIO/);
  });
  failing('rmdirSync', 0, 'EIO', () => {
    expect(() => world.driver.rmdir(b('d'))).toThrow(/EIO/);
  });
  failing('renameSync', 0, 'EIO', () => {
    expect(() => world.driver.rename(b('d'), b('e'))).toThrow(/EIO/);
  });
  world.overlay.assertInvariants();
  expect(get(world, 'a')).toBe('content');
  expect(list(world, '')).toEqual(['a', 'd']);
});

test('more files than descriptors are read and written', () => {
  using world = new World();
  const count = backingFdsMax * 2 + 10;
  for (let i = 0; i < count; i += 1) put(world, `f${i}`, `content ${i}`);
  const before = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < count; i += 1) expect(get(world, `f${i}`)).toBe(`content ${i}`);
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before + 5);
  expect(before).toBeLessThan(backingFdsMax + 60);
});

test('closing gives all descriptors back, also those of open files without a name', () => {
  const before = readdirSync('/proc/self/fd').length;
  {
    using world = new World();
    world.overlay.attach([attachmentOf('u', [lowerFile('l', world.store('x'))])]);
    put(world, 'a', 'content');
    for (const path of ['a', 'l']) {
      world.driver.open(b(path), 0);
      world.driver.unlink(b(path));
    }
    expect(readdirSync('/proc/self/fd').length).toBeGreaterThan(before);
  }
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

test('using a file system after its close throws', () => {
  using world = new World();
  world.overlay.close();
  expect(() => world.overlay.getattr(1)).toThrow(/closed/);
});

test('an ordinary user writes to files whose mode forbids it, through handles from before', (context) => {
  if (process.getuid?.() !== 0) context.skip('only root can become somebody else');
  const directory = mkdtempSync(join(tmpdir(), 'xcache-user-'));
  chmodSync(directory, 0o755);
  mkdirSync(join(directory, 'home'));
  chownSync(join(directory, 'home'), 65_534, 65_534);
  process.setegid?.(65_534);
  process.seteuid?.(65_534);
  try {
    using world = new World(join(directory, 'home'));
    const handle = world.driver.open(b('a'), O_RDWR | O_CREAT, 0o444);
    // Enough others to take its descriptor away.
    for (let i = 0; i < backingFdsMax + 5; i += 1) put(world, `f${i}`, 'x');
    world.driver.write(handle, Buffer.from('content'), 0);
    world.driver.close(handle);
    expect(get(world, 'a')).toBe('content');
    expect(world.driver.stat(b('a'))).toMatchObject({ mode: 0o100444, uid: 65_534, gid: 65_534 });
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    rmSync(directory, { recursive: true });
  }
});

test('files that root makes for another user belong to that user', (context) => {
  if (process.getuid?.() !== 0) context.skip('only root serves other users');
  using world = new World();
  const caller = { pid: 1, uid: 1_000, gid: 1_001 };
  const attr = world.overlay.mknod(1, b('a'), 0o100644, caller);
  expect(attr).toMatchObject({ uid: 1_000, gid: 1_001 });
  expect(world.overlay.mkdir(1, b('d'), 0o755, caller)).toMatchObject({ uid: 1_000, gid: 1_001 });
});

test('a leading part of the upper directory may be spelled in any way', () => {
  using world = new World();
  world.overlay.close();
  writeFileSync(join(world.upperDirectory, 'a'), 'content');
  const { upperDirectory } = world;
  Object.assign(world, { upperDirectory: `${upperDirectory}/../upper//` });
  world.reopen();
  expect(list(world, '')).toEqual(['a']);
});

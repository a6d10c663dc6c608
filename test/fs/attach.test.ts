import { rmSync, truncateSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { byteStringFromBuffer, type VirtualPath } from '../../src/base/byte-string.js';
import type { LowerEntry } from '../../src/fs/lower.js';
import { attachmentOf, b, get, list, lowerDirectory, lowerFile, put, unitTimeNs } from './world.js';
import { failing } from './kill-switch.js';
import { World } from './world.js';

test('an attachment that meets a taken path is refused as a whole, with those that require it', () => {
  using world = new World();
  world.isVolatile = () => true;
  put(world, 'taken', 'mine');
  const refused = world.overlay.attach([
    attachmentOf('a', [lowerFile('free', world.store('1')), lowerFile('taken', world.store('2'))]),
    attachmentOf('b', [lowerFile('other', world.store('3'))], ['a']),
    attachmentOf('c', [lowerFile('third', world.store('4'))]),
  ]);
  expect(refused).toEqual(['a', 'b']);
  expect(list(world, '')).toEqual(['taken', 'third']);
  expect(get(world, 'taken')).toBe('mine');
  world.overlay.assertInvariants();
});

test('an attachment is refused while what it requires is missing or no longer intact', () => {
  using world = new World();
  world.overlay.attach([attachmentOf('dep', [lowerFile('dep', world.store('dep'))])]);
  const user = attachmentOf('user', [lowerFile('user', world.store('user'))], ['dep']);
  put(world, 'dep', 'changed');
  expect(world.overlay.attach([user])).toEqual(['user']);
  const lonely = attachmentOf('lonely', [lowerFile('x', world.store('x'))], ['never']);
  expect(world.overlay.attach([lonely])).toEqual(['lonely']);
});

test('an attachment that is there already and intact is no refusal', () => {
  using world = new World();
  const attachment = attachmentOf('a', [lowerFile('a', world.store('a'))]);
  expect(world.overlay.attach([attachment])).toEqual([]);
  expect(world.overlay.attach([attachment])).toEqual([]);
  put(world, 'a', 'changed');
  expect(world.overlay.attach([attachment])).toEqual(['a']);
});

test('an attachment whose bytes are missing or too short is refused', () => {
  using world = new World();
  const gone = world.store('gone');
  rmSync(world.backingPath(gone.digest));
  const short = world.store('short');
  const refused = world.overlay.attach([
    attachmentOf('gone', [lowerFile('gone', gone)]),
    attachmentOf('short', [lowerFile('short', { ...short, offset: 1 })]),
  ]);
  expect(refused).toEqual(['gone', 'short']);
  expect(list(world, '')).toEqual([]);
});

test.each(['', '/a', 'a/', 'a//b', '.', '../a', 'a/../b', 'a\0b', 'n'.repeat(256)])(
  'the path %j is refused',
  (path) => {
    using world = new World();
    const refused = world.overlay.attach([
      attachmentOf('bad', [lowerFile(path, world.store('x'))]),
    ]);
    expect(refused).toEqual(['bad']);
  },
);

test('directories of several attachments and of the upper layer are one', () => {
  using world = new World();
  world.isVolatile = () => true;
  world.driver.mkdir(b('deps'), 0o700);
  world.overlay.attach([
    attachmentOf('a', [
      lowerDirectory('deps'),
      lowerDirectory('x'),
      lowerFile('x/a', world.store('a')),
    ]),
    attachmentOf('b', [lowerDirectory('x'), lowerFile('x/b', world.store('b'))]),
  ]);
  put(world, 'x/c', 'c');
  expect(list(world, 'x')).toEqual(['a', 'b', 'c']);
  expect(world.driver.stat(b('deps')).mode & 0o777).toBe(0o700);
  expect(world.overlay.attachments().map(({ isIntact }) => isIntact)).toEqual([true, true]);
  world.overlay.assertInvariants();
  world.reopen();
  expect(list(world, 'x')).toEqual(['a', 'b', 'c']);
  world.overlay.assertInvariants();
});

test('missing directories above an entry are made, and are there after a remount', () => {
  using world = new World();
  world.overlay.attach([attachmentOf('a', [lowerFile('x/y/z', world.store('deep'))])]);
  expect(get(world, 'x/y/z')).toBe('deep');
  world.reopen();
  expect(get(world, 'x/y/z')).toBe('deep');
});

test('directories made for an attachment stay when what was in them is removed', () => {
  using world = new World();
  world.overlay.attach([attachmentOf('a', [lowerFile('x/y/z', world.store('deep'))])]);
  world.driver.unlink(b('x/y/z'));
  world.driver.rmdir(b('x/y'));
  world.reopen();
  expect(list(world, '')).toEqual(['x']);
  expect(list(world, 'x')).toEqual([]);
  world.overlay.assertInvariants();
});

test('a directory that was there before an attachment does not come back after its rename', () => {
  using world = new World();
  world.isVolatile = () => true;
  world.driver.mkdir(b('d'));
  world.overlay.attach([
    attachmentOf('a', [lowerDirectory('d'), lowerFile('d/a', world.store('x'))]),
  ]);
  world.driver.rename(b('d'), b('e'));
  world.reopen();
  expect(list(world, '')).toEqual(['e']);
});

test('lower files are never presented read-only', () => {
  using world = new World();
  world.overlay.attach([
    attachmentOf('a', [lowerFile('a', world.store('a'), { mode: 0o444 })]),
    attachmentOf('b', [lowerFile('b', world.store('b'), { mode: 0o555 })]),
  ]);
  expect(world.driver.stat(b('a')).mode & 0o777).toBe(0o644);
  expect(world.driver.stat(b('b')).mode & 0o777).toBe(0o755);
});

test('entries of one link group are one inode, before and after a remount', () => {
  using world = new World();
  const extent = world.store('shared');
  const linked = { linkGroup: 1 };
  world.overlay.attach([
    attachmentOf('a', [lowerFile('x', extent, linked), lowerFile('y', extent, linked)]),
  ]);
  for (let round = 0; round < 2; round += 1) {
    const [x, y] = [world.driver.stat(b('x')), world.driver.stat(b('y'))];
    expect(x).toEqual(y);
    expect(x.nlink).toBe(2);
    world.reopen();
  }
});

test('a lower symlink is followed and may have any target', () => {
  using world = new World();
  const target = byteStringFromBuffer(Buffer.from([0xff, 0x2f, 0x80]));
  const link: LowerEntry = { kind: 'symlink', path: b('l'), mtimeNs: unitTimeNs, target: 'file' };
  world.overlay.attach([
    attachmentOf('a', [
      lowerFile('file', world.store('x')),
      link,
      { ...link, path: b('odd'), target },
    ]),
  ]);
  expect(get(world, 'l')).toBe('x');
  world.reopen();
  expect(world.driver.readlink(b('odd'))).toEqual(Buffer.from([0xff, 0x2f, 0x80]));
  expect(world.driver.lstat(b('odd')).sizeBytes).toBe(3);
});

test('a missing volatile name is asked for once per lookup and found if it is attached', () => {
  using world = new World();
  world.driver.mkdir(b('deps'));
  const unit = attachmentOf('unit', [
    lowerFile('deps/libx.rlib', world.store('rlib')),
    lowerFile('deps/x.d', world.store('dep-info')),
  ]);
  world.resolvable.set('deps/libx.rlib', [unit]);
  expect(get(world, 'deps/libx.rlib')).toBe('rlib');
  expect(get(world, 'deps/x.d')).toBe('dep-info');
  expect(world.asked).toEqual(['deps/libx.rlib']);
  expect(world.events).toContain('attached unit; refused ');
});

test('a volatile name that is not resolved is absent for now, any other may be remembered', () => {
  using world = new World();
  world.isVolatile = (path) => path === 'volatile';
  const caller = { pid: 1, uid: 0, gid: 0 };
  expect(world.overlay.lookup(1, b('volatile'), caller)).toEqual({
    absent: true,
    isVolatile: true,
  });
  expect(world.overlay.lookup(1, b('other'), caller)).toEqual({ absent: true, isVolatile: false });
});

test('no entry appears under a name that the kernel may remember as absent', () => {
  using world = new World();
  const caller = { pid: 1, uid: 0, gid: 0 };
  world.overlay.lookup(1, b('name'), caller);
  const refused = world.overlay.attach([attachmentOf('a', [lowerFile('name', world.store('x'))])]);
  expect(refused).toEqual(['a']);
});

test('a resolver that throws is a miss and is reported', () => {
  using world = new World();
  world.isVolatile = () => true;
  Object.defineProperty(world.resolvable, 'get', {
    value: () => {
      throw new Error('the cache is broken');
    },
  });
  expect(() => get(world, 'x')).toThrow(/ENOENT/);
  expect(world.faults).toContainEqual(new Error('the cache is broken'));
});

test('making a name never asks the resolver', () => {
  using world = new World();
  world.isVolatile = () => true;
  const caller = { pid: 1, uid: 0, gid: 0 };
  world.overlay.mknod(1, b('a'), 0o100644, caller);
  world.overlay.mkdir(1, b('d'), 0o755, caller);
  world.overlay.symlink(1, b('l'), Buffer.from('x'), caller);
  expect(world.asked).toEqual([]);
});

test('an attachment whose bytes vanished while unmounted is dropped with those built on it', () => {
  using world = new World();
  const dep = world.store('dependency');
  world.overlay.attach([
    attachmentOf('dep', [
      lowerDirectory('d'),
      lowerFile('d/dep', dep),
      lowerFile('d/x', world.store('x')),
    ]),
    attachmentOf('user', [lowerFile('user', world.store('user'))], ['dep']),
    attachmentOf('other', [lowerFile('other', world.store('other'))]),
  ]);
  put(world, 'own', 'upper');
  rmSync(world.backingPath(dep.digest));
  world.reopen();
  expect(world.overlay.recovery.droppedAttachments).toEqual(['dep', 'user']);
  expect(list(world, '')).toEqual(['other', 'own']);
  world.overlay.assertInvariants();
});

test('a backing file that was cut short drops its attachment, too', () => {
  using world = new World();
  const extent = world.store('a longer content');
  world.overlay.attach([attachmentOf('a', [lowerFile('a', extent)])]);
  truncateSync(world.backingPath(extent.digest), 3);
  world.reopen();
  expect(world.overlay.recovery.droppedAttachments).toEqual(['a']);
});

test('reading a lower file whose backing file is cut short while mounted gives EIO', () => {
  using world = new World();
  const extent = world.store('a longer content');
  world.overlay.attach([attachmentOf('a', [lowerFile('a', extent)])]);
  truncateSync(world.backingPath(extent.digest), 3);
  expect(() => get(world, 'a')).toThrow(/EIO/);
});

test('a group of which nothing is left can be attached again', () => {
  using world = new World();
  const unit = attachmentOf('u', [lowerDirectory('d'), lowerFile('d/a', world.store('a'))]);
  world.isVolatile = () => true;
  world.overlay.attach([unit]);
  world.driver.unlink(b('d/a'));
  expect(world.overlay.attachments()).toEqual([]);
  expect(world.overlay.attach([unit])).toEqual([]);
  expect(world.overlay.attachments()).toEqual([{ id: 'u', isIntact: true }]);
  world.overlay.assertInvariants();
  world.reopen();
  expect(world.overlay.attachments()).toEqual([{ id: 'u', isIntact: true }]);
  expect(get(world, 'd/a')).toBe('a');
});

test('transient entries are taken away without a word, and open ones stay readable', () => {
  using world = new World();
  world.overlay.attach([
    attachmentOf('u', [
      lowerDirectory('out'),
      lowerFile('out/gen.rs', world.store('generated'), { isTransient: true }),
      lowerFile('out/kept', world.store('kept')),
    ]),
  ]);
  const handle = world.driver.open(b('out/gen.rs'), 0);
  world.overlay.dropTransient('u');
  expect(list(world, 'out')).toEqual(['kept']);
  const bytes = Buffer.alloc(9);
  expect(world.driver.read(handle, bytes, 0)).toBe(9);
  expect(bytes.toString()).toBe('generated');
  world.driver.close(handle);
  expect(world.events).toEqual([]);
  world.overlay.assertInvariants();
  world.reopen();
  expect(list(world, 'out')).toEqual(['kept']);
});

test('notes are kept across remounts, any text', () => {
  using world = new World();
  world.overlay.note('tombstone größe\n', 'x');
  world.overlay.note('gone', 'y');
  world.overlay.note('gone', null);
  for (let round = 0; round < 3; round += 1) {
    expect([...world.overlay.notes()]).toEqual([['tombstone größe\n', 'x']]);
    world.reopen();
  }
});

test('a snapshot tells layer, bytes and place of every entry', () => {
  using world = new World();
  world.overlay.attach([
    attachmentOf('u', [lowerDirectory('d'), lowerFile('d/a', world.store('a'))]),
  ]);
  put(world, 'd/b', 'bb');
  const entries = world.overlay.snapshot('d' as VirtualPath);
  expect(entries.map(({ path, kind, layer }) => [path, kind, layer])).toEqual([
    ['d', 'directory', 'upper'],
    ['d/a', 'file', 'lower'],
    ['d/b', 'file', 'upper'],
  ]);
  expect(entries[1]).toMatchObject({ attachment: 'u', sizeBytes: 1, hostPath: undefined });
  expect(entries[2]).toMatchObject({ hostPath: `${world.upperDirectory}/d/b`, sizeBytes: 2 });
  expect(world.overlay.snapshot('none' as VirtualPath)).toEqual([]);
  expect(world.overlay.names('d' as VirtualPath)).toEqual(['a', 'b']);
  expect(world.overlay.names('d/a' as VirtualPath)).toEqual([]);
  expect(world.overlay.readSmallFile(b('d/b'), 2)?.toString()).toBe('bb');
  expect(world.overlay.readSmallFile(b('d/b'), 1)).toBeUndefined();
});

test('an attachment that is in the tree is reported, also where the next one fails', () => {
  using world = new World();
  const first = attachmentOf('first', [lowerFile('a', world.store('a'))]);
  const second = attachmentOf('second', [lowerFile('b', world.store('b'))]);
  world.overlay.note('long', 'x'.repeat(70_000));
  world.resolvable.set('b', [first, second]);
  // The driver asks twice for a name that is absent for now.
  failing('writeSync', 1, 'EIO', () => world.driver.stat(b('b')));
  expect(world.faults).toMatchObject([{ code: 'EIO' }]);
  expect(world.events).toEqual([
    'attached first; refused second',
    'attached first second; refused ',
  ]);
  expect(get(world, 'a')).toBe('a');
  world.overlay.assertInvariants();
});

test('taking transient entries away does not look through the tree', () => {
  using world = new World();
  const many = Array.from({ length: 300 }, (_, i) => [
    lowerDirectory(`d${i}`),
    lowerFile(`d${i}/f`, world.store('x')),
  ]).flat();
  world.overlay.attach([
    attachmentOf('many', many),
    attachmentOf('u', [
      lowerDirectory('out'),
      lowerFile('out/one', world.store('1'), { isTransient: true, linkGroup: 7 }),
      lowerFile('out/two', world.store('1'), { isTransient: true, linkGroup: 7 }),
      lowerFile('out/up', world.store('2'), { isTransient: true }),
      lowerFile('out/gone', world.store('3'), { isTransient: true }),
      lowerFile('out/kept', world.store('4')),
    ]),
  ]);
  world.driver.setattr(b('out/up'), { mode: 0o600 });
  world.driver.unlink(b('out/gone'));
  world.overlay.assertInvariants();
  const values = vi.spyOn(Map.prototype, 'values');
  world.overlay.dropTransient('u');
  const looks = values.mock.calls.length;
  values.mockRestore();
  expect(looks).toBeLessThan(10);
  expect(list(world, 'out')).toEqual(['kept', 'up']);
  world.overlay.assertInvariants();
});

import { constants, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { attachmentOf, b, digestOf, get, list, lowerDirectory, lowerFile, put } from './world.js';
import { unitTimeNs, World } from './world.js';

const { O_RDONLY, O_RDWR, O_TRUNC } = constants;

/** A unit with a file of its own blob, two in a pack, a link group and a symlink. */
function worldWithUnit(): World {
  const world = new World();
  const pack = world.store('0123456789');
  const linked = world.store('linked');
  world.overlay.attach([
    attachmentOf('unit', [
      lowerDirectory('u'),
      lowerFile('u/whole', world.store('whole content')),
      lowerFile('u/first', { ...pack, sizeBytes: 4 }),
      lowerFile('u/second', { ...pack, offset: 4, sizeBytes: 6 }),
      lowerFile('u/l1', linked, { linkGroup: 7, mode: 0o755 }),
      lowerFile('u/l2', linked, { linkGroup: 7, mode: 0o755 }),
      { kind: 'symlink', path: b('u/link'), mtimeNs: unitTimeNs, target: 'whole' },
    ]),
  ]);
  return world;
}

function overwrite(world: World, path: string, text: string): void {
  const handle = world.driver.open(b(path), O_RDWR);
  world.driver.write(handle, Buffer.from(text), 0);
  world.driver.close(handle);
}

/** Nothing that was stored has changed. */
function expectStoreUntouched(world: World): void {
  for (const prefix of readdirSync(world.blobDirectory)) {
    for (const rest of readdirSync(`${world.blobDirectory}/${prefix}`)) {
      const bytes = readFileSync(`${world.blobDirectory}/${prefix}/${rest}`);
      expect(digestOf(bytes)).toBe(prefix + rest);
    }
  }
}

const changes: readonly (readonly [string, string, (world: World) => void])[] = [
  ['a write', 'u/second', (world) => overwrite(world, 'u/second', 'X')],
  ['a truncation', 'u/whole', (world) => world.driver.setattr(b('u/whole'), { sizeBytes: 2 })],
  [
    'opening with O_TRUNC',
    'u/whole',
    (world) => world.driver.close(world.driver.open(b('u/whole'), O_RDWR | O_TRUNC)),
  ],
  ['chmod', 'u/first', (world) => world.driver.setattr(b('u/first'), { mode: 0o600 })],
  ['utimens', 'u/first', (world) => world.driver.setattr(b('u/first'), { mtime: 1n })],
  ['chown', 'u/first', (world) => world.driver.setattr(b('u/first'), { uid: 0 })],
  ['link', 'u/first', (world) => world.driver.link(b('u/first'), b('u/new'))],
];

test.each(changes)(
  '%s copies a lower file up, tells the observer and spares the store',
  (...row) => {
    const [, path, change] = row;
    using world = worldWithUnit();
    const { ino } = world.driver.stat(b(path));
    change(world);
    expect(world.driver.stat(b(path)).ino).toBe(ino);
    expect(world.events).toContain(`detached ${path} of unit`);
    expect(world.overlay.attachments()).toEqual([{ id: 'unit', isIntact: false }]);
    expect(statSync(`${world.upperDirectory}/${path}`).isFile()).toBe(true);
    expectStoreUntouched(world);
    world.overlay.assertInvariants();
  },
);

test('copying up changes nothing that is seen but what was asked for', () => {
  using world = worldWithUnit();
  const before = world.driver.stat(b('u/whole'));
  world.driver.setattr(b('u/whole'), { mode: 0o600 });
  const after = world.driver.stat(b('u/whole'));
  expect({ ...after, ctimeNs: before.ctimeNs }).toEqual({ ...before, mode: 0o100600 });
  world.reopen();
  expect(world.driver.stat(b('u/whole')).mtimeNs).toBe(unitTimeNs);
});

test('the directory of a copied file keeps its times', () => {
  using world = worldWithUnit();
  world.driver.mkdir(b('u/made'));
  const before = world.driver.stat(b('u'));
  world.driver.setattr(b('u/whole'), { mode: 0o600 });
  expect(world.driver.stat(b('u')).mtimeNs).toBe(before.mtimeNs);
});

test('all names of a linked lower file go up together and stay one file', () => {
  using world = worldWithUnit();
  overwrite(world, 'u/l1', 'L');
  expect(get(world, 'u/l2')).toBe('Linked');
  const [first, second] = [world.driver.stat(b('u/l1')), world.driver.stat(b('u/l2'))];
  expect(first).toEqual(second);
  expect(first).toMatchObject({ nlink: 2, mode: 0o100755 });
  world.overlay.assertInvariants();
  world.reopen();
  expect(world.driver.stat(b('u/l1')).ino).toBe(world.driver.stat(b('u/l2')).ino);
});

test('truncating to nothing needs no byte of the store', () => {
  using world = worldWithUnit();
  world.driver.setattr(b('u/whole'), { sizeBytes: 0 });
  expect(get(world, 'u/whole')).toBe('');
  world.driver.setattr(b('u/second'), { sizeBytes: 8 });
  expect(get(world, 'u/second')).toBe('456789\0\0');
});

test('a lower file that is removed while open is read and written like any other', () => {
  using world = worldWithUnit();
  const handle = world.driver.open(b('u/second'), O_RDWR);
  world.driver.unlink(b('u/second'));
  const bytes = Buffer.alloc(6);
  world.driver.read(handle, bytes, 0);
  expect(bytes.toString()).toBe('456789');
  expect(world.driver.fstat(handle).nlink).toBe(0);
  world.driver.write(handle, Buffer.from('XY'), 5);
  const longer = Buffer.alloc(7);
  expect(world.driver.read(handle, longer, 0)).toBe(7);
  expect(longer.toString()).toBe('45678XY');
  world.driver.fsetattr(handle, { mode: 0o600, sizeBytes: 3, mtime: 5n });
  expect(world.driver.fstat(handle)).toMatchObject({ sizeBytes: 3, mtimeNs: 5n, nlink: 0 });
  world.driver.close(handle);
  expect(readdirSync(`${world.upperDirectory}.work`)).toEqual(['clock']);
  expectStoreUntouched(world);
  world.overlay.assertInvariants();
});

test.each(['u/whole', 'u/second'])(
  'a lower file (%s) that is removed while open is written to even if its bytes have left the store',
  (path) => {
    using world = worldWithUnit();
    const content = get(world, path);
    const handle = world.driver.open(b(path), O_RDWR);
    world.driver.unlink(b(path));
    // Nothing is served from it any more, so the owner of the store may clean up.
    for (const digest of [
      digestOf(Buffer.from('whole content')),
      digestOf(Buffer.from('0123456789')),
    ])
      rmSync(world.backingPath(digest));
    world.driver.write(handle, Buffer.from('X'), 1);
    const bytes = Buffer.alloc(100);
    const length = world.driver.read(handle, bytes, 0);
    expect(bytes.toString('utf8', 0, length)).toBe(`${content[0] ?? ''}X${content.slice(2)}`);
    world.driver.close(handle);
    expect(world.faults).toEqual([]);
  },
);

test('a lower file that rename replaces stays readable for those who hold it', () => {
  using world = worldWithUnit();
  put(world, 'new', 'new content');
  const handle = world.driver.open(b('u/whole'), O_RDONLY);
  world.driver.rename(b('new'), b('u/whole'));
  const bytes = Buffer.alloc(13);
  world.driver.read(handle, bytes, 0);
  expect(bytes.toString()).toBe('whole content');
  world.driver.close(handle);
  expect(get(world, 'u/whole')).toBe('new content');
  expect(world.events).toContain('removed u/whole of unit');
  world.reopen();
  expect(get(world, 'u/whole')).toBe('new content');
});

test('unlinking lower files is remembered', () => {
  using world = worldWithUnit();
  world.driver.unlink(b('u/whole'));
  world.driver.unlink(b('u/l1'));
  world.driver.unlink(b('u/link'));
  expect(world.events).toEqual([
    'removed u/whole of unit',
    'removed u/l1 of unit',
    'removed u/link of unit',
  ]);
  expect(world.driver.stat(b('u/l2')).nlink).toBe(1);
  world.overlay.assertInvariants();
  world.reopen();
  expect(list(world, 'u')).toEqual(['first', 'l2', 'second']);
  expect(world.driver.stat(b('u/l2')).nlink).toBe(1);
});

test('a lower tree is removed as rm -r does, and the emptied root is told', () => {
  using world = worldWithUnit();
  for (const name of list(world, 'u')) world.driver.unlink(b(`u/${name}`));
  world.driver.rmdir(b('u'));
  expect(world.events.slice(-2)).toEqual(['removed u of unit', 'root emptied']);
  expect(world.overlay.attachments()).toEqual([]);
  world.reopen();
  expect(list(world, '')).toEqual([]);
});

test('a lower directory is renamed with everything in it, and written to afterwards', () => {
  using world = worldWithUnit();
  world.driver.rename(b('u'), b('moved'));
  expect(list(world, 'moved')).toEqual(['first', 'l1', 'l2', 'link', 'second', 'whole']);
  expect(world.driver.stat(b('moved/whole')).mtimeNs).toBe(unitTimeNs);
  expect(get(world, 'moved/link')).toBe('whole content');
  expect(world.driver.stat(b('moved/l1')).nlink).toBe(2);
  put(world, 'moved/new', 'new');
  world.overlay.assertInvariants();
  world.reopen();
  expect(get(world, 'moved/second')).toBe('456789');
  expect(world.overlay.attachments()).toEqual([]);
});

test('the link count of a directory counts lower subdirectories', () => {
  using world = worldWithUnit();
  expect(world.driver.stat(b('')).nlink).toBe(3);
  world.driver.mkdir(b('own'));
  expect(world.driver.stat(b('')).nlink).toBe(4);
  expect(world.driver.stat(b('u')).nlink).toBe(2);
});

test('removing a lower file moves the time of its directory', () => {
  using world = worldWithUnit();
  const before = world.driver.stat(b('u')).mtimeNs;
  world.driver.unlink(b('u/whole'));
  expect(world.driver.stat(b('u')).mtimeNs).toBeGreaterThan(before);
});

test('small files and fingerprints are reported at each write, large ones once', () => {
  using world = new World();
  const large = Buffer.alloc(100_000);
  put(world, 'large', large);
  put(world, 'lib.json', large);
  put(world, 'small', 'x');
  world.events.length = 0;
  for (const path of ['large', 'lib.json', 'small']) {
    const handle = world.driver.open(b(path), O_RDWR);
    for (let i = 0; i < 2; i += 1)
      world.driver.write(handle, Buffer.from('y'), path === 'small' ? 0 : 90_000);
    world.driver.close(handle);
  }
  expect(world.events).toEqual([
    'changed lib.json',
    'changed lib.json',
    'changed small',
    'changed small',
  ]);
});

test('the clock of the file system is never ahead of what is written after', () => {
  using world = new World();
  for (let i = 0; i < 200; i += 1) {
    const nowNs = world.overlay.clockNs();
    put(world, 'a', `${i}`);
    const { mtimeNs } = world.driver.stat(b('a'));
    expect(mtimeNs).toBeGreaterThanOrEqual(nowNs);
    expect(world.overlay.clockNs()).toBeGreaterThanOrEqual(mtimeNs);
  }
});

test('touching a file gives it the time of the clock, not an older one', () => {
  using world = new World();
  put(world, 'a', 'x');
  const nowNs = world.overlay.clockNs();
  world.driver.setattr(b('a'), { atime: 'now', mtime: 'now' });
  const attr = world.driver.stat(b('a'));
  expect(attr.mtimeNs).toBeGreaterThanOrEqual(nowNs);
  expect(attr.atimeNs).toBe(attr.mtimeNs);
});

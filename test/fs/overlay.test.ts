import { readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { attachmentOf, b, get, list, lowerDirectory, lowerFile, put, unitTimeNs } from './world.js';
import { World } from './world.js';

function attachUnit(world: World): void {
  const refused = world.overlay.attach([
    attachmentOf('unit', [
      lowerDirectory('deps'),
      lowerFile('deps/libfoo.rlib', world.store('bytes of foo')),
      lowerFile('deps/foo.d', world.store('foo: foo.rs')),
    ]),
  ]);
  expect(refused).toEqual([]);
}

test('files written through the file system are real files of the upper directory', () => {
  using world = new World();
  world.driver.mkdir(b('debug'));
  put(world, 'debug/a', 'hello');
  expect(readFileSync(`${world.upperDirectory}/debug/a`, 'utf8')).toBe('hello');
  expect(get(world, 'debug/a')).toBe('hello');
  world.overlay.assertInvariants();
});

test('lower files are there with the bytes, the size and the time they were attached with', () => {
  using world = new World();
  attachUnit(world);
  expect(list(world, 'deps')).toEqual(['foo.d', 'libfoo.rlib']);
  expect(get(world, 'deps/libfoo.rlib')).toBe('bytes of foo');
  const attr = world.driver.stat(b('deps/libfoo.rlib'));
  expect(attr).toMatchObject({ sizeBytes: 12, mtimeNs: unitTimeNs, mode: 0o100644, nlink: 1 });
  world.overlay.assertInvariants();
});

test('writing to a lower file copies it up under the same inode and leaves the store alone', () => {
  using world = new World();
  attachUnit(world);
  const before = world.driver.stat(b('deps/libfoo.rlib'));
  const handle = world.driver.open(b('deps/libfoo.rlib'), 2);
  world.driver.write(handle, Buffer.from('BYTES'), 0);
  world.driver.close(handle);
  expect(get(world, 'deps/libfoo.rlib')).toBe('BYTES of foo');
  expect(world.driver.stat(b('deps/libfoo.rlib')).ino).toBe(before.ino);
  const { digest } = world.store('bytes of foo');
  expect(readFileSync(world.backingPath(digest), 'utf8')).toBe('bytes of foo');
  expect(world.events).toEqual(['detached deps/libfoo.rlib of unit', 'changed deps/libfoo.rlib']);
  expect(world.overlay.attachments()).toEqual([{ id: 'unit', isIntact: false }]);
  world.overlay.assertInvariants();
  world.reopen();
  expect(get(world, 'deps/libfoo.rlib')).toBe('BYTES of foo');
  expect(get(world, 'deps/foo.d')).toBe('foo: foo.rs');
});

test('adopted files keep inode, times and bytes and leave the upper directory', () => {
  using world = new World();
  put(world, 'a.rlib', 'content');
  world.driver.setattr(b('a.rlib'), { mtime: unitTimeNs });
  const before = world.driver.stat(b('a.rlib'));
  const [entry] = world.overlay.snapshot(b('a.rlib'));
  const extent = world.store('content');
  const adoption = {
    attachment: 'u',
    witnesses: [],
    files: [
      {
        path: b('a.rlib'),
        ino: entry!.ino,
        generation: entry!.generation,
        extent,
        disposal: 'drop' as const,
      },
    ],
  };
  expect(world.overlay.prepareAdoption(adoption)).toBe('done');
  expect(world.overlay.completeAdoption(adoption)).toBe('done');
  expect(world.driver.stat(b('a.rlib'))).toEqual(before);
  expect(get(world, 'a.rlib')).toBe('content');
  expect(statSync(`${world.upperDirectory}/a.rlib`, { throwIfNoEntry: false })).toBeUndefined();
  world.overlay.assertInvariants();
  world.reopen();
  expect(world.driver.stat(b('a.rlib'))).toMatchObject({ mtimeNs: unitTimeNs, sizeBytes: 7 });
});

test('rule 16: the clock for served files is never ahead of a file that is written later', () => {
  using world = new World();
  for (let round = 0; round < 200; round += 1) {
    const nowNs = world.overlay.clockNs();
    // A new one: kernels from 6.13 on stamp files precisely whose times were looked at.
    put(world, `file-${round}`, '');
    expect(world.driver.stat(b(`file-${round}`)).mtimeNs).toBeGreaterThanOrEqual(nowNs);
    expect(world.overlay.clockNs()).toBeGreaterThanOrEqual(nowNs);
  }
});

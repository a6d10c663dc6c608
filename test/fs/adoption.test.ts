import { existsSync, readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { AdoptedFile, Adoption } from '../../src/fs/view-control.js';
import { failing } from './kill-switch.js';
import { b, digestOf, get, put, World } from './world.js';

type Disposal = AdoptedFile['disposal'];

/** An adoption of all upper files below a path, as they are now. */
function adoptionOf(world: World, path: string, disposal: Disposal): Adoption {
  const entries = world.overlay.snapshot(b(path)).filter(({ kind }) => kind === 'file');
  const files = entries.map(({ hostPath, ...entry }): AdoptedFile => {
    const bytes = readFileSync(hostPath!);
    const extent = { digest: digestOf(bytes), offset: 0, sizeBytes: bytes.length };
    if (disposal === 'drop') world.store(bytes);
    return { path: entry.path, ino: entry.ino, generation: entry.generation, extent, disposal };
  });
  return { attachment: 'adopted', files, witnesses: [] };
}

function unitOf(world: World): void {
  world.driver.mkdir(b('u'));
  put(world, 'u/rlib', 'the rlib');
  put(world, 'u/exe', 'the program');
  world.driver.setattr(b('u/exe'), { mode: 0o755 });
  world.driver.link(b('u/exe'), b('u/exe-hash'));
}

test.each(['move', 'drop'] as const)('adopting by %s changes nothing that is seen', (disposal) => {
  using world = new World();
  unitOf(world);
  const names = ['u/rlib', 'u/exe', 'u/exe-hash'];
  const adoption = adoptionOf(world, 'u', disposal);
  const before = names.map((name) => world.driver.stat(b(name)));
  const directory = world.driver.stat(b('u'));
  expect(world.overlay.prepareAdoption(adoption)).toBe('done');
  expect(world.overlay.completeAdoption(adoption)).toBe('done');
  expect(names.map((name) => world.driver.stat(b(name)))).toEqual(before);
  expect(world.driver.stat(b('u')).mtimeNs).toBe(directory.mtimeNs);
  expect(get(world, 'u/exe-hash')).toBe('the program');
  expect(existsSync(`${world.upperDirectory}/u/rlib`)).toBe(false);
  expect(existsSync(`${world.upperDirectory}/u/exe-hash`)).toBe(false);
  for (const { extent } of adoption.files) {
    expect(statSync(world.backingPath(extent.digest))).toMatchObject({ mode: 0o100444, nlink: 1 });
  }
  expect(world.overlay.attachments()).toEqual([{ id: 'adopted', isIntact: true }]);
  expect(world.events.filter((event) => /detached|removed/.test(event))).toEqual([]);
  world.overlay.assertInvariants();
  world.reopen();
  expect(world.overlay.recovery.interruptedAdoptions).toBe(0);
  const mtimes = before.map(({ mtimeNs, mode, nlink }) => ({ mtimeNs, mode, nlink }));
  expect(names.map((name) => world.driver.stat(b(name)))).toMatchObject(mtimes);
});

test('a file that is open for writing goes on being written, as a copy', () => {
  using world = new World();
  put(world, 'a', 'content');
  const handle = world.driver.open(b('a'), 2);
  world.driver.write(handle, Buffer.from('C'), 0);
  const adoption = adoptionOf(world, 'a', 'move');
  world.overlay.prepareAdoption(adoption);
  world.overlay.completeAdoption(adoption);
  world.driver.write(handle, Buffer.from('X'), 1);
  world.driver.close(handle);
  expect(get(world, 'a')).toBe('CXntent');
  const { digest } = adoption.files[0]!.extent;
  expect(readFileSync(world.backingPath(digest), 'utf8')).toBe('Content');
  expect(world.events).toContain('detached a of adopted');
});

const disturbances: readonly (readonly [string, (world: World) => void])[] = [
  ['is written to', (world) => put(world, 'u/rlib', 'other bytes')],
  ['is written to with the same bytes', (world) => put(world, 'u/rlib', 'the rlib')],
  ['changes its mode', (world) => world.driver.setattr(b('u/rlib'), { mode: 0o600 })],
  ['changes its time', (world) => world.driver.setattr(b('u/rlib'), { mtime: 5n })],
  ['is removed', (world) => world.driver.unlink(b('u/rlib'))],
  ['is renamed', (world) => world.driver.rename(b('u/rlib'), b('u/moved'))],
  ['gets another name', (world) => world.driver.link(b('u/rlib'), b('u/new'))],
  ['is replaced', (world) => replace(world)],
  ['moves with its directory', (world) => world.driver.rename(b('u'), b('v'))],
];

function replace(world: World): void {
  put(world, 'new', 'the rlib');
  world.driver.rename(b('new'), b('u/rlib'));
}

test.each(disturbances)('an adoption is given up when a file of it %s in between', (_, disturb) => {
  using world = new World();
  unitOf(world);
  const adoption = adoptionOf(world, 'u', 'drop');
  expect(world.overlay.prepareAdoption(adoption)).toBe('done');
  disturb(world);
  const before = world.overlay.snapshot(b('')).filter(({ path }) => path !== '');
  expect(world.overlay.completeAdoption(adoption)).toBe('changed');
  expect(world.overlay.snapshot(b('')).filter(({ path }) => path !== '')).toEqual(before);
  expect(world.overlay.attachments()).toEqual([]);
  world.overlay.assertInvariants();
  world.reopen();
  const after = world.overlay.snapshot(b('')).filter(({ path }) => path !== '');
  expect(after.every(({ layer }) => layer === 'upper')).toBe(true);
  expect(after.map(({ path }) => path).sort()).toEqual(before.map(({ path }) => path).sort());
});

test('an adoption is refused when a name of a file is not part of it', () => {
  using world = new World();
  unitOf(world);
  const adoption = adoptionOf(world, 'u', 'drop');
  const files = adoption.files.filter(({ path }) => path !== 'u/exe-hash');
  expect(world.overlay.prepareAdoption({ ...adoption, files })).toBe('changed');
});

test('an adoption is refused for bytes of another length', () => {
  using world = new World();
  put(world, 'a', 'content');
  const adoption = adoptionOf(world, 'a', 'drop');
  const files = adoption.files.map((file) => ({ ...file, extent: world.store('contents') }));
  expect(world.overlay.prepareAdoption({ ...adoption, files })).toBe('changed');
});

test('nothing is dropped while the store does not have the bytes', () => {
  using world = new World();
  put(world, 'a', 'content');
  const adoption = adoptionOf(world, 'a', 'move');
  const files = adoption.files.map((file) => ({ ...file, disposal: 'drop' as const }));
  world.overlay.prepareAdoption({ ...adoption, files });
  expect(world.overlay.completeAdoption({ ...adoption, files })).toBe('changed');
  expect(get(world, 'a')).toBe('content');
});

test('completing without preparing does nothing', () => {
  using world = new World();
  put(world, 'a', 'content');
  expect(world.overlay.completeAdoption(adoptionOf(world, 'a', 'drop'))).toBe('changed');
});

test('equal files of one adoption share one backing file', () => {
  using world = new World();
  put(world, 'a', 'same');
  put(world, 'b', 'same');
  const files = ['a', 'b'].flatMap((path) => adoptionOf(world, path, 'move').files);
  const adoption = { attachment: 'both', files, witnesses: [] };
  world.overlay.prepareAdoption(adoption);
  expect(world.overlay.completeAdoption(adoption)).toBe('done');
  expect([get(world, 'a'), get(world, 'b')]).toEqual(['same', 'same']);
});

test('an error in the middle leaves each file in one of both layers, also after a remount', () => {
  using world = new World();
  put(world, 'a', 'first');
  put(world, 'b', 'second');
  const files = ['a', 'b'].flatMap((path) => adoptionOf(world, path, 'move').files);
  const adoption = { attachment: 'both', files, witnesses: [] };
  world.overlay.prepareAdoption(adoption);
  failing('renameSync', 1, 'EIO', () => {
    expect(() => world.overlay.completeAdoption(adoption)).toThrow(/EIO/);
  });
  expect([get(world, 'a'), get(world, 'b')]).toEqual(['first', 'second']);
  expect(world.overlay.attachments()).toEqual([{ id: 'both', isIntact: false }]);
  world.overlay.assertInvariants();
  world.driver.unlink(b('b'));
  world.reopen();
  expect(get(world, 'a')).toBe('first');
  expect(() => get(world, 'b')).toThrow(/ENOENT/);
});

test('an adoption that finds no room in the journal is revoked by the next change', () => {
  using world = new World();
  put(world, 'a', 'content');
  const adoption = adoptionOf(world, 'a', 'drop');
  expect(world.overlay.prepareAdoption(adoption)).toBe('done');
  // Uses up what is reserved.
  world.overlay.note('long', 'x'.repeat(52_000));
  failing('writeSync', 0, 'ENOSPC', () => {
    expect(() => world.overlay.completeAdoption(adoption)).toThrow('ENOSPC');
  });
  world.driver.unlink(b('a'));
  world.abandon();
  expect(() => world.driver.stat(b('a'))).toThrow('ENOENT');
  world.overlay.assertInvariants();
});

test.each(['before it is prepared', 'before it is completed'])(
  'a change %s of a file that was copied and stays spoils the whole adoption',
  (moment) => {
    using world = new World();
    put(world, 'u', 'adopted');
    put(world, 'linked', 'copied');
    const { files } = adoptionOf(world, 'u', 'move');
    const witnesses = adoptionOf(world, 'linked', 'move').files;
    const adoption = { attachment: 'u', files, witnesses };
    if (moment === 'before it is prepared') put(world, 'linked', 'another');
    else expect(world.overlay.prepareAdoption(adoption)).toBe('done');
    if (moment === 'before it is completed') put(world, 'linked', 'another');
    const outcome =
      moment === 'before it is prepared'
        ? world.overlay.prepareAdoption(adoption)
        : world.overlay.completeAdoption(adoption);
    expect(outcome).toBe('changed');
    expect([get(world, 'u'), get(world, 'linked')]).toEqual(['adopted', 'another']);
    world.overlay.assertInvariants();
  },
);

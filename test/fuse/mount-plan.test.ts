import { describe, expect, test } from 'vitest';
import { planMountPoint, type MountPointFacts } from '../../src/fuse/mount/mount-plan.js';
import type { MountEntry } from '../../src/host/mount-table.js';

const root: MountEntry = {
  id: 1,
  parentId: 0,
  device: '254:0',
  mountPoint: '/',
  options: ['rw'],
  fsType: 'ext4',
  source: '/dev/root',
  superOptions: ['rw'],
};

function mounted(mountPoint: string, changes: Partial<MountEntry> = {}): MountEntry {
  return { ...root, id: 2, mountPoint, fsType: 'fuse.xcache', source: 'xcache', ...changes };
}

function facts(changes: Partial<MountPointFacts> = {}): MountPointFacts {
  return {
    path: '/home/u/target',
    kind: 'directory',
    ownerUid: 1000,
    parentKind: 'directory',
    foreign: undefined,
    userUid: 1000,
    mountTable: [root],
    health: undefined,
    ownMountPoints: [],
    ownDirectories: ['/home/user/.cache/xcache'],
    ...changes,
  };
}

function refusal(changes: Partial<MountPointFacts>): unknown {
  try {
    return planMountPoint(facts(changes)).kind;
  } catch (error) {
    return error;
  }
}

describe('a mount point', () => {
  test('that is an own directory is ready', () => {
    expect(planMountPoint(facts())).toEqual({ kind: 'ready' });
  });

  test('that is missing is created where its parent is there', () => {
    expect(planMountPoint(facts({ kind: 'missing' }))).toEqual({ kind: 'create' });
    expect(refusal({ kind: 'missing', parentKind: 'missing' })).toMatchObject({
      code: 'XC_MOUNT_POINT',
      hint: 'mkdir -p /home/u/target',
    });
  });

  test('that is a file is refused', () => {
    expect(refusal({ kind: 'other' })).toMatchObject({
      code: 'XC_MOUNT_POINT',
      hint: 'mount a build directory such as ./target',
    });
  });

  test('that belongs to another user is refused, also to root', () => {
    expect(refusal({ ownerUid: 1001 })).toMatchObject({ code: 'XC_MOUNT_POINT' });
    expect(refusal({ ownerUid: 1000, userUid: 0 })).toMatchObject({ code: 'XC_MOUNT_POINT' });
  });

  test('that others could exchange is refused, whatever is there', () => {
    const foreign = { path: '/home', problem: 'is writable for other users' };
    const dead = { mountTable: [root, mounted('/home/u/target')], health: 'dead' } as const;
    for (const changes of [{}, { kind: 'missing' }, dead] as const) {
      expect(refusal({ ...changes, foreign })).toMatchObject({
        code: 'XC_MOUNT_POINT',
        message: expect.stringContaining('/home is writable for other users') as string,
      });
    }
  });

  test('that this service serves is served', () => {
    const mountTable = [root, mounted('/home/u/target')];
    expect(refusal({ mountTable, ownMountPoints: ['/home/u/target'] })).toBe('served');
  });

  test('that a killed service left behind is to be detached', () => {
    expect(refusal({ mountTable: [root, mounted('/home/u/target')], health: 'dead' })).toBe(
      'detach-dead',
    );
  });

  test('that another service serves, or that hangs, is refused', () => {
    for (const health of ['alive', 'hanging'] as const) {
      expect(refusal({ mountTable: [root, mounted('/home/u/target')], health })).toMatchObject({
        code: 'XC_MOUNTED_ELSEWHERE',
      });
    }
  });

  test('on which something else is mounted is refused', () => {
    const mountTable = [root, mounted('/home/u/target', { fsType: 'tmpfs' })];
    expect(refusal({ mountTable })).toMatchObject({ code: 'XC_MOUNTED_ELSEWHERE' });
  });

  test('inside a view or around one is refused', () => {
    const inside = { path: '/home/u/target/debug', mountTable: [root, mounted('/home/u/target')] };
    expect(refusal(inside)).toMatchObject({ code: 'XC_NESTED' });
    expect(refusal({ path: '/a/b', ownMountPoints: ['/a'] })).toMatchObject({ code: 'XC_NESTED' });
    const around = { path: '/home/u', mountTable: [root, mounted('/home/u/target')] };
    expect(refusal(around)).toMatchObject({ code: 'XC_NESTED' });
  });

  test('that would hide another mount is refused', () => {
    const mountTable = [root, mounted('/home/u/target/data', { fsType: 'ext4' })];
    expect(refusal({ mountTable })).toMatchObject({ code: 'XC_MOUNTED_ELSEWHERE' });
  });

  test('that holds the store, or lies in it, is refused', () => {
    expect(refusal({ path: '/home/user' })).toMatchObject({ code: 'XC_NESTED' });
    expect(refusal({ path: '/home/user/.cache/xcache/v1' })).toMatchObject({ code: 'XC_NESTED' });
    expect(refusal({ path: '/' })).toMatchObject({ code: 'XC_NESTED' });
  });

  test('on a read-only disk is refused', () => {
    const readOnly = mounted('/home/u', { fsType: 'ext4', options: ['ro'] });
    expect(refusal({ mountTable: [root, readOnly] })).toMatchObject({ code: 'XC_READ_ONLY' });
    expect(refusal({ mountTable: [{ ...root, superOptions: ['ro'] }] })).toMatchObject({
      code: 'XC_READ_ONLY',
    });
  });
});

import { describe, expect, test } from 'vitest';
import {
  findMount,
  findMountContaining,
  isWithin,
  parseMountTable,
  readMountTable,
} from '../../src/host/mount-table.js';

const sample = Buffer.from(
  [
    '22 1 254:0 / / rw,relatime - ext4 /dev/root rw',
    '40 22 0:39 / /home/a\\040b/target rw,nosuid,nodev,relatime shared:5 master:1 - fuse.xcache xcache rw,user_id=0',
    '41 22 0:40 / /disk\\134x ro,relatime - tmpfs tmp\\011fs rw,size=1k',
    '42 40 0:41 / /home/a\\040b/target rw - fuse.other other rw',
    '',
    'no line of the table',
  ].join('\n'),
);

describe('the table of mounts', () => {
  const table = parseMountTable(sample);

  test('is read with its optional fields and without its escapes', () => {
    expect(table.map(({ mountPoint }) => mountPoint)).toEqual([
      '/',
      '/home/a b/target',
      '/disk\\x',
      '/home/a b/target',
    ]);
    expect(table[1]).toMatchObject({ device: '0:39', fsType: 'fuse.xcache', source: 'xcache' });
    expect(table[2]).toMatchObject({
      options: ['ro', 'relatime'],
      superOptions: ['rw', 'size=1k'],
    });
  });

  test('shows the topmost of several mounts on one path', () => {
    expect(findMount('/home/a b/target', table)?.id).toBe(42);
  });

  test('tells which mount a path lies in, by whole names', () => {
    expect(findMountContaining('/home/a b/target/debug', table)?.id).toBe(42);
    expect(findMountContaining('/home/a b/targets', table)?.id).toBe(22);
    expect(isWithin('/disk\\xy', '/disk\\x')).toBe(false);
  });

  test('of this machine has a root', () => {
    expect(findMount('/', readMountTable())).toBeDefined();
  });
});

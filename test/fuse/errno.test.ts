import { readSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FsError } from '../../src/base/errors.js';
import { errnoOf } from '../../src/fuse/errno.js';

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('the errno of an error', () => {
  test('is that of its word', () => {
    expect(errnoOf(new FsError('ENOTEMPTY', 'rmdir'))).toEqual({ errno: 39, isFault: false });
    const full = Object.assign(new Error('disk full'), { code: 'ENOSPC' });
    expect(errnoOf(full)).toEqual({ errno: 28, isFault: false });
  });

  test('is EIO and a fault where the error is not one of the file system', () => {
    const errors = [new TypeError('x is not a function'), 'text', undefined, new Error('ENOENT')];
    for (const error of errors) expect(errnoOf(error)).toEqual({ errno: 5, isFault: true });
  });

  test('is EIO and a fault where a descriptor of ours is wrong', () => {
    const error = thrownBy(() => readSync(100_000, Buffer.alloc(1)));
    expect(errnoOf(error)).toEqual({ errno: 5, isFault: true });
  });

  test('is never ENOSYS, which would switch the operation off for good', () => {
    expect(errnoOf(new FsError('ENOSYS', 'fsync')).errno).toBe(95);
  });
});

/** The DIR of `mount` and `unmount` as the service wants it: absolute, and the same by any way. */
import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { XcacheError } from '../base/errors.js';
import { findExchangeable, inForeignHands } from '../host/replaceable-path.js';

/**
 * Resolves the symlinks on the way to `text`, and `text` itself where it is one. The directory need
 * not be there, or may be a dead mount: whether it will do is for the service to say. Throws
 * `XC_USAGE` for an empty argument, which would silently mean the working directory, and
 * `XC_MOUNT_POINT` for a path that is not UTF-8 (Node has replaced what it could not decode, so
 * the text names another directory) and for symlinks that another user could have put there.
 */
export async function resolveDirectory(text: string): Promise<string> {
  if (text === '') {
    throw new XcacheError('XC_USAGE', 'DIR is empty', { hint: 'name a directory: ./target' });
  }
  const path = resolve(text);
  if (path.includes('\ufffd')) {
    throw new XcacheError('XC_MOUNT_POINT', `${path} is not valid UTF-8`, {
      hint: 'only the path of the mount itself must be; names inside may be any bytes',
    });
  }
  if (path === '/') return path;
  const inRealParent = join(realOrSame(dirname(path)), basename(path));
  const resolved = isSymlink(inRealParent) ? realOrSame(inRealParent) : inRealParent;
  // Without symlinks it is what was asked for, and the service looks at the way to it.
  const foreign = resolved === path ? undefined : await findExchangeable(path);
  if (foreign !== undefined) throw inForeignHands(path, foreign);
  return resolved;
}

function realOrSame(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    // Missing, not permitted, a dead mount: the service meets the same fault and names it.
    return path;
  }
}

function isSymlink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    // As above.
    return false;
  }
}

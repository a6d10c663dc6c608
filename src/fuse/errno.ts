/**
 * The one place that turns an error of a file system operation into the errno which the calling
 * process sees.
 */
import { FsError, type ErrnoCode } from '../base/errors.js';

/**
 * errno numbers of Linux on every architecture that Node supports (`asm-generic/errno.h`).
 *
 * ENOSYS is answered as ENOTSUP (95): the kernel takes ENOSYS as "never ask again", after which a
 * failed FSYNC, for example, would count as success for the life of the mount.
 */
const numbers: Readonly<Record<ErrnoCode, number>> = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EMLINK: 31,
  ENAMETOOLONG: 36,
  ENOSYS: 95,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENOTSUP: 95,
  EDQUOT: 122,
  ESTALE: 116,
  EOVERFLOW: 75,
};

/** Words that come from the backing file system only when one of our own descriptors is wrong. */
const internalFaults: ReadonlySet<string> = new Set(['EBADF', 'EMFILE', 'ENFILE']);

function isErrnoCode(code: string): code is ErrnoCode {
  return Object.hasOwn(numbers, code);
}

export interface ErrnoAnswer {
  /** Positive errno. */
  readonly errno: number;
  /** True where the error is a fault of this program or of its host, which belongs in the log. */
  readonly isFault: boolean;
}

/** The errno for whatever an operation threw; anything unknown is EIO and a fault. */
export function errnoOf(error: unknown): ErrnoAnswer {
  if (error instanceof FsError)
    return { errno: numbers[error.code], isFault: error.code === 'EIO' };
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') {
    return { errno: numbers.EIO, isFault: true };
  }
  const { code } = error;
  if (internalFaults.has(code) || !isErrnoCode(code)) return { errno: numbers.EIO, isFault: true };
  return { errno: numbers[code], isFault: code === 'EIO' };
}

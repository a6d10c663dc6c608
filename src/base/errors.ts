/**
 * The two families of errors: `FsError` becomes an errno for the process that made a file system
 * call; `XcacheError` becomes one sentence for the person who ran a command.
 */

/** The errno words a file system operation of ours may answer with. */
export type ErrnoCode =
  | 'EPERM'
  | 'ENOENT'
  | 'EIO'
  | 'ENXIO'
  | 'EBADF'
  | 'EAGAIN'
  | 'ENOMEM'
  | 'EACCES'
  | 'EBUSY'
  | 'EEXIST'
  | 'EXDEV'
  | 'ENODEV'
  | 'ENOTDIR'
  | 'EISDIR'
  | 'EINVAL'
  | 'ENFILE'
  | 'EMFILE'
  | 'ETXTBSY'
  | 'EFBIG'
  | 'ENOSPC'
  | 'EROFS'
  | 'EMLINK'
  | 'ENAMETOOLONG'
  | 'ENOSYS'
  | 'ENOTEMPTY'
  | 'ELOOP'
  | 'ENOTSUP'
  | 'EDQUOT'
  | 'ESTALE'
  | 'EOVERFLOW';

/** An operation of the virtual file system that is answered with `code`. */
export class FsError extends Error {
  readonly code: ErrnoCode;

  constructor(code: ErrnoCode, operation: string, options?: ErrorOptions) {
    super(`${operation}: ${code}`, options);
    this.name = 'FsError';
    this.code = code;
  }
}

/**
 * Stable words for what can go wrong outside of a single file system call. They appear in `--json`
 * output and in logs, so a word is never renamed.
 */
export type XcacheErrorCode =
  | 'XC_USAGE'
  | 'XC_CONFIG'
  | 'XC_MOUNT_POINT'
  | 'XC_MOUNTED_ELSEWHERE'
  | 'XC_NESTED'
  | 'XC_NO_FUSE'
  | 'XC_NO_FUSERMOUNT'
  | 'XC_NO_MOUNT_HELPER'
  | 'XC_NO_LIBFUSE'
  | 'XC_MOUNT_FAILED'
  | 'XC_UNMOUNT_BUSY'
  | 'XC_NOT_MOUNTED'
  | 'XC_READ_ONLY'
  | 'XC_STORE_UNSAFE'
  | 'XC_STORE_VERSION'
  | 'XC_STORE_LOCKED'
  | 'XC_STORE_CORRUPT'
  | 'XC_NO_SPACE'
  | 'XC_OUTPUT'
  | 'XC_SERVICE_RUNNING'
  | 'XC_SERVICE_UNREACHABLE'
  | 'XC_SERVICE_FAILED'
  | 'XC_CARGO_CONFIG'
  | 'XC_CARGO_VERSION'
  | 'XC_NO_SYSTEMD'
  | 'XC_NOT_FOUND'
  | 'XC_INTERNAL';

/** A failure that a person can act on: one clear sentence, and a hint what to do. */
export class XcacheError extends Error {
  readonly code: XcacheErrorCode;
  readonly hint: string | undefined;

  constructor(
    code: XcacheErrorCode,
    message: string,
    options?: ErrorOptions & { readonly hint?: string },
  ) {
    super(message, options);
    this.name = 'XcacheError';
    this.code = code;
    this.hint = options?.hint;
  }
}

/** Whether `error` carries the errno word `code`, be it Node's or ours. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Throws when a condition that only a programming error can break does not hold. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${message}`);
}

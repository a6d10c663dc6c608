/**
 * The FUSE kernel protocol as far as it is spoken here: constants and message layouts from
 * `include/uapi/linux/fuse.h` of Linux v6.18 (protocol 7.45; everything used is in 7.28 or newer
 * and negotiated in INIT). Messages are in the host's byte order; this program runs on
 * little-endian machines only, so a 64-bit field is two 32-bit words, low word first.
 *
 * Offsets are in bytes from the start of the message where they name bytes, and in 32-bit words
 * where they end in `Word`. A request begins with `fuse_in_header` (40 bytes), a reply with
 * `fuse_out_header` (16 bytes).
 */

export const protocolMajor = 7;

/** The newest minor version that is announced; layouts of later ones only add fields we ignore. */
export const protocolMinor = 45;

/** `fuse_init_out` has its present length of 64 bytes, and zero-message open exists, since 7.23. */
export const protocolMinorMin = 23;

export const opcodes = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  access: 34,
  create: 35,
  interrupt: 36,
  ioctl: 39,
  destroy: 38,
  notifyReply: 41,
  batchForget: 42,
  fallocate: 43,
  rename2: 45,
  lseek: 46,
  copyFileRange: 47,
  statx: 52,
} as const;

/** Opcodes are below this number; counters are kept per opcode. */
export const opcodesMax = 64;

/** `fuse_in_header`: len, opcode, unique, nodeid, uid, gid, pid, total_extlen, padding. */
export const requestHeader = {
  bytes: 40,
  opcodeWord: 1,
  uniqueWord: 2,
  nodeIdWord: 4,
  uidWord: 6,
  gidWord: 7,
  pidWord: 8,
} as const;

/** The first word after `fuse_in_header`. */
export const requestBodyWord = 10;

/** `fuse_out_header`: len, error (negated errno), unique. */
export const replyHeader = { bytes: 16, lengthWord: 0, errorWord: 1, uniqueWord: 2 } as const;

/** The first word after `fuse_out_header`. */
export const replyBodyWord = 4;

/** Body lengths of fixed-size replies. */
export const bodyBytes = {
  init: 64,
  entry: 128,
  attr: 104,
  open: 16,
  write: 8,
  statfs: 80,
} as const;

/** `fuse_attr` in words from its start. */
export const attrWord = {
  ino: 0,
  size: 2,
  blocks: 4,
  atime: 6,
  mtime: 8,
  ctime: 10,
  atimeNsec: 12,
  mtimeNsec: 13,
  ctimeNsec: 14,
  mode: 15,
  nlink: 16,
  uid: 17,
  gid: 18,
  rdev: 19,
  blockBytes: 20,
  flags: 21,
} as const;

/** Bits of `fuse_init_in.flags` and `fuse_init_out.flags` that are used. */
export const initFlag = {
  asyncRead: 0x1,
  bigWrites: 0x20,
  parallelDirectoryOperations: 0x40000,
  abortError: 0x200000,
  maxPages: 0x400000,
  cacheSymlinks: 0x800000,
  explicitInvalidateData: 0x2000000,
  initExtended: 0x40000000,
} as const;

/** Bits of `flags2`, the upper half of the 64-bit flags: FUSE_REQUEST_TIMEOUT is bit 42. */
export const initFlag2 = { requestTimeout: 0x400 } as const;

/** Bits of `fuse_setattr_in.valid`. */
export const setattrFlag = {
  mode: 0x1,
  uid: 0x2,
  gid: 0x4,
  size: 0x8,
  atime: 0x10,
  mtime: 0x20,
  atimeNow: 0x80,
  mtimeNow: 0x100,
} as const;

/** `fuse_fsync_in.fsync_flags`. */
export const fsyncDataOnly = 1;

/** FUSE_WRITE_CACHE: the kernel writes what it has in memory, of no particular program. */
export const writeFromCache = 1;

/** `fuse_rename2_in.flags`, the numbers of renameat2(2). */
export const renameFlag = { noReplace: 1, exchange: 2 } as const;

/** What a directory entry shows where no inode number is known (libfuse's `FUSE_UNKNOWN_INO`). */
export const unknownIno = 0xffff_ffff;

/** `fuse_dirent` before the name: ino, off, namelen, type. Entries are padded to 8 bytes. */
export const direntHeaderBytes = 24;

/** `FUSE_NOTIFY_RETRIEVE`: asks the kernel for cached data of a node. */
export const notifyRetrieveCode = 5;

/** `fuse_out_header` and `fuse_notify_retrieve_out` together. */
export const notifyRetrieveBytes = 48;

/** errno numbers that the protocol itself needs. */
export const protocolErrno = { ENOENT: 2, EIO: 5, EPROTO: 71, ENOSYS: 38 } as const;

/**
 * A regular file in the root that no listing shows and the file system does not know. A process
 * that looks it up makes the kernel hold a node through which the serving thread can be woken
 * (`direct-wake.ts`).
 */
import type { Attr } from '../../fs/file-system.js';

export const wakeName: string = '.xcache-wake';

/** Beyond every number that a file system gives out. */
const wakeIno = 2 ** 52;

export const wakeNode: Attr = {
  ino: wakeIno,
  sizeBytes: 0,
  blocks: 0,
  atimeNs: 0n,
  mtimeNs: 0n,
  ctimeNs: 0n,
  mode: 0o100400,
  nlink: 1,
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  rdev: 0,
};

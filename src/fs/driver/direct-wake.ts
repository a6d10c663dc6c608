/**
 * Wakes the thread that sleeps in a read of /dev/fuse, so that it runs the commands that wait in
 * its port. A Node thread in a system call hears nothing else.
 */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../base/errors.js';
import { runCommand } from '../mount-command.js';
import { wakeNamePrefix } from './direct-names.js';
import type { DirectState } from './direct-state.js';
import { notifyRetrieveBytes, notifyRetrieveCode } from './protocol.js';

const wordSpan = 4294967296;

/** `awake`: it notices by itself after its request. `notified`, `entered`: how it was woken. */
export type WakeOutcome = 'awake' | 'notified' | 'entered';

/**
 * Announces that commands wait; call it after they were posted. The serving thread runs `onWake`
 * once for any number of announcements. Costs microseconds where the kernel holds a regular file
 * of the mount, else a child process enters the mount. Does not wait for `onWake`.
 */
export async function wakeDirectLoop(options: {
  readonly fd: number;
  readonly state: DirectState;
  readonly mountPoint: string;
}): Promise<WakeOutcome> {
  if (!options.state.announce()) return 'awake';
  if (notifyRetrieve(options.fd, options.state.wakeNode)) return 'notified';
  const name = `${wakeNamePrefix}${randomBytes(8).toString('hex')}`;
  await runCommand('stat', ['--', join(options.mountPoint, name)]);
  return 'entered';
}

/**
 * Asks the kernel for no bytes of a cached file: it answers with a NOTIFY_REPLY message to the
 * serving thread (`fuse_notify_retrieve`, fs/fuse/dev.c). False where it does not know the node.
 */
function notifyRetrieve(fd: number, ino: number): boolean {
  if (ino === 0) return false;
  const message = new Uint32Array(notifyRetrieveBytes / 4);
  message[0] = notifyRetrieveBytes;
  message[1] = notifyRetrieveCode;
  // Words 2 and 3 are zero, which marks a notification; 4 and 5 are its number, which nobody reads.
  message[6] = ino % wordSpan;
  message[7] = ino / wordSpan;
  try {
    writeSync(fd, message);
    return true;
  } catch (error) {
    // ENOENT: evicted since. EINVAL: not a regular file. ENODEV, ENOTCONN, EPERM: no such mount any more.
    if (error instanceof Error && retrieveRefusals.some((code) => isErrno(error, code)))
      return false;
    throw error;
  }
}

const retrieveRefusals = ['ENOENT', 'EINVAL', 'ENODEV', 'ENOTCONN', 'EPERM', 'ECONNABORTED'];

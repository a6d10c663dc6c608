/**
 * Wakes the thread that sleeps in a read of /dev/fuse, so that it runs the commands that wait in
 * its port. A Node thread in a system call hears nothing else.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../base/errors.js';
import { runCommand } from '../../host/run-command.js';
import type { DirectState } from './direct-state.js';
import { wakeName, wakeNode } from './direct-wake-node.js';
import { notifyRetrieveBytes, notifyRetrieveCode } from './protocol.js';

const wordSpan = 4294967296;

/** The owner's side of a served mount. */
export interface DirectConnection {
  readonly fd: number;
  readonly state: DirectState;
  readonly mountPoint: string;
}

/** `awake`: it notices by itself after its request. `notified`, `entered`: how it was woken. */
export type WakeOutcome = 'awake' | 'notified' | 'entered';

/**
 * Announces that commands wait; call it after they were posted. The serving thread runs `onWake`
 * once for any number of announcements; this does not wait for it. Costs microseconds, or a child
 * process that enters the mount where the kernel does not hold the wake node (`holdWakeNode`). A
 * mount that was detached is not reached that way.
 */
export async function wakeDirectLoop(connection: DirectConnection): Promise<WakeOutcome> {
  const { fd, state } = connection;
  if (!state.announce()) return 'awake';
  if (state.isWakeNodeHeld && notifyRetrieve(fd)) return 'notified';
  await holdWakeNode(connection);
  return 'entered';
}

/**
 * Has a child process look up the wake node, which the kernel then holds until it is short of
 * memory. Once after the mount: then the thread can be woken and stopped in microseconds, also in
 * a mount that was detached while in use. Returns false where the mount does not answer.
 */
export async function holdWakeNode(connection: DirectConnection): Promise<boolean> {
  // statfs, because that is never answered from the kernel's cache.
  const result = await runCommand('stat', ['-f', '--', join(connection.mountPoint, wakeName)]);
  return result.kind === 'exited' && result.status === 0;
}

/**
 * Makes the loop return although the mount is still there or still in use. Closing `fd` after that
 * ends the connection: whoever is inside gets ENOTCONN. For a shutdown that does not wait for
 * users of a detached mount.
 */
export async function stopDirectLoop(connection: DirectConnection): Promise<WakeOutcome> {
  connection.state.requestStop();
  return await wakeDirectLoop(connection);
}

/** What the kernel says where it does not know the node any more or the mount is gone. */
const retrieveRefusals = ['ENOENT', 'EINVAL', 'ENODEV', 'ENOTCONN', 'EPERM', 'ECONNABORTED'];

/**
 * Asks the kernel for no bytes of the wake node: it answers with a NOTIFY_REPLY message to the
 * serving thread (`fuse_notify_retrieve`, fs/fuse/dev.c). Refused for directories and unknown nodes.
 */
function notifyRetrieve(fd: number): boolean {
  const message = new Uint32Array(notifyRetrieveBytes / 4);
  message[0] = notifyRetrieveBytes;
  message[1] = notifyRetrieveCode;
  // Words 2 and 3 are zero, which marks a notification; 4 and 5 are its number, which nobody reads.
  message[6] = wakeNode.ino % wordSpan;
  message[7] = wakeNode.ino / wordSpan;
  try {
    writeSync(fd, message);
    return true;
  } catch (error) {
    if (retrieveRefusals.some((code) => isErrno(error, code))) return false;
    throw error;
  }
}

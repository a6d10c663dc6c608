/**
 * Mounts for an ordinary user: the set-uid program fusermount3 mounts, and the mount helper
 * (`mount-helper.rs`) connects this process's descriptor, because Node cannot receive the one that
 * fusermount3 sends. See native-notes/mounting-as-a-user.md.
 */
import { rm } from 'node:fs/promises';
import { XcacheError } from '../../base/errors.js';
import { cannotRunStatus, runCommand, type CommandResult } from '../../host/run-command.js';

/** What the helper ends with where there is no fusermount3. */
const missingStatus = 127;

/**
 * Mounts on `mountPoint` and connects `fd`, an open /dev/fuse without a connection, to it. `helper`
 * is from `ensureMountHelper`, `options` are those of fusermount3.
 * Throws XC_NO_FUSERMOUNT or XC_MOUNT_FAILED.
 */
export async function mountThroughHelper(mount: {
  readonly helper: string;
  readonly mountPoint: string;
  readonly options: string;
  readonly fd: number;
}): Promise<void> {
  const { helper, mountPoint, options, fd } = mount;
  const result = await runCommand(helper, [mountPoint, options], { inheritFd: fd });
  if (result.kind === 'exited' && result.status === 0) return;
  // The next mount compiles it anew.
  if (!hasStarted(result)) await rm(helper, { force: true });
  throw describeHelperFailure(mountPoint, result);
}

/** False where it was removed, is damaged, or was made for another system that shares this home. */
function hasStarted(result: CommandResult): boolean {
  if (result.kind !== 'exited') return result.kind !== 'missing';
  // A file that is no program is taken for a shell script (execvp(3)), which ends with these too.
  const isOdd = result.status === missingStatus || result.status === cannotRunStatus;
  return !isOdd || /^mount-helper: /m.test(result.stderr);
}

/** Pure: what a helper that has not mounted means for the user. */
export function describeHelperFailure(mountPoint: string, result: CommandResult): XcacheError {
  if (!hasStarted(result)) return notStarted();
  switch (result.kind) {
    case 'missing':
      return notStarted();
    case 'timeout':
      return new XcacheError('XC_MOUNT_FAILED', `${mountPoint}: fusermount3 does not come back`);
    case 'exited':
      if (result.status === missingStatus) return noFusermount('missing');
      if (result.status === cannotRunStatus) return noFusermount('not-permitted');
      return new XcacheError(
        'XC_MOUNT_FAILED',
        `${mountPoint}: ${result.stderr}`,
        hintFor(result.stderr),
      );
  }
}

function notStarted(): XcacheError {
  return new XcacheError('XC_MOUNT_FAILED', 'the mount helper cannot be started', {
    hint: 'try again: it is compiled anew then',
  });
}

/** Throws XC_NO_FUSERMOUNT with what to do where this user cannot run `program`. */
export async function checkFusermount(program: 'fusermount' | 'fusermount3'): Promise<void> {
  const result = await runCommand(program, ['-V']);
  if (result.kind === 'missing') throw noFusermount('missing', program);
  if (result.kind === 'exited' && result.status === cannotRunStatus) {
    throw noFusermount('not-permitted', program);
  }
}

function noFusermount(what: 'missing' | 'not-permitted', program = 'fusermount3'): XcacheError {
  return what === 'missing'
    ? new XcacheError('XC_NO_FUSERMOUNT', `the program ${program} is missing`, {
        hint: 'install it: apt install fuse3',
      })
    : new XcacheError('XC_NO_FUSERMOUNT', `this user may not run the program ${program}`, {
        hint: `ask for the right to it, often a group: ls -lL $(command -v ${program})`,
      });
}

/** The messages of fusermount3 (util/fusermount.c of libfuse) that need more than themselves. */
const hints: readonly (readonly [RegExp, string])[] = [
  [
    /too many FUSE filesystems/,
    'unmount some (xcache status), or raise mount_max in /etc/fuse.conf',
  ],
  [/could not determine username/, 'fusermount3 serves only users that getent passwd knows'],
  [/not owned by user|no write access/, 'mount on a directory that belongs to you'],
  [
    /failed to open \/dev\/fuse|mount failed: Operation not permitted/,
    'fusermount3 must be set-uid root (ls -lL $(command -v fusermount3)); in a container: --device /dev/fuse --cap-add SYS_ADMIN',
  ],
  [
    /FUSE_DEV_IOC_CLONE/,
    'this kernel cannot connect a second descriptor; use the other driver: --driver fuse-native',
  ],
];

function hintFor(message: string): { readonly hint?: string } {
  const hint = hints.find(([pattern]) => pattern.test(message))?.[1];
  return hint === undefined ? {} : { hint };
}

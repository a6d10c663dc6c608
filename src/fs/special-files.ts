/**
 * Fifos and sockets, which Node cannot make in place: they are made in the work directory by a
 * short-lived process and renamed, because the final name may not be text and may be too long.
 */
import { chmodSync, lchownSync, lstatSync, renameSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { FsError, isErrno } from '../base/errors.js';
import { runCommandSync } from '../host/run-command.js';
import { fifoType } from './inode.js';

export interface SpecialFile {
  readonly fileType: number;
  /** Permission bits. */
  readonly mode: number;
  /** Where it is made, on the file system of `path`. */
  readonly temporary: string;
  readonly path: string | Buffer;
  /** The directory of `path`. */
  readonly parent: string | Buffer;
}

/** Binds a socket to the name it is given, and ends without taking the name away again. */
const bindProgram =
  "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";

/** Throws EPERM where this machine cannot make it. */
export function createSpecial(special: SpecialFile): void {
  const { fileType, mode, temporary } = special;
  // A relative name: addresses of sockets are 107 bytes at most.
  const [command, args] =
    fileType === fifoType
      ? ['mkfifo', ['--', basename(temporary)]]
      : [process.execPath, ['-e', bindProgram, '--', basename(temporary)]];
  // Beside the upper directory, which is in no mount of ours.
  runCommandSync(command, args, { cwd: dirname(temporary) });
  if (lstatSync(temporary, { throwIfNoEntry: false }) === undefined) {
    throw new FsError('EPERM', 'mknod');
  }
  chmodSync(temporary, mode);
  takeGroupOf(special.parent, temporary);
  renameSync(temporary, special.path);
}

/** As everything else that is made in a set-group-id directory, where this user is in the group. */
function takeGroupOf(directory: string | Buffer, temporary: string): void {
  const stats = lstatSync(directory);
  if ((stats.mode & 0o2000) === 0) return;
  try {
    lchownSync(temporary, -1, stats.gid);
  } catch (error) {
    if (!isErrno(error, 'EPERM')) throw error;
  }
}

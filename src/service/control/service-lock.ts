/**
 * At most one service per store. The lock is flock(2) on the pid file: it ends with the process
 * however that ends, so it can never be stale, and the file says who holds it.
 */
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { cannotRunStatus, runCommand } from '../../host/run-command.js';
import { isErrno, XcacheError } from '../../base/errors.js';
import { createExclusiveDirectory } from '../../host/private-directory.js';
import type { XcachePaths } from '../../host/paths.js';

/** What the pid file says. It may be left over: only the lock tells whether a service runs. */
export interface ServiceRecord {
  readonly pid: number;
  readonly socketPath: string;
}

/**
 * Takes the lock for the life of this process; to be called before the store or the socket is
 * touched. Throws `XC_SERVICE_RUNNING` with the pid of the holder.
 */
export async function acquireServiceLock(paths: XcachePaths): Promise<AsyncDisposable> {
  await createExclusiveDirectory(dirname(paths.pidFile), 'own');
  const handle = await open(paths.pidFile, 'a+', 0o600);
  if (!(await tryFlock(handle))) {
    await handle.close();
    const holder = await loadServiceRecord(paths.pidFile);
    throw new XcacheError(
      'XC_SERVICE_RUNNING',
      `a service for ${paths.storeDirectory} runs already (pid ${holder?.pid ?? 'unknown'})`,
      { hint: 'stop it with: xcache service stop' },
    );
  }
  const record: ServiceRecord = { pid: process.pid, socketPath: paths.socketPath };
  await handle.truncate(0);
  await handle.write(`${JSON.stringify(record)}\n`);
  let isHeld = true;
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      if (!isHeld) return;
      isHeld = false;
      await handle.truncate(0);
      await handle.close();
    },
  };
}

/** Who wrote the pid file last; undefined where nobody did or the content is not ours. */
export async function loadServiceRecord(pidFile: string): Promise<ServiceRecord | undefined> {
  try {
    const content: unknown = JSON.parse(await readFile(pidFile, 'utf8'));
    if (typeof content !== 'object' || content === null) return undefined;
    if (!('pid' in content) || !('socketPath' in content)) return undefined;
    const { pid, socketPath } = content;
    if (!Number.isSafeInteger(pid) || typeof socketPath !== 'string') return undefined;
    return { pid: pid as number, socketPath };
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Whether a process exists and has not ended. (A zombie has: kill(2) alone would not tell. But one
 * whose other threads still end has files open.)
 */
export async function isProcessAlive(pid: number): Promise<boolean> {
  try {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program name in parentheses, which may hold anything.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    const state = fields[0] ?? '';
    return (state !== 'Z' && state !== 'X') || Number(fields[threadCountField]) > 1;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}

/** `num_threads` of proc_pid_stat(5), counted from `state`. */
const threadCountField = 17;

/**
 * The lock belongs to the open file that flock(1) shares with this process, and stays when flock(1)
 * ends. Node has no call for it. Without flock(1) the lock of the store's database has to do.
 */
async function tryFlock(handle: FileHandle): Promise<boolean> {
  const result = await runCommand('flock', ['-n', '3'], { inheritFd: handle.fd });
  if (result.kind === 'timeout') return false;
  return result.kind === 'missing' || result.status === 0 || result.status === cannotRunStatus;
}

/** Checks of directories and space: who owns what, and how much is left. */
import { access, chmod, constants, lstat, stat, statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute } from 'node:path';
import { isErrno } from '../../base/errors.js';
import type { Check, DoctorOptions, Finding } from './doctor-finding.js';
import type { XcachePaths } from '../../host/paths.js';

/** Below the first promotion soon pauses, below the second builds fail too. */
const scarceBytes = 2 * 2 ** 30;
const hardlyAnyBytes = 100 * 2 ** 20;

export function diskChecks({ paths }: DoctorOptions): readonly Check[] {
  return [
    { name: 'HOME', run: checkHome },
    { name: 'XDG_RUNTIME_DIR', run: checkRuntimeDirectory },
    ...ownDirectories(paths).map(({ name, path, forbidden }) => ({
      name,
      run: async () => await checkOwnDirectory(path, forbidden),
    })),
    { name: 'disk space', run: async () => await checkSpace(paths.storeDirectory) },
  ];
}

function ownDirectories(
  paths: XcachePaths,
): readonly { readonly name: string; readonly path: string; readonly forbidden: number }[] {
  return [
    { name: 'store', path: paths.storeDirectory, forbidden: 0o077 },
    { name: 'views', path: paths.viewsDirectory, forbidden: 0o077 },
    { name: 'state', path: paths.stateDirectory, forbidden: 0o022 },
    { name: 'socket', path: dirname(paths.socketPath), forbidden: 0o077 },
  ];
}

async function checkHome(): Promise<Finding> {
  const named = process.env['HOME'];
  const home = named ?? homedir();
  if (named === undefined || named === '') {
    return { state: 'warn', message: `HOME is not set; ${home} is used`, hint: 'set HOME' };
  }
  if (!isAbsolute(home)) {
    return { state: 'fail', message: `HOME=${home} is no absolute path`, hint: 'set HOME' };
  }
  return await checkUsable('HOME', home);
}

async function checkRuntimeDirectory(): Promise<Finding> {
  const directory = process.env['XDG_RUNTIME_DIR'];
  if (directory === undefined || directory === '') {
    return { state: 'note', message: 'not set; the control socket lies beside the store' };
  }
  if (!isAbsolute(directory)) {
    const message = `XDG_RUNTIME_DIR=${directory} is no absolute path and is ignored`;
    return { state: 'warn', message, hint: 'unset it, or let your login set it' };
  }
  return await checkUsable('XDG_RUNTIME_DIR', directory);
}

async function checkUsable(name: string, path: string): Promise<Finding> {
  const fail = (what: string, hint: string): Finding => ({
    state: 'fail',
    message: `${name}=${path} ${what}`,
    hint,
  });
  let status;
  try {
    status = await stat(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    return fail('does not exist', `create it, or set ${name} to a directory of yours`);
  }
  if (!status.isDirectory()) return fail('is not a directory', `set ${name} to one of yours`);
  const uid = process.geteuid?.();
  if (status.uid !== uid) {
    const hint = `set ${name} to a directory of yours; after su or sudo use a login shell`;
    return fail(`belongs to user ${status.uid}, and you are user ${uid ?? '?'}`, hint);
  }
  try {
    await access(path, constants.W_OK | constants.X_OK);
  } catch {
    return fail('cannot be written to', 'set XCACHE_HOME to a directory that can');
  }
  return { state: 'ok', message: path };
}

async function checkOwnDirectory(path: string, forbidden: number): Promise<Finding> {
  let status;
  try {
    status = await lstat(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    return { state: 'note', message: `${path} is not made yet` };
  }
  // A store may be moved elsewhere and linked to.
  if (status.isSymbolicLink()) status = await stat(path);
  if (!status.isDirectory()) {
    return { state: 'fail', message: `${path} is not a directory`, hint: 'move it out of the way' };
  }
  if (status.uid !== process.geteuid?.()) {
    const message = `${path} belongs to user ${status.uid}`;
    return { state: 'fail', message, hint: `run: sudo chown -R "$(id -un)" '${path}'` };
  }
  const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
  if ((status.mode & forbidden) === 0) return { state: 'ok', message: `${path} (mode ${mode})` };
  return {
    state: (status.mode & 0o022) === 0 ? 'warn' : 'fail',
    message: `${path} is open to others (mode ${mode})`,
    fix: async () => {
      await chmod(path, 0o700);
      return 'its mode is 0700 now';
    },
  };
}

async function checkSpace(storeDirectory: string): Promise<Finding> {
  const { path, free, total } = await spaceAround(storeDirectory);
  const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  const message = `${gib(free)} of ${gib(total)} GiB are free at ${path}`;
  if (free >= scarceBytes) return { state: 'ok', message };
  const hint = 'make room: xcache gc --max-size SIZE';
  return { state: free < hardlyAnyBytes ? 'fail' : 'warn', message, hint };
}

/** Of the file system that has, or would get, `directory`. */
async function spaceAround(
  directory: string,
): Promise<{ readonly path: string; readonly free: number; readonly total: number }> {
  try {
    const { bavail, blocks, bsize } = await statfs(directory);
    return { path: directory, free: bavail * bsize, total: blocks * bsize };
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || dirname(directory) === directory) throw error;
    return await spaceAround(dirname(directory));
  }
}

/**
 * The mount helper (`mount-helper.rs`) as an executable of this user. It is compiled once, by the
 * rustc that every user of cargo has, so that no machine code is handed out.
 */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import {
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, XcacheError } from '../../base/errors.js';
import { cannotRunStatus, runCommand, systemPath } from '../../host/run-command.js';

export interface MountHelperPlace {
  /** Absolute; made (0700) where it is missing. What lies there may be deleted at any time. */
  readonly directory: string;
  /** Is told in one sentence what takes long. */
  readonly notice: (message: string) => void;
}

const sourceUrl = new URL('mount-helper.rs', import.meta.url);

/** All names of ours begin so. A home may be shared by machines with different processors. */
const prefix = `mount-helper-${process.arch}-`;

/** Debian's rustc takes 0.7 s; a rustup that is busy with an update makes it wait. */
const compileTimeoutMs = 60_000;

/** Lines of rustc's messages that an error shows. */
const messageLinesMax = 6;

/** What `env` says where it does not find the program. */
const missingStatus = 127;

/**
 * The path of the helper. Compiles it where it is missing, of another version, or not this user's
 * alone. Throws XC_NO_MOUNT_HELPER where that is not possible.
 */
export async function ensureMountHelper(place: MountHelperPlace): Promise<string> {
  const source = await readFile(sourceUrl);
  const digest = createHash('sha256').update(source).digest('hex').slice(0, 16);
  const path = join(place.directory, `${prefix}${digest}`);
  await checkDirectory(place.directory);
  if (isUsable(await statusOf(path))) return path;
  place.notice('compiling the mount helper with rustc, which takes about a second');
  await build(place.directory, path, source);
  return path;
}

/** A directory that others can write to would let them exchange what this user runs. */
async function checkDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new XcacheError('XC_NO_MOUNT_HELPER', `${directory} cannot be created`, { cause: error });
  }
  const status = await statusOf(directory);
  if (status?.isDirectory() === true && status.uid === process.geteuid?.()) {
    if ((status.mode & 0o022) === 0) return;
  }
  throw new XcacheError('XC_NO_MOUNT_HELPER', `others may write to ${directory}`, {
    hint: `run: chmod 700 '${directory}'`,
  });
}

function isUsable(status: Stats | undefined): boolean {
  return (
    status?.isFile() === true &&
    status.uid === process.geteuid?.() &&
    (status.mode & 0o777) === 0o700 &&
    status.size > 0
  );
}

async function statusOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** In a directory of its own, so that what appears under `path` is complete. */
async function build(directory: string, path: string, source: Buffer): Promise<void> {
  await removeOthers(directory);
  const work = await mkdtemp(join(directory, `${prefix}build-`));
  try {
    const program = join(work, 'mount-helper');
    await writeFile(`${program}.rs`, source, { mode: 0o600 });
    await compile(`${program}.rs`, program);
    await secure(program);
    await tryOut(program);
    await rename(program, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Helpers of other versions, and what a killed compilation has left. */
async function removeOthers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(prefix)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function compile(source: string, program: string): Promise<void> {
  const options = ['--edition', '2018', '-O', '-C', 'debuginfo=0', '-C', 'strip=symbols'];
  // Through env, because this process must not search the user's path itself (run-command.ts).
  const result = await runCommand('/usr/bin/env', ['rustc', ...options, '-o', program, source], {
    environment: compilerEnvironment(),
    timeoutMs: compileTimeoutMs,
  });
  if (result.kind === 'exited' && result.status === 0) return;
  if (result.kind === 'missing' || (result.kind === 'exited' && isNotFound(result.status))) {
    throw unable('there is no rustc to compile the mount helper with', 'install Rust (rustup.rs)');
  }
  if (result.kind === 'timeout') throw unable('rustc does not come back');
  const lines = result.stderr.split('\n').slice(0, messageLinesMax).join('\n');
  throw unable(`rustc cannot compile the mount helper: ${lines}`, 'see whether rustc works here');
}

/**
 * The caller's own environment, with a path that also leads to where rustup puts the compiler: a
 * service that was started at login may not have it.
 */
function compilerEnvironment(): NodeJS.ProcessEnv {
  const env = process.env;
  const cargoHome = env['CARGO_HOME'] ?? join(env['HOME'] ?? '/', '.cargo');
  const path = [env['PATH'], join(cargoHome, 'bin'), systemPath].filter(Boolean).join(':');
  return { ...env, PATH: path, LC_ALL: 'C' };
}

/** Nobody looks into it later, so it must be whole on the disk before it has its name. */
async function secure(program: string): Promise<void> {
  const handle = await open(program, constants.O_RDONLY);
  try {
    await handle.chmod(0o700);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isNotFound(status: number): boolean {
  return status === missingStatus || status === cannotRunStatus;
}

async function tryOut(program: string): Promise<void> {
  const result = await runCommand(program, ['--check']);
  if (result.kind === 'exited' && result.status === 0) return;
  const reason = result.kind === 'exited' ? result.stderr : result.kind;
  throw unable(`the mount helper cannot be run: ${reason}`, 'is its file system mounted noexec?');
}

function unable(message: string, remedy?: string): XcacheError {
  const other = 'use the other driver: --driver fuse-native';
  return new XcacheError('XC_NO_MOUNT_HELPER', message, {
    hint: remedy === undefined ? other : `${remedy}, or ${other}`,
  });
}

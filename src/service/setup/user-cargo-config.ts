/** The user's own configuration of cargo: finding it, and changing `build.build-dir` in it. */
import { randomBytes } from 'node:crypto';
import {
  chown,
  lstat,
  mkdir,
  open,
  readFile,
  realpath,
  rename,
  stat,
  unlink,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { syncDirectory } from '../../base/atomic-file.js';
import { isErrno, XcacheError } from '../../base/errors.js';
import { buildDirTemplate } from '../../views/user-mount/auto-paths.js';
import {
  insertBuildDir,
  parseBuildDir,
  removeBuildDir,
  type InsertOutcome,
} from './cargo-config-edit.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** The user's configuration file, which may not exist yet. */
export interface UserCargoConfig {
  /** As cargo names it. */
  readonly path: string;
  /** What `path` leads to, through symbolic links. */
  readonly realPath: string;
  /** Undefined where there is no file. */
  readonly text: string | undefined;
  /** The other name, where both files exist: cargo reads `path` alone. */
  readonly shadowed: string | undefined;
}

/** `$CARGO_HOME`, else `~/.cargo` (The Cargo Book, "Cargo Home"). */
export function cargoHomeOf(env: Environment = process.env): string {
  const named = env['CARGO_HOME'];
  if (named !== undefined && named !== '') return resolve(named);
  return join(env['HOME'] ?? homedir(), '.cargo');
}

/**
 * Reads the file that cargo would read: `config` before `config.toml` where both exist (The Cargo
 * Book, "Configuration", hierarchical structure). Throws `XC_CARGO_CONFIG` where it cannot be read.
 */
export async function loadUserCargoConfig(cargoHome: string): Promise<UserCargoConfig> {
  const current = join(cargoHome, 'config.toml');
  const older = join(cargoHome, 'config');
  const hasOlder = await isThere(older);
  const path = hasOlder ? older : current;
  const shadowed = hasOlder && (await isThere(current)) ? current : undefined;
  if (!(await isThere(path))) return { path, realPath: path, text: undefined, shadowed };
  try {
    const realPath = await realpath(path);
    if (!(await stat(realPath)).isFile()) throw new Error('it is not a file');
    const bytes = await readFile(realPath);
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { path, realPath, text, shadowed };
  } catch (error) {
    throw configError(`${path} cannot be read: ${reasonOf(error)}`, error);
  }
}

/** Whether `value` is one that a setup of xcache writes, be it with another directory. */
export function isOwnTemplate(value: string): boolean {
  return value.endsWith(buildDirTemplate(''));
}

/** The value that the file has now. Throws `XC_CARGO_CONFIG` where the file is no TOML. */
export function userBuildDir({ path, text }: UserCargoConfig): string | undefined {
  return text === undefined ? undefined : naming(path, () => parseBuildDir(text));
}

/** What setting `value` would do to the file. Throws `XC_CARGO_CONFIG`. */
export function planInsert(
  config: UserCargoConfig,
  value: string,
  mayReplace: boolean,
): InsertOutcome {
  return naming(config.path, () =>
    insertBuildDir(config.text, { value, isOurs: isOwnTemplate, mayReplace }),
  );
}

/** Takes our value out of the file; returns whether that changed anything. Throws `XC_CARGO_CONFIG`. */
export async function clearUserCargoConfig(config: UserCargoConfig): Promise<boolean> {
  const { path, realPath, text } = config;
  if (text === undefined) return false;
  const outcome = naming(path, () => removeBuildDir(text, isOwnTemplate));
  switch (outcome.kind) {
    case 'unchanged':
      return false;
    case 'changed':
      await saveUserCargoConfig(config, outcome.text);
      return true;
    case 'delete':
      await assertWritable(config);
      await unlink(realPath);
      return true;
  }
}

/**
 * Replaces the content in one step: a reader, and a crash, see the old file or the new one. Mode
 * and owner stay. Throws `XC_CARGO_CONFIG` where the file may not be written, or is no longer what
 * `config` says; then nothing has changed.
 */
export async function saveUserCargoConfig(config: UserCargoConfig, text: string): Promise<void> {
  const { path, realPath } = config;
  const before = await assertWritable(config);
  const name = `.${basename(realPath)}.${randomBytes(6).toString('hex')}.tmp`;
  const temporary = join(dirname(realPath), name);
  try {
    await mkdir(dirname(realPath), { recursive: true });
    const handle = await open(temporary, 'wx', before?.mode ?? 0o644);
    try {
      await handle.writeFile(text);
      if (before !== undefined) {
        await handle.chmod(before.mode & 0o7777);
        if (before.uid !== process.geteuid?.()) await chown(temporary, before.uid, before.gid);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, realPath);
    await syncDirectory(dirname(realPath));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw configError(`${path} cannot be written: ${reasonOf(error)}`, error);
  }
}

/** Returns the status of the file that is there. The mode counts for root too: it is a wish. */
async function assertWritable(
  config: UserCargoConfig,
): Promise<{ mode: number; uid: number; gid: number } | undefined> {
  const { path, realPath, text } = config;
  if (text === undefined) {
    if (await isThere(path)) throw changedMeanwhile(path);
    return undefined;
  }
  const status = await stat(realPath);
  if ((status.mode & 0o222) === 0) {
    throw configError(`${path} is read-only (mode ${(status.mode & 0o777).toString(8)})`);
  }
  const now = await readFile(realPath, 'utf8');
  if (now.replace(/^\uFEFF/, '') !== text.replace(/^\uFEFF/, '')) throw changedMeanwhile(path);
  return status;
}

function changedMeanwhile(path: string): XcacheError {
  return new XcacheError('XC_CARGO_CONFIG', `${path} was changed by somebody else just now`, {
    hint: 'run the command again',
  });
}

function configError(message: string, cause?: unknown): XcacheError {
  return new XcacheError('XC_CARGO_CONFIG', message, {
    hint: 'nothing was changed in it; see to the file and run the command again',
    cause,
  });
}

/** The pure editor does not know which file it edits. */
function naming<T>(path: string, edit: () => T): T {
  try {
    return edit();
  } catch (error) {
    if (!(error instanceof XcacheError) || error.code !== 'XC_CARGO_CONFIG') throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    const message = error.message.replace("cargo's configuration", path);
    throw new XcacheError('XC_CARGO_CONFIG', message, { ...hint, cause: error });
  }
}

/** Also where it is a symbolic link that leads nowhere. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return false;
    throw configError(`${path} cannot be looked at: ${reasonOf(error)}`, error);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Which programs a session finds under which names. The identity of a program is that of its file;
 * a program that only chooses another one (a compiler cache, a version manager's shim, any script)
 * also has the identities of what it may choose. Nothing below a mount of ours is looked at or run.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, type BigIntStats } from 'node:fs';
import { basename, delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import type { HostFiles } from './host-files.js';
import { readScript, variablesIn } from './script-text.js';

export interface ToolSearch {
  /** The session's environment; `PATH` is where programs are looked for. */
  readonly variables: Readonly<Record<string, string>>;
  /** For relative entries of PATH. */
  readonly workingDirectory: string;
  readonly files: HostFiles;
}

/** A longer PATH is not searched to its end. */
const directoriesMax = 200;
const namedProgramsMax = 32;
const namedFilesMax = 64;
/** A cache in front of a shim in front of a wrapper. */
const choosersMax = 4;
/** A compiler answers in about 10 ms, a shim in about 100; a hanging one must not hang a build. */
const answerTimeoutMs = 2_000;
const configBytesMax = 64 << 10;

/** Behind the name of an interpreter: the virtual environment that it is found in. */
const environmentSuffix = '#environment';

const choosers: ReadonlySet<string> = new Set([
  ...['ccache', 'sccache', 'distcc', 'icecc', 'colorgcc', 'buildcache', 'fastbuild'],
  ...['pyenv', 'rbenv', 'nodenv', 'asdf', 'rtx', 'mise', 'rustup', 'volta-shim', 'proto-shim'],
]);

/** Asked for their version where something else chooses them. */
const askedForVersion =
  /^(?:(?:.*-)?(?:cc|c\+\+|gcc|g\+\+|clang|clang\+\+)(?:-[0-9.]+)?|python[0-9.]*|perl|ruby|node|nvcc)$/;

interface FoundTool {
  readonly identity: string;
  /** When the latest of what led to it was changed; nanoseconds. */
  readonly changedNs: bigint;
  /** Variables that the text of a script names, and that of scripts it chooses. */
  readonly variables: readonly string[];
}

interface NamesOnPath {
  readonly names: ReadonlySet<string>;
  /** Of each directory, when it had been changed last. */
  readonly changes: readonly (bigint | undefined)[];
  /** All directories could be listed. */
  readonly isWhole: boolean;
}

/** The programs of one session; each name is looked up once. */
export class ToolIdentities {
  readonly #search: ToolSearch;
  readonly #directories: readonly string[];
  readonly #known = new Map<string, FoundTool | undefined>();
  /** The first program of a name, and what is known of one as a part of another: scripts name the same few. */
  readonly #firsts = new Map<string, string | undefined>();
  readonly #parts = new Map<string, FoundTool | undefined>();
  #namesOnPath: NamesOnPath | undefined;
  /** Of names that are not on PATH: the latest answer, until other code runs. */
  #isAbsenceOld: { readonly sinceNs: bigint; readonly isOld: boolean } | undefined;
  /** Set once a program did not answer in time: no other is asked in this session. */
  #isSilent = false;

  constructor(search: ToolSearch) {
    this.#search = search;
    this.#directories = (search.variables['PATH'] ?? '')
      .split(delimiter)
      .slice(0, directoriesMax)
      .map((entry) => (isAbsolute(entry) ? entry : join(search.workingDirectory, entry)));
  }

  /**
   * Of a name on PATH, an absolute path, or `environmentOf(name)`; null where there is no such
   * program. Equal identities: the same program, which chooses the same.
   */
  identify(name: string): string | null {
    return this.#find(name)?.identity ?? null;
  }

  /** Names of variables that a script of this name may read; none for any other program. */
  variablesOf(name: string): readonly string[] {
    return this.#find(name)?.variables ?? [];
  }

  /** Whether another program may have been found under the name at `sinceNs`, or none. */
  isChangedSince(name: string, sinceNs: bigint): boolean {
    const found = this.#find(name);
    if (found !== undefined && found.changedNs > sinceNs) return true;
    if (name.includes('/')) return false;
    // What stood before it on PATH may have gone since.
    const program = plainName(name);
    if (found === undefined && !this.isOnPath(program)) return this.#isAbsentSince(sinceNs);
    for (const directory of this.#directories) {
      const stats = this.#search.files.stat(directory);
      if (stats !== undefined && stats.mtimeNs > sinceNs) return true;
      // Asked before in this session, it may not have been there.
      if (this.#isProgram(join(directory, program))) return this.#isNew(name, found);
    }
    return false;
  }

  /**
   * Whether there may be a program of this name on PATH, whose directories are read once in a
   * session; fast enough to ask for each word of a text.
   */
  isOnPath(name: string): boolean {
    const { names, isWhole } = (this.#namesOnPath ??= this.#readPath());
    return !isWhole || names.has(name);
  }

  #isNew(name: string, found: FoundTool | undefined): boolean {
    return found === undefined && !name.endsWith(environmentSuffix);
  }

  /** Whether what is on PATH may have changed since, or after it was read. */
  #isAbsentSince(sinceNs: bigint): boolean {
    if (this.#isAbsenceOld?.sinceNs === sinceNs) return this.#isAbsenceOld.isOld;
    const { changes } = (this.#namesOnPath ??= this.#readPath());
    const isOld = this.#directories.some((directory, index) => {
      const changedNs = this.#search.files.stat(directory)?.mtimeNs;
      return changedNs !== changes[index] || (changedNs !== undefined && changedNs > sinceNs);
    });
    this.#isAbsenceOld = { sinceNs, isOld };
    queueMicrotask(() => (this.#isAbsenceOld = undefined));
    return isOld;
  }

  #find(name: string): FoundTool | undefined {
    if (this.#known.has(name)) return this.#known.get(name);
    const found = name.endsWith(environmentSuffix)
      ? this.#findEnvironment(plainName(name))
      : this.#findProgram(name);
    this.#known.set(name, found);
    return found;
  }

  #findProgram(name: string): FoundTool | undefined {
    if (!name.includes('/') && !this.isOnPath(name)) return undefined;
    const [path] = this.#programs(name);
    return path === undefined ? undefined : this.#describe(path, name, 0);
  }

  /** The paths of all programs of this name, in the order of PATH; one where it is a path itself. */
  *#programs(name: string): Generator<string> {
    if (name.includes('/')) {
      if (isAbsolute(name) && this.#isProgram(name)) yield name;
      return;
    }
    for (const directory of this.#directories) {
      const path = join(directory, name);
      if (this.#isProgram(path)) yield path;
    }
  }

  #isProgram(path: string): boolean {
    const stats = this.#search.files.stat(path);
    return stats?.isFile() === true && (stats.mode & 0o111n) !== 0n;
  }

  #describe(path: string, name: string, depth: number): FoundTool | undefined {
    const { files } = this.#search;
    const real = files.realPath(path);
    const stats = real === undefined ? undefined : files.stat(real);
    if (real === undefined || stats === undefined) return undefined;
    const text = readScript(real);
    const named = text === undefined ? [] : variablesIn(text);
    const plain = {
      identity: plainIdentity(real, stats),
      changedNs: changeOf(stats),
      variables: named,
    };
    if (text === undefined && !choosers.has(basename(real))) return plain;
    if (depth >= choosersMax) return plain;
    const behind = this.#behind(path, name, text ?? '', depth);
    const changedNs = behind.reduce(
      (latest, each) => (each.changedNs > latest ? each.changedNs : latest),
      plain.changedNs,
    );
    const parts = behind.map(({ identity }) => identity);
    if (askedForVersion.test(basename(name)) && depth === 0) parts.push(this.#version(path));
    const variables = [...new Set([...named, ...behind.flatMap((each) => each.variables)])];
    return { identity: `${plain.identity}:${digestOf(parts)}`, changedNs, variables };
  }

  /** The next program of the name on PATH, and what a script names. */
  #behind(path: string, name: string, text: string, depth: number): readonly FoundTool[] {
    const paths = new Map<string, string>();
    if (!name.includes('/')) {
      const programs = [...this.#programs(name)];
      const next = programs[programs.indexOf(path) + 1];
      if (next !== undefined) paths.set(next, name);
    }
    for (const word of new Set(text.match(/[A-Za-z0-9_.+/-]+/g))) {
      if (paths.size > namedProgramsMax) break;
      if (!word.startsWith('/') && !this.isOnPath(word)) continue;
      const named = this.#first(word);
      if (named !== undefined && named !== path) paths.set(named, word);
    }
    const programs = [...paths].flatMap(([each, word]) => this.#part(each, word, depth + 1) ?? []);
    return [...programs, ...this.#filesNamed(text)];
  }

  /** What else a script names by absolute paths: files that it may hand on or read. */
  #filesNamed(text: string): readonly FoundTool[] {
    const { files } = this.#search;
    const paths = new Set(text.match(/(?<![A-Za-z0-9_.+-])\/[A-Za-z0-9_.+/-]+/g));
    return [...paths].slice(0, namedFilesMax).flatMap((path): FoundTool[] => {
      const stats = files.stat(path);
      const isPlain = stats?.isFile() === true && (stats.mode & 0o111n) === 0n;
      return isPlain
        ? [{ identity: plainIdentity(path, stats), changedNs: changeOf(stats), variables: [] }]
        : [];
    });
  }

  #first(name: string): string | undefined {
    if (this.#firsts.has(name)) return this.#firsts.get(name);
    const [path] = this.#programs(name);
    this.#firsts.set(name, path);
    return path;
  }

  #part(path: string, name: string, depth: number): FoundTool | undefined {
    const key = `${depth} ${name} ${path}`;
    if (this.#parts.has(key)) return this.#parts.get(key);
    const found = this.#describe(path, name, depth);
    this.#parts.set(key, found);
    return found;
  }

  #readPath(): NamesOnPath {
    const { files } = this.#search;
    const names = new Set<string>();
    // Before the names are read: what comes meanwhile changes it again.
    const changes = this.#directories.map((directory) => files.stat(directory)?.mtimeNs);
    let isWhole = true;
    for (const directory of this.#directories) {
      const real = files.realPath(directory);
      const listed = real === undefined ? [] : namesIn(real);
      if (listed === undefined) isWhole = false;
      for (const name of listed ?? []) names.add(name);
    }
    return { names, changes, isWhole };
  }

  #version(path: string): string {
    if (this.#isSilent) return noAnswer;
    const { variables, files } = this.#search;
    // A directory that we serve would keep the program waiting for us.
    const searched = this.#directories.filter((directory) => files.stat(directory) !== undefined);
    const child = spawnSync(path, ['--version'], {
      cwd: '/',
      env: { ...variables, PATH: searched.join(delimiter) },
      encoding: 'latin1',
      timeout: answerTimeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 20,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (child.error !== undefined) this.#isSilent = true;
    return child.status === 0 ? child.stdout : noAnswer;
  }

  /** Modules of a virtual environment differ where its interpreter is the system's. */
  #findEnvironment(name: string): FoundTool | undefined {
    const { files } = this.#search;
    const [path] = this.#programs(name);
    if (path === undefined) return undefined;
    const config = join(dirname(dirname(path)), 'pyvenv.cfg');
    const stats = files.stat(config);
    const bytes = files.read(config, configBytesMax);
    if (stats === undefined || bytes === undefined) return undefined;
    const identity = `${path}:${digestOf([bytes.toString('latin1')])}`;
    return { identity, changedNs: changeOf(stats), variables: [] };
  }
}

/** The name under which the virtual environment of an interpreter is identified. */
export function environmentOfTool(name: string): string {
  return `${name}${environmentSuffix}`;
}

/** The words of a variable's value that may be programs: `/opt/cc`, `ccache gcc`, `./tool`. */
export function programWords(value: string, directory: string): readonly string[] {
  const words = value.split(/\s+/, 4).filter((word) => /^[A-Za-z0-9_.+/~-]+$/.test(word));
  return words
    .filter((word) => !word.startsWith('-') && !word.startsWith('~'))
    .map((word) => (word.includes('/') ? resolve(directory, word) : word));
}

const noAnswer = 'no answer';

function plainName(name: string): string {
  return name.endsWith(environmentSuffix) ? name.slice(0, -environmentSuffix.length) : name;
}

/** Without the number of the device, which a remount may change. */
function plainIdentity(real: string, stats: BigIntStats): string {
  return `${real}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}:${stats.ino}`;
}

function changeOf({ mtimeNs, ctimeNs }: BigIntStats): bigint {
  return mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
}

/** Undefined where there may be names that are not told: programs of it can be run all the same. */
function namesIn(directory: string): readonly string[] | undefined {
  try {
    return readdirSync(directory);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? [] : undefined;
  }
}

function digestOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

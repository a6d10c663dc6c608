/**
 * Which build scripts a process belongs to. Reads /proc only, which is never under a mount of ours;
 * but an environment is memory, which nobody can look at while a thread of that process waits for
 * the mount with the memory's lock in its hands. So the program is looked at first, which needs no
 * lock, and an environment only where there is no other thread.
 */
import { readFileSync } from 'node:fs';
import { byteStringFromBuffer, type ByteString } from '../base/byte-string.js';
import { ancestorsMax, isCargoProgram, programOf, readProcessStat } from './process-tree.js';
import type { ProcessStat } from './process-tree.js';

/** A build script that a process is or belongs to: by its program or by what it was told. */
export type ScriptMark =
  | { readonly kind: 'program'; readonly path: ByteString }
  | { readonly kind: 'out-dir'; readonly path: ByteString };

/** Answers remembered by process; a build has as many processes as units. */
const knownMax = 4096;

/**
 * How long a process id is believed to be the same process, milliseconds. For it to be given to
 * another one, the kernel would have to start `pid_max` processes (at least 32,768) in that time.
 */
const freshMs = 20;

export class ScriptTree {
  readonly #nowMs: () => number;
  /** By process id and start: what a process belongs to stays the same, whoever its parent becomes. */
  readonly #known = new Map<string, readonly ScriptMark[] | undefined>();
  readonly #recent = new Map<number, readonly ScriptMark[] | undefined>();
  #sinceMs = -Infinity;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * The build scripts that the process, or thread, is or belongs to; none for cargo and for compilers
   * that cargo itself has started. Undefined where that cannot be told.
   */
  scriptsAt(pid: number): readonly ScriptMark[] | undefined {
    const nowMs = this.#nowMs();
    if (nowMs - this.#sinceMs > freshMs) {
      this.#recent.clear();
      this.#sinceMs = nowMs;
    }
    if (this.#recent.has(pid)) return this.#recent.get(pid);
    const stat = readProcessStat(pid);
    if (stat === undefined) return undefined;
    const found = this.#lookAt(pid, stat, ancestorsMax);
    this.#recent.set(pid, found);
    return found;
  }

  #lookAt(pid: number, stat: ProcessStat, stepsMax: number): readonly ScriptMark[] | undefined {
    const key = `${pid}:${stat.startTicks}`;
    if (this.#known.has(key)) return this.#known.get(key);
    const found = this.#walkUp({ pid, stat, program: programOf(pid) }, stepsMax);
    if (this.#known.size >= knownMax) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }

  #walkUp(start: Step, stepsMax: number): readonly ScriptMark[] | undefined {
    const marks = markOfProgram(start.program);
    let last = start;
    for (let step = stepsMax - 1; step > 0 && last.stat.parent > 1; step -= 1) {
      const pid = last.stat.parent;
      const stat = readProcessStat(pid);
      if (stat === undefined) break;
      const program = programOf(pid);
      if (isCargoProgram(program)) {
        const above = this.#lookAt(pid, stat, step);
        // What cargo has started is the script, or has taken its place.
        const own = marks.length > 0 ? marks : startedByCargo(last);
        return above === undefined || own === undefined ? undefined : [...own, ...above];
      }
      marks.push(...markOfProgram(program));
      last = { pid, stat, program };
    }
    if (marks.length > 0) return marks;
    // No cargo is above, or that of a script which has given it away.
    return markOfEnvironment(start);
  }
}

interface Step {
  readonly pid: number;
  readonly stat: ProcessStat;
  readonly program: string;
}

/** `build/<package>-H/build-script-build`, or `build/<package>/H/out/build_script_build`. */
const scriptProgram = /\/build\/[^/]+\/(?:[0-9a-f]{16}\/[^/]+\/)?build[-_]script[-_][^/]+$/;

function markOfProgram(program: string): ScriptMark[] {
  return scriptProgram.test(program) ? [{ kind: 'program', path: program as ByteString }] : [];
}

function startedByCargo(step: Step): readonly ScriptMark[] | undefined {
  return isCargoProgram(step.program) || isCompiler(step.program) ? [] : markOfEnvironment(step);
}

const compilers: ReadonlySet<string> = new Set(['rustc', 'rustdoc', 'clippy-driver', 'sccache']);

/** Programs that cargo starts by itself; they have many threads, and map what is in the mount. */
export function isCompiler(program: string): boolean {
  return compilers.has(program.slice(program.lastIndexOf('/') + 1));
}

/** A script that was given away by its parent (a daemon) has inherited what cargo told the script. */
function markOfEnvironment({ pid, stat, program }: Step): readonly ScriptMark[] | undefined {
  // Cargo has threads, none of which maps what is in the mount.
  if (stat.threadCount > 1 && !isCargoProgram(program)) return undefined;
  const path = scriptOutDir(pid);
  return path === undefined ? [] : [{ kind: 'out-dir', path }];
}

/**
 * OUT_DIR of the build script in whose environment a process was started; undefined for others.
 * Cargo tells OUT_DIR to compilers and to programs that it runs, too, but NUM_JOBS and HOST to
 * scripts alone (cargo 1.95, `custom_build.rs` `build_work`), and the crate's name to compilers alone.
 */
export function scriptOutDir(pid: number): ByteString | undefined {
  let environ: string;
  try {
    environ = `\0${byteStringFromBuffer(readFileSync(`/proc/${pid}/environ`))}`;
  } catch {
    // It is gone, or another user's, of whom it has nothing.
    return undefined;
  }
  const outDir = valueIn(environ, 'OUT_DIR');
  if (outDir === undefined || valueIn(environ, 'CARGO_CRATE_NAME') !== undefined) return undefined;
  const isScript = ['NUM_JOBS', 'HOST'].every((name) => valueIn(environ, name) !== undefined);
  return isScript ? (outDir as ByteString) : undefined;
}

function valueIn(environ: string, name: string): string | undefined {
  const start = environ.indexOf(`\0${name}=`);
  if (start < 0) return undefined;
  const from = start + name.length + 2;
  const end = environ.indexOf('\0', from);
  return environ.slice(from, end < 0 ? undefined : end);
}

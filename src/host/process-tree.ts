/**
 * Finds the cargo process behind a file system request. Reads /proc only, which is never under a
 * mount of ours, so the serving thread may call it.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { losslessText } from '../base/lossless-text.js';

/** The cargo process on whose behalf a request is made; the pair outlives a reuse of the pid. */
export interface CargoProcess {
  readonly pid: number;
  /** Start time in clock ticks since boot, from /proc/<pid>/stat. */
  readonly startTicks: string;
}

/** How far up the tree to look: cargo → build script → cmake → make → cc → as is six. */
export const ancestorsMax = 32;

/**
 * The nearest process named cargo (or cargo-something, which embed it) at or above `pid`, which may
 * be a thread id. Undefined where there is none: then nothing is served.
 */
export function findCargoProcess(pid: number): CargoProcess | undefined {
  let current = pid;
  for (let step = 0; step < ancestorsMax && current > 1; step += 1) {
    const stat = readProcessStat(current);
    if (stat === undefined) return undefined;
    if (isCargo(current)) {
      const leader = threadGroupOf(current);
      const leaderStat = leader === current ? stat : readProcessStat(leader);
      return leaderStat && { pid: leader, startTicks: leaderStat.startTicks };
    }
    current = stat.parent;
  }
  return undefined;
}

/** The process as such, where it is a cargo: one that has become another program is none any more. */
export function cargoProcessAt(pid: number): CargoProcess | undefined {
  if (!isCargo(pid)) return undefined;
  const stat = readProcessStat(pid);
  return stat && { pid, startTicks: stat.startTicks };
}

/** What a cargo process was started with; variables and words without loss (`lossless-text.ts`). */
export interface ProcessStart {
  /** The name of the file that it runs: `cargo`, `cargo-cbuild`. */
  readonly program: string;
  readonly variables: Readonly<Record<string, string>>;
  /** The words behind the program's name. */
  readonly words: readonly string[];
  readonly workingDirectory: string;
  /** How many processors it may use. */
  readonly processors: number;
  /** In a container or sandbox, paths may lead to other files than those that we would look at. */
  readonly hasOtherMounts: boolean;
}

/** Undefined where the process has ended, whether or not another one has its number by now. */
export function readProcessStart({ pid, startTicks }: CargoProcess): ProcessStart | undefined {
  try {
    const start = {
      program: basename(programOf(pid)),
      variables: parseEnviron(readFileSync(`/proc/${pid}/environ`)),
      words: splitAtZeros(readFileSync(`/proc/${pid}/cmdline`)).slice(1),
      workingDirectory: losslessText(readlinkSync(`/proc/${pid}/cwd`, { encoding: 'buffer' })),
      processors: processorsOf(readFileSync(`/proc/${pid}/status`, 'latin1')),
      hasOtherMounts: readlinkSync(`/proc/${pid}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt'),
    };
    // Only now is it certain that all of that was one process.
    return readProcessStat(pid)?.startTicks === startTicks ? start : undefined;
  } catch {
    // The process is gone, which is an answer.
    return undefined;
  }
}

/** The bits of `Cpus_allowed`, words of 32 in hex; of a cgroup's quota, which cargo sees, nothing is there. */
function processorsOf(status: string): number {
  const [, mask = ''] = /^Cpus_allowed:\s*([0-9a-f,]+)$/m.exec(status) ?? [];
  const bits = BigInt(`0x0${mask.replaceAll(',', '')}`).toString(2);
  return bits.replaceAll('0', '').length;
}

function parseEnviron(bytes: Buffer): Record<string, string> {
  const entries = splitAtZeros(bytes).flatMap((entry): [string, string][] => {
    const equals = entry.indexOf('=');
    return equals > 0 ? [[entry.slice(0, equals), entry.slice(equals + 1)]] : [];
  });
  // Of a name that stands there twice, cargo takes the last one.
  return Object.fromEntries(entries);
}

/** The texts of a list in which each ends with a zero byte. */
function splitAtZeros(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let start = 0; start < bytes.length;) {
    const zero = bytes.indexOf(0, start);
    const end = zero < 0 ? bytes.length : zero;
    texts.push(losslessText(bytes.subarray(start, end)));
    start = end + 1;
  }
  return texts;
}

/** What /proc/<pid>/stat says. */
export interface ProcessStat {
  readonly parent: number;
  readonly startTicks: string;
  readonly threadCount: number;
}

/** Of a process or a thread; undefined where it is gone. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // The process is gone, which is an answer.
    return undefined;
  }
  // The command name stands in parentheses and may itself contain anything (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const parent = Number(fields[1]);
  const startTicks = fields[19];
  const threadCount = Number(fields[17]);
  return startTicks === undefined ? undefined : { parent, startTicks, threadCount };
}

function isCargo(pid: number): boolean {
  return isCargoProgram(programOf(pid));
}

/** Whether a program goes by the name of cargo, or of one that embeds it. */
export function isCargoProgram(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name === 'cargo' || name.startsWith('cargo-');
}

/** The path of the program that a process runs, as the kernel names it, in bytes; empty where it is gone. */
export function programOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`, 'latin1').replace(/ \(deleted\)$/, '');
  } catch {
    return '';
  }
}

/** The process that a thread belongs to: cargo's worker threads make requests of their own. */
function threadGroupOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const match = /^Tgid:\s*(\d+)$/m.exec(status);
  return match ? Number(match[1]) : pid;
}

/** The kernel's list of file locks, in the format of proc_locks(5); empty where there is none. */
export function readLockTable(): string {
  try {
    return readFileSync('/proc/locks', 'latin1');
  } catch {
    // A sandbox may hide it, and then nobody is seen to hold a lock.
    return '';
  }
}

/** Changes with each start of the kernel (random(4)). */
export function currentBoot(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

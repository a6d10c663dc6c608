/**
 * A kill -9 in the middle of an operation, without a process of its own: from the chosen system
 * call on, nothing that would change a disk happens any more. The program under test sees an
 * exception and runs its clean-up, which changes nothing either.
 */
import fs, { constants } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export class Killed extends Error {}

const changing = [
  'chmodSync',
  'copyFileSync',
  'fchmodSync',
  'fchownSync',
  'ftruncateSync',
  'futimesSync',
  'lchownSync',
  'linkSync',
  'lutimesSync',
  'mkdirSync',
  'openSync',
  'renameSync',
  'rmSync',
  'rmdirSync',
  'symlinkSync',
  'unlinkSync',
  'writeSync',
] as const;

type Call = (...args: unknown[]) => unknown;

/**
 * Runs `act`, killed at its `callNumber`-th (from 0) changing system call; a write is torn in the
 * middle. Returns false if there were fewer calls, so that nothing was cut short.
 */
export function killedAt(callNumber: number, act: () => void): boolean {
  let left = callNumber;
  let isDead = false as boolean;
  const intercept = (name: string, original: Call, args: unknown[]): unknown => {
    if (name === 'openSync' && !isCreating(args[1])) return original(...args);
    if (isDead) throw new Killed(name);
    left -= 1;
    if (left >= 0) return original(...args);
    isDead = true;
    if (name === 'writeSync') writeHalf(original, args);
    throw new Killed(name);
  };
  try {
    intercepting(changing, intercept, act);
  } catch (error) {
    if (!isDead) throw error;
  }
  return isDead;
}

/** Runs `act` while the `callNumber`-th (from 0) call of one function fails with an errno word. */
export function failing(
  name: (typeof changing)[number],
  callNumber: number,
  code: string,
  act: () => void,
): void {
  let left = callNumber;
  const intercept = (_name: string, original: Call, args: unknown[]): unknown => {
    left -= 1;
    if (left !== -1) return original(...args);
    throw Object.assign(new Error(`${code}: as the test wants it`), { code });
  };
  intercepting([name], intercept, act);
}

/**
 * Runs `act` while of all its system calls the `callNumber`-th (from 0), or with `lasts` all from
 * there on, fail with an errno word. Returns the name of the first call that failed; undefined if there were fewer.
 */
export function failingAt(
  { callNumber, lasts, code }: FaultAt,
  act: () => void,
): string | undefined {
  let number = 0;
  let struck: string | undefined;
  const intercept = (name: string, original: Call, args: unknown[]): unknown => {
    const isStruck = lasts ? number >= callNumber : number === callNumber;
    number += 1;
    if (!isStruck) return original(...args);
    struck ??= name;
    throw Object.assign(new Error(`${code}: ${name}, as the test wants it`), { code });
  };
  intercepting(systemCalls, intercept, act);
  return struck;
}

export interface FaultAt {
  readonly callNumber: number;
  readonly lasts: boolean;
  /** An errno word. */
  readonly code: string;
}

/** The calls of one process follow each other, so that each has a number. No local disk fails a close. */
const systemCalls = Object.keys(fs).filter(
  (name) => name.endsWith('Sync') && name !== 'existsSync' && name !== 'closeSync',
);

function intercepting(
  names: readonly string[],
  intercept: (name: string, original: Call, args: unknown[]) => unknown,
  act: () => void,
): void {
  const table = fs as unknown as Record<string, Call>;
  const originals = names.map((name) => [name, table[name]!] as const);
  for (const [name, original] of originals) {
    table[name] = (...args) => intercept(name, original, args);
  }
  syncBuiltinESMExports();
  try {
    act();
  } finally {
    for (const [name, original] of originals) table[name] = original;
    syncBuiltinESMExports();
  }
}

function isCreating(flags: unknown): boolean {
  return typeof flags === 'number' ? (flags & constants.O_CREAT) !== 0 : flags !== 'r';
}

function writeHalf(write: Call, [fd, bytes, offset, length, position]: unknown[]): void {
  const half = Math.floor((length as number) / 2);
  if (half > 0) write(fd, bytes, offset, half, position);
}

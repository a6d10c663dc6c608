/**
 * Faults in the system calls of asynchronous code: of all calls of `node:fs` that it makes while it
 * runs, those that a test chooses fail with an errno word. LevelDB's own calls are native and not
 * seen here; small disks and damaged files are for them.
 */
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

type Call = (this: unknown, ...args: unknown[]) => unknown;
type Table = Record<string, Call>;

const promised = ['chmod', 'lstat', 'mkdir', 'open', 'readdir', 'readFile', 'rename', 'rm', 'stat'];
const ofHandles = ['chmod', 'read', 'readFile', 'stat', 'sync', 'write', 'writeFile'];
const synchronous = ['fchmodSync', 'fsyncSync', 'lstatSync', 'mkdirSync', 'openSync', 'readSync'];

/** Closing and removing is how code cleans up after a fault; a disk that fails those too is below. */
const cleaning = {
  promised: ['unlink'],
  synchronous: ['renameSync', 'unlinkSync', 'writeFileSync'],
};

export interface Faults {
  /** Calls so far. */
  readonly calls: number;
  /** Whether any of them has failed. */
  readonly hasStruck: boolean;
}

/** Runs `act` while the calls that `fails` chooses, by number from 0, fail with `code`. */
export async function failingCalls(
  code: string,
  fails: (callNumber: number) => boolean,
  act: () => Promise<void>,
): Promise<Faults> {
  const faults = { calls: 0, hasStruck: false };
  const strike = (name: string): void => {
    const number = faults.calls;
    faults.calls += 1;
    if (!fails(number)) return;
    faults.hasStruck = true;
    throw Object.assign(new Error(`${code}: ${name}, as the test wants it`), { code });
  };
  const handles = await handleTable();
  const restore = [
    replace(promises as unknown as Table, [...promised, ...cleaning.promised], strike, true),
    replace(handles, ofHandles, strike, true),
    replace(fs as unknown as Table, [...synchronous, ...cleaning.synchronous], strike, false),
  ];
  syncBuiltinESMExports();
  try {
    await act();
  } finally {
    for (const each of restore) each();
    syncBuiltinESMExports();
  }
  return faults;
}

/** The methods of open files. */
async function handleTable(): Promise<Table> {
  await using handle = await promises.open('/dev/null');
  return Object.getPrototypeOf(handle) as Table;
}

function replace(
  table: Table,
  names: readonly string[],
  strike: (name: string) => void,
  isAsync: boolean,
): () => void {
  const originals = names.map((name) => [name, table[name]!] as const);
  for (const [name, original] of originals) {
    table[name] = isAsync
      ? async function (this: unknown, ...args: unknown[]) {
          strike(name);
          return await original.apply(this, args);
        }
      : function (this: unknown, ...args: unknown[]) {
          strike(name);
          return original.apply(this, args);
        };
  }
  return () => {
    for (const [name, original] of originals) table[name] = original;
  };
}

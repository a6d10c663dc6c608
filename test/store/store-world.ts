/** A store in a temporary directory, with a clock that tests move, and units made of small blobs. */
import { join } from 'node:path';
import type { Digest, Manifest, ManifestEntry } from '../../src/store/manifest.js';
import type { StepHook } from '../../src/store/step-hook.js';
import type { StoreLog } from '../../src/store/store-log.js';
import { openStore } from '../../src/store/store.js';
import type { Store } from '../../src/store/store.js';
import { createTempDirectory } from '../support/tmp.js';

/** What the store reported, for tests that expect a report. */
export interface LogEntry {
  readonly level: 'info' | 'warn';
  readonly message: string;
  readonly fields: object;
}

export interface StoreWorld extends AsyncDisposable {
  readonly directory: string;
  readonly log: LogEntry[];
  /** The open store; another one after `reopen`. */
  store: Store;
  nowMs: number;
  /** Closes the store and opens it again. */
  readonly reopen: (options?: { readonly stepHook?: StepHook }) => Promise<Store>;
}

/** Warnings of the log. */
export function warningsOf(world: StoreWorld): string[] {
  return world.log.filter(({ level }) => level === 'warn').map(({ message }) => message);
}

export async function createStoreWorld(
  options: { readonly stepHook?: StepHook } = {},
): Promise<StoreWorld> {
  const root = await createTempDirectory();
  const directory = join(root.path, 'store');
  const entries: LogEntry[] = [];
  const log = logInto(entries);
  const world: StoreWorld = {
    directory,
    log: entries,
    nowMs: Date.now(),
    store: undefined as unknown as Store,
    reopen: async (again = {}) => {
      await world.store.close();
      world.store = await openStore({ directory, log, clock: () => world.nowMs, ...again });
      return world.store;
    },
    async [Symbol.asyncDispose]() {
      await world.store.close();
      await root[Symbol.asyncDispose]();
    },
  };
  world.store = await openStore({ directory, log, clock: () => world.nowMs, ...options });
  return world;
}

function logInto(entries: LogEntry[]): StoreLog {
  return {
    info: (fields, message) => void entries.push({ level: 'info', message, fields }),
    warn: (fields, message) => void entries.push({ level: 'warn', message, fields }),
  };
}

/** A manifest over blobs, one file for each, named by its place. */
export function manifestOf(
  blobs: readonly (readonly [Digest, number])[],
  more: Partial<Manifest> = {},
): Manifest {
  return {
    version: 1,
    lookupKey: 'key',
    createdMs: 1_000,
    facts: { package: 'demo' },
    entries: blobs.map(([blob, sizeBytes], at): ManifestEntry => ({
      kind: 'file',
      path: `debug/deps/file-${at}`,
      blob,
      offset: 0,
      sizeBytes,
      mode: 0o644,
    })),
    ...more,
  };
}

/** Puts the texts as blobs and commits one unit over them. */
export async function storeUnit(
  store: Store,
  texts: readonly string[],
  more: Partial<Manifest> = {},
): Promise<Digest> {
  using lease = store.lease('test', []);
  const blobs: [Digest, number][] = [];
  for (const text of texts) {
    const bytes = Buffer.from(text);
    blobs.push([await store.putBytes(bytes, lease), bytes.length]);
  }
  const [digest] = await store.commit([{ manifest: manifestOf(blobs, more) }]);
  if (digest === undefined) throw new Error('nothing was committed');
  return digest;
}

/** Everything that an iteration yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

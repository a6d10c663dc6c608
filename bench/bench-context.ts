/** What the scenarios share: the corpus, warm caches made on first use, and the way to undo it all. */
import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

import { plainEnvironment, runCargo, type BuildMode, type CargoRun } from './cargo-run.js';
import type { Corpus } from './corpus.js';
import type { Options } from './options.js';
import type { Row } from './report.js';
import { runCaptured } from './run-command.js';
import { SccacheServer } from './sccache-server.js';
import { XcacheClient, type ServiceMemory } from './xcache-client.js';

export interface MemoryItem extends ServiceMemory {
  readonly label: string;
  /** Taken while many workspaces were mounted at once, each with its serving thread. */
  readonly isManyViews: boolean;
}

export class BenchContext {
  readonly options: Options;
  readonly work: string;
  readonly corpus: Corpus;
  readonly #logs: string;
  readonly #releases: (() => void)[] = [];
  readonly #rows: Row[] = [];
  readonly #onRow: (row: Row) => void;
  readonly memory: MemoryItem[] = [];
  #runs = 0;
  #plain: string | undefined;
  #filled: { readonly client: XcacheClient; readonly modes: Set<BuildMode> } | undefined;
  #shared: { readonly target: string; readonly modes: Set<BuildMode> } | undefined;
  #sccache: { readonly server: SccacheServer; readonly modes: Set<BuildMode> } | undefined;

  constructor(options: Options, work: string, corpus: Corpus, onRow: (row: Row) => void) {
    this.options = options;
    this.work = work;
    this.corpus = corpus;
    this.#onRow = onRow;
    this.#logs = join(work, 'logs');
    mkdirSync(this.#logs);
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  addRow(row: Row): void {
    this.#rows.push(row);
    this.#onRow(row);
  }

  /** Number of runs for a measurement that takes well under 10 s. */
  get shortRuns(): number {
    return this.options.isQuick ? this.options.runs : this.options.runs * 3;
  }

  /** A new workspace at `<work>/<name>` with sources younger than every build before it. */
  workspace(name: string): string {
    const directory = join(this.work, name);
    this.corpus.createWorkspace(directory);
    return directory;
  }

  /** Removes a workspace whose target is not mounted any more. */
  remove(directory: string): void {
    rmSync(directory, { recursive: true, force: true });
  }

  async cargo(
    mode: BuildMode,
    workspace: string,
    env: NodeJS.ProcessEnv = plainEnvironment(),
  ): Promise<CargoRun> {
    return await runCargo(mode, { workspace, env, logPath: this.nextLog(mode) });
  }

  nextLog(label: string): string {
    this.#runs += 1;
    return join(this.#logs, `${String(this.#runs).padStart(4, '0')}-${label}.log`);
  }

  /** A service with an empty store; ended by `dispose` or by its own `dispose`. */
  createClient(name: string): XcacheClient {
    const client = new XcacheClient(this.options.xcache, join(this.work, name));
    this.#releases.push(() => client.dispose());
    return client;
  }

  /** The service whose store was filled with `modes` from the workspace `origin`. */
  async filledClient(modes: readonly BuildMode[]): Promise<XcacheClient> {
    const origin = join(this.work, 'origin');
    if (this.#filled === undefined) {
      this.#filled = { client: this.createClient('home'), modes: new Set() };
      this.workspace('origin');
      this.#filled.client.mount(join(origin, 'target'));
    }
    const { client, modes: done } = this.#filled;
    for (const mode of modes.filter((wanted) => !done.has(wanted))) {
      await this.cargo(mode, origin);
      await client.settle();
      done.add(mode);
    }
    return client;
  }

  /** A workspace with a finished dev build in a plain target directory: the native counterpart. */
  async plainWorkspace(): Promise<string> {
    if (this.#plain === undefined) {
      this.#plain = this.workspace('plain');
      await this.cargo('dev', this.#plain);
    }
    return this.#plain;
  }

  /** Notes what the service uses at this moment; the scenario `memory` reports them. */
  recordMemory(label: string, client: XcacheClient, views: 'few' | 'many' = 'few'): void {
    this.memory.push({ label, isManyViews: views === 'many', ...client.memory() });
  }

  /** A target directory shared by CARGO_TARGET_DIR and warmed from a workspace of its own. */
  async sharedTarget(mode: BuildMode): Promise<string> {
    const origin = join(this.work, 'shared-origin');
    if (this.#shared === undefined) {
      this.#shared = { target: join(this.work, 'shared-target'), modes: new Set() };
      this.workspace('shared-origin');
    }
    const { target, modes } = this.#shared;
    if (!modes.has(mode))
      await this.cargo(mode, origin, plainEnvironment({ CARGO_TARGET_DIR: target }));
    modes.add(mode);
    return target;
  }

  /** sccache warmed from a workspace of its own; undefined where it is not installed. */
  async warmSccache(mode: BuildMode): Promise<SccacheServer | undefined> {
    if (!SccacheServer.isInstalled()) return undefined;
    const origin = join(this.work, 'sccache-origin');
    if (this.#sccache === undefined) {
      const server = await SccacheServer.start(join(this.work, 'sccache'));
      this.#releases.push(() => server.dispose());
      this.#sccache = { server, modes: new Set() };
      this.workspace('sccache-origin');
    }
    const { server, modes } = this.#sccache;
    if (!modes.has(mode)) await this.cargo(mode, origin, server.env);
    modes.add(mode);
    return server;
  }

  /** Ends everything that was started, the latest first; reports and goes on where one fails. */
  dispose(): void {
    for (const release of this.#releases.reverse()) {
      try {
        release();
      } catch (error) {
        console.error('clean-up:', error);
      }
    }
    this.#releases.length = 0;
  }
}

/** Flushes dirty pages, so that a timed run does not pay for the one before it. */
export function syncDisks(): void {
  runCaptured(['sync']);
}

/** Name of the file system under `directory`, by its magic number. */
export function fileSystemName(directory: string): string {
  const { type } = statfsSync(directory);
  const known: Record<number, string> = {
    0xef53: 'ext4',
    0x01021994: 'tmpfs',
    0x58465342: 'xfs',
    0x9123683e: 'btrfs',
    0x794c7630: 'overlayfs',
  };
  return known[type] ?? `0x${type.toString(16)}`;
}

/** One cargo workspace of a world, whose `target` may be an xcache mount. */
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type {
  Decision,
  ExplainResult,
  MountResult,
  UnmountResult,
} from '../../src/service/control/protocol.js';
import { mountsBelow } from './processes.js';
import { runCargo, type CargoOptions, type CargoRun } from './cargo-run.js';
import type { World } from './world.js';

export interface WorkspaceOptions {
  /** Where it lies below the world's directory; its name by default. */
  readonly directory?: string;
  /**
   * Right-hand sides of `[dependencies]`: a version (pinned: `=1.0.0`), or a table as TOML has it
   * (`{ git = "file:///…" }`).
   */
  readonly dependencies?: Readonly<Record<string, string>>;
  /** Path → text. `Cargo.toml` replaces the made one; `src/main.rs` is an empty program by default. */
  readonly files?: Readonly<Record<string, string>>;
  /** More lines of the made `Cargo.toml`. */
  readonly manifest?: string;
}

/** One thing that was decided about a unit. */
export interface DecisionEvent {
  readonly directory: string;
  /** `debug/serde-<hash>` */
  readonly unit: string;
  readonly outcome: 'served' | 'missed' | 'promoted' | 'refused';
  readonly reason: string;
  readonly message: string;
}

/** Package `app`, edition 2021, a workspace of its own. */
export async function createWorkspace(
  world: World,
  name: string,
  options: WorkspaceOptions,
): Promise<Workspace> {
  const workspace = new Workspace(world, join(world.path, options.directory ?? name));
  await workspace.write({
    'Cargo.toml': manifestOf(options),
    'src/main.rs': 'fn main() {}\n',
    ...options.files,
  });
  const sources = Object.values(options.dependencies ?? {});
  // Offline, cargo is content with the commit that it knows already.
  if (sources.some((source) => source.includes('git ='))) await workspace.fetch('online');
  else if (sources.length > 0) await workspace.fetch('offline-first');
  return workspace;
}

export class Workspace {
  readonly world: World;
  readonly path: string;
  /** The mount point, and cargo's target directory. */
  readonly target: string;

  constructor(world: World, path: string) {
    this.world = world;
    this.path = path;
    this.target = join(path, 'target');
  }

  /** Writes files, with paths relative to the workspace. */
  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.path, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
  }

  async mount(...args: readonly string[]): Promise<MountResult> {
    // A mount whose service was killed is there and answers nothing.
    if (mountsBelow(this.target).length === 0) await mkdir(this.target, { recursive: true });
    return await this.world.xcacheJson<MountResult>('mount', this.target, ...args);
  }

  async unmount(...args: readonly string[]): Promise<UnmountResult> {
    return await this.world.xcacheJson<UnmountResult>('unmount', this.target, ...args);
  }

  /** Runs cargo here, offline; the caller looks at the exit code. */
  async cargo(command: string, options: CargoOptions = {}): Promise<CargoRun> {
    const env = { ...this.world.env, ...options.env };
    return await runCargo(command, { cwd: this.path, ...options, env });
  }

  /** The same, and fails with cargo's messages where the command fails. */
  async mustCargo(command: string, options: CargoOptions = {}): Promise<CargoRun> {
    const run = await this.cargo(command, options);
    if (run.exitCode !== 0) {
      throw new Error(`cargo ${command} in ${this.path}: ${run.exitCode}\n${run.stderr}`);
    }
    return run;
  }

  /** Builds and waits for the store to have what it can have. */
  async buildAndSettle(options: CargoOptions = {}): Promise<CargoRun> {
    const run = await this.mustCargo('build', options);
    await this.settled();
    return run;
  }

  async settled(): Promise<void> {
    await this.world.settled();
  }

  /** What the program that was built prints. */
  output(profile = 'debug', program = 'app'): string {
    const run = spawnSync(join(this.target, profile, program), { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`${program}: ${run.status} ${run.signal} ${run.stderr}`);
    return run.stdout.trimEnd();
  }

  /**
   * What was decided about units of this workspace in all its builds, oldest first: a unit that was
   * compiled is a miss, and then one that was stored or refused.
   */
  async explain(...args: readonly string[]): Promise<readonly DecisionEvent[]> {
    const { decisions } = await this.world.xcacheJson<ExplainResult>('explain', '--all', ...args);
    return decisions.filter(({ directory }) => directory === this.target).flatMap(eventsOf);
  }

  /** `xcache explain --json` as somebody runs it in this workspace. */
  async explainHere(...args: readonly string[]): Promise<ExplainResult> {
    const { stdout } = await this.world.xcacheIn(this.path, 'explain', ...args, '--json');
    return JSON.parse(stdout) as ExplainResult;
  }

  /** Names in a directory of `target` (`debug/deps` …), sorted; empty where it is missing. */
  async list(directory: string): Promise<readonly string[]> {
    const names = await readdir(join(this.target, directory)).catch(() => []);
    return names.sort();
  }

  async read(path: string): Promise<string> {
    return await readFile(join(this.path, path), 'utf8');
  }

  /** Makes `Cargo.lock`; `offline-first` from what CARGO_HOME has, where that is enough. */
  async fetch(mode: 'online' | 'offline-first'): Promise<void> {
    if (mode === 'offline-first' && (await this.cargo('fetch')).exitCode === 0) return;
    await this.mustCargo('fetch', { env: { CARGO_NET_OFFLINE: 'false' } });
  }
}

function eventsOf(decision: Decision): readonly DecisionEvent[] {
  const { directory, unit, outcome, reason, message, became } = decision;
  const event = { directory, unit, reason, message };
  if (outcome === 'served') return [{ ...event, outcome }];
  const missed = { ...event, outcome: 'missed' } as const;
  if (became === null) return [missed];
  const end = became.outcome === 'stored' ? 'promoted' : 'refused';
  return [missed, { ...event, ...became, outcome: end }];
}

function manifestOf({ dependencies = {}, manifest = '' }: WorkspaceOptions): string {
  const lines = Object.entries(dependencies).map(
    ([name, value]) => `${name} = ${value.startsWith('{') ? value : JSON.stringify(value)}`,
  );
  return [
    '[package]',
    'name = "app"',
    'version = "0.1.0"',
    'edition = "2021"',
    '',
    '[workspace]',
    '',
    '[dependencies]',
    ...lines,
    '',
    manifest,
  ].join('\n');
}

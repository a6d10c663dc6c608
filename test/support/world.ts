/** A world of its own for one end-to-end test: the built program, its service, real cargo. */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, onTestFailed } from 'vitest';
import { tryConnectControl } from '../../src/service/control/control-client.js';
import { resolvePaths, type XcachePaths } from '../../src/host/paths.js';
import type {
  StatsResult,
  StatusResult,
  VerifyResult,
} from '../../src/service/control/protocol.js';
import { loadServiceRecord } from '../../src/service/control/service-lock.js';
import { classicLayout } from './cargo-run.js';
import { detachMount, isAlive, mountsBelow, processesWith, waitUntil } from './processes.js';
import { createWorkspace, type Workspace, type WorkspaceOptions } from './workspace.js';

export interface WorldOptions {
  /**
   * `user` (default): the caller's CARGO_HOME. `own`: one inside the world, which shares only the
   * registry with it; for git dependencies, which would leave checkouts behind.
   */
  readonly cargoHome?: 'user' | 'own';
  /** For xcache and cargo, over a plain environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `dist` of the project, or XCACHE_DIST. */
export const mainScript: string = join(
  process.env['XCACHE_DIST'] ?? fileURLToPath(new URL('../../dist', import.meta.url)),
  'cli/main.js',
);

/** Makes a world; `await using` removes it and fails where something of it was still running. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  // Short: sockets and cargo's own hashes of paths appear in every message.
  const path = await realpath(await mkdtemp('/tmp/xw-'));
  const cargoHome =
    options.cargoHome === 'own'
      ? await createCargoHome(join(path, 'cargo'))
      : (process.env['CARGO_HOME'] ?? join(homedir(), '.cargo'));
  const world = new World(path, cargoHome, options.env ?? {});
  onTestFailed(() => {
    console.error(world.lastWords);
  });
  return world;
}

export class World implements AsyncDisposable {
  /** Absolute, without symlinks; everything of the world is below it. */
  readonly path: string;
  readonly cargoHome: string;
  readonly paths: XcachePaths;
  readonly env: NodeJS.ProcessEnv;
  /** What the service decided and logged, taken when the world ends: for a test that failed. */
  lastWords = '';

  constructor(path: string, cargoHome: string, env: Readonly<Record<string, string>>) {
    this.path = path;
    this.cargoHome = cargoHome;
    this.paths = resolvePaths({ XCACHE_HOME: join(path, 'home') });
    this.env = {
      ...plainEnvironment(),
      CARGO_HOME: cargoHome,
      XCACHE_HOME: join(path, 'home'),
      ...env,
    };
  }

  /** Runs one xcache command; the service starts with the first. Does not throw for its exit code. */
  async xcache(...args: readonly string[]): Promise<CommandResult> {
    return await this.xcacheIn(this.path, ...args);
  }

  /** The same in another working directory. */
  async xcacheIn(directory: string, ...args: readonly string[]): Promise<CommandResult> {
    const child = spawn(process.execPath, [mainScript, ...args], {
      cwd: directory,
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const texts = Promise.all([text(child.stdout), text(child.stderr)]);
    const [exitCode] = (await once(child, 'close')) as [number | null];
    const [stdout, stderr] = await texts;
    return { exitCode, stdout, stderr };
  }

  /** The result of a command with `--json`; throws with its message where it fails. */
  async xcacheJson<T>(...args: readonly string[]): Promise<T> {
    const { exitCode, stdout, stderr } = await this.xcache(...args, '--json');
    if (exitCode !== 0) throw new Error(`xcache ${args.join(' ')}: ${exitCode}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** `verify` ends with 1 where it finds something, so its result is read in any case. */
  async verify(): Promise<VerifyResult> {
    const { stdout, stderr } = await this.xcache('verify', '--json');
    if (stdout === '') throw new Error(`xcache verify: ${stderr}`);
    return JSON.parse(stdout) as VerifyResult;
  }

  async stats(): Promise<StatsResult> {
    return await this.xcacheJson<StatsResult>('stats');
  }

  async workspace(name: string, options: WorkspaceOptions = {}): Promise<Workspace> {
    return await createWorkspace(this, name, options);
  }

  /** Waits until every complete unit was looked at: what could be stored is stored. */
  async settled(): Promise<void> {
    const client = await tryConnectControl(this.paths);
    if (client === undefined) throw new Error('the service does not run');
    using connection = client;
    let answersInRow = 0;
    let last: StatusResult | undefined;
    await waitUntil('no unit is pending', async () => {
      last = await connection.request('status', {});
      // Twice, because a unit counts only once the service has heard of it.
      answersInRow = last.pendingUnits === 0 ? answersInRow + 1 : 0;
      return answersInRow >= 2 || last.promotionPaused !== undefined;
    });
    if (last?.promotionPaused !== undefined) throw new Error(last.promotionPaused);
  }

  /** Undefined where no service runs. */
  async servicePid(): Promise<number | undefined> {
    const pid = (await loadServiceRecord(this.paths.pidFile))?.pid;
    return pid !== undefined && isAlive(pid) ? pid : undefined;
  }

  /** `kill -9` for the service; its mounts stay behind, dead. */
  async killService(): Promise<void> {
    const pid = await this.servicePid();
    if (pid === undefined) throw new Error('no service to kill');
    process.kill(pid, 'SIGKILL');
    await waitUntil('the service is gone', () => !isAlive(pid));
  }

  async serviceLog(): Promise<string> {
    return await readFile(this.paths.logFile, 'utf8').catch(() => '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = await this.#end();
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
    if (left.length > 0) throw new Error(`left behind by the test: ${left.join(', ')}`);
  }

  async #takeLastWords(): Promise<void> {
    this.lastWords = await this.serviceLog();
    const client = await tryConnectControl(this.paths);
    if (client === undefined) return;
    using connection = client;
    const { decisions } = await connection.request('explain', { all: true });
    const lines = decisions.map(
      ({ directory, unit, outcome, reason, message, became }) =>
        `${directory} ${unit} ${outcome} ${reason}: ${message}; ${became?.reason ?? '?'}: ${became?.message ?? ''}`,
    );
    this.lastWords += lines.join('\n');
  }

  /** Ends everything, by force if need be, and returns what did not end by itself. */
  async #end(): Promise<readonly string[]> {
    const left: string[] = [];
    await this.#takeLastWords().catch(() => undefined);
    if ((await this.servicePid()) !== undefined) await this.xcache('service', 'stop');
    for (const pid of processesWith(this.path)) {
      left.push(`process ${pid} (${await commandLine(pid)})`);
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
    for (const point of mountsBelow(this.path)) {
      left.push(`mount ${point}`);
      detachMount(point);
    }
    return left;
  }
}

/** The caller's environment without what steers builds. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const steering =
    /^(?:CARGO|RUST|SCCACHE|XCACHE|NODE_OPTIONS|CC|CXX|CFLAGS|CXXFLAGS|LDFLAGS|CI)(?:_|$)|^RUST/;
  const kept = Object.entries(process.env).filter(
    ([name]) => name === 'RUSTUP_HOME' || name === 'RUSTUP_TOOLCHAIN' || !steering.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    // Tests name files as the classic layout has them.
    ...classicLayout,
    CARGO_NET_OFFLINE: 'true',
    CARGO_TERM_COLOR: 'never',
    CARGO_TERM_PROGRESS_WHEN: 'never',
    // The world's own git repositories must not depend on the user's settings.
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
  };
}

async function createCargoHome(path: string): Promise<string> {
  const registry = join(process.env['CARGO_HOME'] ?? join(homedir(), '.cargo'), 'registry');
  await mkdir(registry, { recursive: true });
  await mkdir(path);
  await symlink(registry, join(path, 'registry'));
  return path;
}

async function commandLine(pid: number): Promise<string> {
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return words.split('\0').join(' ').slice(0, 120);
}

function whyNot(): string | undefined {
  try {
    accessSync('/dev/fuse');
  } catch {
    return 'there is no /dev/fuse';
  }
  return spawnSync('cargo', ['--version']).status === 0 ? undefined : 'there is no cargo';
}

/** Like `describe`; skipped, with the reason in the title, where cargo or FUSE is missing (in CI: failed). */
export function describeEndToEnd(title: string, tests: () => void): void {
  const reason = whyNot();
  if (reason === undefined || process.env['CI'] !== undefined) describe(title, tests);
  else describe.skip(`${title} (${reason})`, tests);
}

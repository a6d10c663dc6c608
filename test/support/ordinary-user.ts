/**
 * Ordinary users for tests that run as root: accounts of their own, and a place where they find
 * the program and a toolchain although those may lie in root's home.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFailed } from 'vitest';
import type { StatusResult } from '../../src/service/control/protocol.js';
import { runCargo, type CargoRun } from './cargo-run.js';
import { detachMount, isAlive, mountsBelow, processesWith, waitUntil } from './processes.js';
import { mainScript, type CommandResult } from './world.js';

/** Why no test can have ordinary users here; undefined where it can. */
export const noOrdinaryUsers: string | undefined = whyNot();

function whyNot(): string | undefined {
  if (process.geteuid?.() !== 0) return 'only root can make users';
  if (!existsSync('/dev/fuse')) return 'there is no /dev/fuse';
  const programs = ['useradd', 'userdel', 'setpriv', 'fusermount3'];
  const missing = programs.find((program) => spawnSync(program, ['--version']).error !== undefined);
  if (missing !== undefined) return `there is no ${missing}`;
  const isNodeOpen = spawnSync(process.execPath, ['--version'], { uid: 65534 }).status === 0;
  return isNodeOpen ? undefined : `other users may not run ${process.execPath}`;
}

/** A directory (0755, root's) with the homes of its users; `await using` removes all of it. */
export class UserWorld implements AsyncDisposable {
  readonly path: string;
  readonly #users: OrdinaryUser[] = [];
  readonly #fuseMode = statSync('/dev/fuse').mode & 0o777;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<UserWorld> {
    const world = new UserWorld(await realpath(await mkdtemp('/tmp/xu-')));
    await chmod(world.path, 0o755);
    // What udev's rule sets on a desktop.
    chmodSync('/dev/fuse', 0o666);
    const sysroot = must('rustc', '--print', 'sysroot').trim();
    world.#bind(sysroot, join(world.path, 'toolchain'));
    world.#bind(dirname(dirname(dirname(mainScript))), join(world.path, 'program'));
    onTestFailed(() => {
      for (const user of world.#users) console.error(user.lastWords);
    });
    return world;
  }

  /** Makes an account with an open home, so that what is private is so by xcache's own doing. */
  async user(): Promise<OrdinaryUser> {
    const name = `xct-${process.pid}-${this.#users.length}`;
    const home = join(this.path, name);
    must('useradd', '--system', '--no-create-home', '--home-dir', home, name);
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(must('id', flag, name)));
    const user = new OrdinaryUser(this.path, home, { name, uid: uid ?? -1, gid: gid ?? -1 });
    this.#users.push(user);
    await user.directory('.');
    return user;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left: string[] = [];
    for (const user of this.#users) await user.end();
    for (const pid of processesWith(this.path)) {
      left.push(`process ${pid}`);
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
    const binds = ['toolchain', 'program'].map((name) => join(this.path, name));
    for (const point of mountsBelow(this.path)) {
      if (!binds.includes(point)) left.push(`mount ${point}`);
      detachMount(point);
    }
    for (const { account } of this.#users) must('userdel', account.name);
    chmodSync('/dev/fuse', this.#fuseMode);
    // Never through a bind mount that would not go.
    if (mountsBelow(this.path).length > 0) throw new Error(`mounts are left in ${this.path}`);
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
    if (left.length > 0) throw new Error(`left behind by the test: ${left.join(', ')}`);
  }

  #bind(from: string, to: string): void {
    mkdirSync(to);
    must('mount', '--bind', '-o', 'ro', from, to);
  }
}

export interface UserRunOptions {
  /** Over the user's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Words before the program that root runs, e.g. `unshare -m …`. */
  readonly asRoot?: readonly string[];
}

export class OrdinaryUser {
  readonly home: string;
  readonly account: { readonly name: string; readonly uid: number; readonly gid: number };
  readonly env: Readonly<Record<string, string>>;
  /** What the service logged, taken at the end: for a test that failed. */
  lastWords = '';
  readonly #world: string;

  constructor(world: string, home: string, account: OrdinaryUser['account']) {
    this.#world = world;
    this.home = home;
    this.account = account;
    this.env = {
      PATH: `${join(world, 'toolchain/bin')}:/usr/bin:/bin`,
      HOME: home,
      USER: account.name,
      CARGO_HOME: join(home, '.cargo'),
      CARGO_NET_OFFLINE: 'true',
      CARGO_TERM_COLOR: 'never',
    };
  }

  /** Makes a directory of the user's, below the home. */
  async directory(path: string): Promise<string> {
    const directory = join(this.home, path);
    await mkdir(directory, { mode: 0o755 });
    await chown(directory, this.account.uid, this.account.gid);
    return directory;
  }

  /** Writes files of the user's, with paths relative to the home. */
  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.home, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
    must('chown', '-R', '-h', `${this.account.uid}:${this.account.gid}`, this.home);
  }

  /** Runs a program as this user to its end; does not throw for its exit code. */
  async run(argv: readonly string[], options: UserRunOptions = {}): Promise<CommandResult> {
    const [file = '', ...args] = [...(options.asRoot ?? []), ...this.#prefix(), ...argv];
    const child = spawn(file, args, {
      cwd: options.cwd ?? this.home,
      env: { ...this.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const texts = Promise.all([text(child.stdout), text(child.stderr)]);
    const [exitCode] = (await once(child, 'close')) as [number | null];
    const [stdout, stderr] = await texts;
    return { exitCode, stdout, stderr };
  }

  /** Keeps a process of the user's in a directory until its disposal. */
  async enter(directory: string): Promise<AsyncDisposable> {
    const [file, ...args] = [...this.#prefix(), 'sh', '-c', 'cd "$1" && echo && cat', 'sh'];
    const child = spawn(file, [...args, directory], {
      env: this.env,
      cwd: '/',
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    await once(child.stdout, 'data');
    return {
      async [Symbol.asyncDispose](): Promise<void> {
        child.stdin.end();
        await exited;
      },
    };
  }

  async xcache(...args: readonly string[]): Promise<CommandResult> {
    return await this.run(this.xcacheWords(...args));
  }

  xcacheWords(...args: readonly string[]): readonly string[] {
    return [process.execPath, join(this.#world, 'program/dist/cli/main.js'), ...args];
  }

  /** The result of a command with `--json`; throws with its message where it fails. */
  async xcacheJson<T>(...args: readonly string[]): Promise<T> {
    const { exitCode, stdout, stderr } = await this.xcache(...args, '--json');
    if (exitCode !== 0) throw new Error(`xcache ${args.join(' ')}: ${exitCode}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Throws with cargo's messages where it fails. */
  async cargo(command: string, workspace: string): Promise<CargoRun> {
    const env = { ...this.env };
    const run = await runCargo(command, { cwd: workspace, env, prefix: this.#prefix() });
    if (run.exitCode !== 0) throw new Error(`cargo ${command}: ${run.exitCode}\n${run.stderr}`);
    return run;
  }

  /** Waits until every complete unit was looked at. */
  async settled(): Promise<void> {
    let answersInRow = 0;
    await waitUntil('no unit is pending', async () => {
      const { pendingUnits } = await this.xcacheJson<StatusResult>('status');
      answersInRow = pendingUnits === 0 ? answersInRow + 1 : 0;
      return answersInRow >= 2;
    });
  }

  /** What the log of the service says, which may be nothing. */
  async serviceLog(): Promise<string> {
    const path = join(this.home, '.local/state/xcache/service.log');
    return await readFile(path, 'utf8').catch(() => '');
  }

  /** Ends the service. */
  async end(): Promise<void> {
    this.lastWords = await this.serviceLog();
    await this.xcache('service', 'stop');
  }

  #prefix(): readonly string[] {
    const { uid, gid } = this.account;
    return ['setpriv', '--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--'];
  }
}

function must(...argv: readonly string[]): string {
  const run = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8', cwd: '/' });
  if (run.status !== 0) throw new Error(`${argv.join(' ')}: ${run.status} ${run.stderr}`);
  return run.stdout;
}

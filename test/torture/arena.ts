/** A world for many kills: two workspaces with the same small dependencies, and what must hold after each. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import type { CargoOptions, CargoRun } from '../support/cargo-run.js';
import { buildDirOf, buildDirTemplate } from '../../src/views/user-mount/auto-paths.js';
import { viewDirectory } from '../../src/views/view-directory.js';
import type { ControlMethod, ControlMethods } from '../../src/service/control/protocol.js';
import { createGitCrates, type CrateText } from '../e2e/crates.js';
import type { Workspace } from '../support/workspace.js';
import { createWorld, type World } from '../support/world.js';
import { digestsBelow, lossesIn, type Digests } from './ledger.js';
import { killProcess, startService, talk } from './service-process.js';

/** Where the workspaces build. */
export type Place = 'target' | 'per-user';

/** Longer than anything takes that does not hang, on a loaded machine too. */
const patienceMs = 90_000;

/** Above 16 KiB a file is a blob of its own, which is moved into the store. */
const bulky = 'pub static BYTES: [u8; 40_000] = [1; 40_000];\n';

/** A library, one that needs it, a build script whose output is included, and a proc-macro. */
export const crates: Readonly<Record<string, CrateText>> = {
  alpha: { lib: `${bulky}pub fn one() -> u32 { BYTES[7].into() }\n` },
  beta: {
    lib: 'pub fn two() -> u32 { alpha::one() + 1 }\n',
    dependencies: { alpha: '{ path = "../alpha" }' },
  },
  gamma: {
    lib: 'include!(concat!(env!("OUT_DIR"), "/made.rs"));\n',
    build:
      'fn main() {\n    println!("cargo:rerun-if-changed=build.rs");\n    let out = std::env::var("OUT_DIR").unwrap();\n    std::fs::write(format!("{out}/made.rs"), "pub fn three() -> u32 { 3 }").unwrap();\n}\n',
  },
  delta: {
    lib: 'use proc_macro::TokenStream;\n#[proc_macro]\npub fn four(_: TokenStream) -> TokenStream { "4u32".parse().unwrap() }\n',
    library: 'proc-macro = true',
  },
};

/** Uses all of them. */
export const program: string =
  'fn main() { println!("{} {} {} {}", alpha::one(), beta::two(), gamma::three(), delta::four!()); }\n';

export class Arena implements AsyncDisposable {
  readonly world: World;
  readonly place: Place;
  readonly first: Workspace;
  readonly second: Workspace;
  /** The running service, or the one that ran last. */
  service: ChildProcess;
  #variant = 0;

  private constructor(world: World, place: Place, workspaces: Workspace[], service: ChildProcess) {
    this.world = world;
    this.place = place;
    [this.first, this.second] = workspaces as [Workspace, Workspace];
    this.service = service;
  }

  static async open(place: Place): Promise<Arena> {
    const world = await createWorld({ cargoHome: 'own' });
    try {
      const { dependencies } = await createGitCrates(world, crates);
      const files = { 'src/main.rs': program };
      const workspaces = [
        await world.workspace('one', { dependencies, files }),
        await world.workspace('two', { dependencies, files }),
      ];
      const arena = new Arena(world, place, workspaces, await startService(world));
      await arena.#enterMounts();
      return arena;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #enterMounts(): Promise<void> {
    if (this.place === 'target') {
      for (const workspace of [this.first, this.second]) await workspace.mount();
      return;
    }
    this.world.env['CARGO_BUILD_BUILD_DIR'] = buildDirTemplate(this.world.paths.autoMountDirectory);
    await this.ask('autoMount', { enabled: true });
  }

  /** Where a workspace's intermediate files are. */
  buildDir({ target, path }: Workspace): string {
    return this.place === 'target' ? target : buildDirOf(this.world.paths.autoMountDirectory, path);
  }

  /** Makes every unit another one from now on, which nobody has built. */
  renewUnits(): void {
    this.#variant += 1;
    this.world.env['RUSTFLAGS'] = `--cfg=variant${this.#variant}`;
  }

  /** A build that must succeed. */
  async build(workspace: Workspace, options: CargoOptions = {}): Promise<CargoRun> {
    return await within('cargo build', workspace.mustCargo('build', options));
  }

  /** A build whose end does not matter, because the service is killed meanwhile. */
  async breakBuild(workspace: Workspace, options: CargoOptions): Promise<CargoRun> {
    return await within('a broken cargo build', workspace.cargo('build', options));
  }

  /** `cargo clean`, during which something happens; its end does not matter. */
  async clean(
    workspace: Workspace,
    args: readonly string[],
    whileRunning: () => Promise<void>,
  ): Promise<void> {
    await within('cargo clean', workspace.cargo('clean', { args, whileRunning }));
  }

  async mustClean(workspace: Workspace): Promise<void> {
    await within('cargo clean', workspace.mustCargo('clean'));
  }

  async settled(): Promise<void> {
    await within('promotion', this.world.settled());
  }

  async kill(): Promise<void> {
    await killProcess(this.service);
  }

  async killAfter(ms: number): Promise<void> {
    await delay(ms);
    await this.kill();
  }

  async start(): Promise<void> {
    this.service = await within('the start of the service', startService(this.world));
  }

  async mount(workspace: Workspace): Promise<void> {
    await this.ask('mount', { directory: workspace.target });
  }

  async unmount(workspace: Workspace, materialize: boolean): Promise<void> {
    await this.ask('unmount', { directory: workspace.target, materialize });
  }

  /** One request that is answered in time. */
  async ask<M extends ControlMethod>(
    method: M,
    params: ControlMethods[M]['params'],
  ): Promise<ControlMethods[M]['result']> {
    return await within(
      method,
      talk(this.world, async (connection) => await connection.request(method, params)),
    );
  }

  /** What programs have written and the store does not have: stands on the disk without a service. */
  async upperDigests(workspace: Workspace): Promise<Digests> {
    const view = viewDirectory(this.world.paths.viewsDirectory, this.buildDir(workspace));
    return await digestsBelow(view.upperDirectory);
  }

  /** Everything in a build-dir, as programs see it. */
  async treeDigests(workspace: Workspace): Promise<Digests> {
    return await within('reading', digestsBelow(this.buildDir(workspace)));
  }

  async losses(workspace: Workspace, before: Digests): Promise<readonly string[]> {
    return await within('reading', lossesIn(this.buildDir(workspace), before));
  }

  /** Like `losses`, but a file may be gone. */
  async changes(workspace: Workspace, before: Digests): Promise<readonly string[]> {
    const now = await this.treeDigests(workspace);
    return [...before]
      .filter(([path, digest]) => now.has(path) && now.get(path) !== digest)
      .map(([path]) => `${path} has other bytes`);
  }

  /** What `verify` finds wrong beside blobs that no unit names, in words. */
  async problems(): Promise<readonly string[]> {
    return (await this.#verify()).filter((problem) => !problem.startsWith('blob-orphan '));
  }

  /** The same after clean-up, with which such blobs must go. */
  async problemsInTheEnd(): Promise<readonly string[]> {
    await this.ask('gc', { dryRun: false });
    return await this.#verify();
  }

  async #verify(): Promise<readonly string[]> {
    const { problems } = await this.ask('verify', { repair: false });
    return problems.map(({ kind, subject, message }) => `${kind} ${subject}: ${message}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

/** The result, or an error that says what hung. */
async function within<T>(what: string, result: Promise<T>): Promise<T> {
  const done = new AbortController();
  const timeout = delay(patienceMs, undefined, { signal: done.signal }).then(() => {
    throw new Error(`${what} hangs: no end after ${patienceMs} ms`);
  });
  // It is rejected by the abort too.
  timeout.catch(() => undefined);
  try {
    return await Promise.race([result, timeout]);
  } finally {
    done.abort();
  }
}

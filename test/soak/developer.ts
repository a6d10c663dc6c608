/** A developer with some workspaces: edits, switches branches, cleans, makes worktrees. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildDirOf, buildDirTemplate } from '../../src/views/user-mount/auto-paths.js';
import { createGitCrates } from '../e2e/crates.js';
import { must, nothingToDo } from '../e2e/lifecycle-support.js';
import { Workspace } from '../support/workspace.js';
import { createWorld, type World } from '../support/world.js';
import { crates, program } from '../torture/arena.js';
import type { Random } from '../torture/random.js';
import { talk } from '../torture/service-process.js';

/** On the branch `feature` less is needed, so that a switch adds and removes units. */
const smallProgram = 'fn main() { println!("{}", beta::two()); }\n';

export class Developer implements AsyncDisposable {
  readonly world: World;
  readonly #workspaces: readonly Workspace[];
  readonly #random: Random;
  #worktree: Workspace | undefined;
  #edits = 0;

  private constructor(world: World, workspaces: readonly Workspace[], random: Random) {
    this.world = world;
    this.#workspaces = workspaces;
    this.#random = random;
  }

  static async begin(workspaceCount: number, random: Random): Promise<Developer> {
    const world = await createWorld({ cargoHome: 'own' });
    try {
      const { dependencies } = await createGitCrates(world, crates);
      const workspaces: Workspace[] = [];
      for (let at = 0; at < workspaceCount; at += 1) {
        const files = { 'src/main.rs': program, '.gitignore': 'target\n' };
        const workspace = await world.workspace(`project${at}`, { dependencies, files });
        await prepareBranches(workspace);
        workspaces.push(workspace);
      }
      world.env['CARGO_BUILD_BUILD_DIR'] = buildDirTemplate(world.paths.autoMountDirectory);
      await world.xcacheJson('service', 'start');
      await talk(world, async (it) => await it.request('autoMount', { enabled: true }));
      return new Developer(world, workspaces, random);
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The build-dir of one of the workspaces. */
  get buildDir(): string {
    return buildDirOf(this.world.paths.autoMountDirectory, this.#workspaces[0]!.path);
  }

  /** Every unit is another one from now on, as after an update of the compiler. */
  updateCompiler(day: number): void {
    this.world.env['RUSTFLAGS'] = `--cfg=day${day}`;
  }

  async edit(times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      const workspace = this.#random.pick(this.#workspaces);
      this.#edits += 1;
      await workspace.write({ 'src/main.rs': `${program}// ${this.#edits}\n` });
      await workspace.mustCargo(this.#random.pick(['build', 'check']));
    }
  }

  async switchBranches(): Promise<void> {
    for (const workspace of this.#workspaces) {
      must('git', '-C', workspace.path, 'checkout', '--quiet', '--force', 'feature');
      await workspace.mustCargo('build');
      must('git', '-C', workspace.path, 'checkout', '--quiet', '--force', 'main');
      await workspace.mustCargo('build');
    }
  }

  /** A worktree of one workspace takes the place of the one of the day before. */
  async renewWorktree(): Promise<void> {
    await this.#removeWorktree();
    const path = join(this.world.path, 'worktree');
    this.#git('worktree', 'add', '--quiet', '--detach', path, 'main');
    this.#worktree = new Workspace(this.world, path);
    await this.#worktree.mustCargo('build');
  }

  async cleanOne(): Promise<void> {
    await this.#random.pick(this.#workspaces).mustCargo('clean');
  }

  /** Afterwards nothing of the store is in use. */
  async cleanAll(): Promise<void> {
    await this.#removeWorktree();
    for (const workspace of this.#everything()) await workspace.mustCargo('clean');
  }

  /** What is there builds, and then there is nothing to do. */
  async finish(): Promise<readonly string[]> {
    const wrong: string[] = [];
    for (const workspace of this.#everything()) {
      await workspace.mustCargo('build');
      const { compiled, dirty, stderr } = await workspace.mustCargo('build');
      if (compiled.length > nothingToDo.compiled.length || dirty.length > 0) {
        wrong.push(`${workspace.path} was built again: ${stderr}`);
      }
    }
    await this.world.settled();
    return wrong;
  }

  async #removeWorktree(): Promise<void> {
    if (this.#worktree === undefined) return;
    const { path } = this.#worktree;
    this.#git('worktree', 'remove', '--force', path);
    await this.world.xcacheJson('forget', path, '--yes');
    this.#worktree = undefined;
  }

  #git(...words: readonly string[]): void {
    must('git', '-C', this.#workspaces[0]!.path, ...words);
  }

  #everything(): readonly Workspace[] {
    return this.#worktree ? [...this.#workspaces, this.#worktree] : this.#workspaces;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

async function prepareBranches(workspace: Workspace): Promise<void> {
  const git = (...words: readonly string[]): string =>
    must(
      'git',
      '-C',
      workspace.path,
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@localhost',
      ...words,
    );
  await rm(workspace.target, { recursive: true, force: true });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '--message=main');
  git('checkout', '--quiet', '-b', 'feature');
  await workspace.write({ 'src/main.rs': smallProgram });
  git('commit', '--quiet', '--all', '--message=feature');
  git('checkout', '--quiet', 'main');
}

/** Git repositories that tests make for themselves, as sources of dependencies. */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { World } from './world.js';

export interface GitRepository {
  /** For `{ git = "…" }`. */
  readonly url: string;
  /** Writes files and commits them on branch `main`; returns the commit. */
  readonly commit: (files: Readonly<Record<string, string>>) => Promise<string>;
}

/** The world needs `cargoHome: 'own'`, or cargo keeps a copy in the user's. */
export async function createGitRepository(world: World, name: string): Promise<GitRepository> {
  const path = join(world.path, 'git', name);
  await mkdir(path, { recursive: true });
  const git = (...args: readonly string[]): string => {
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
    const run = spawnSync('git', [...identity, ...args], {
      cwd: path,
      env: world.env,
      encoding: 'utf8',
    });
    if (run.status !== 0) throw new Error(`git ${args.join(' ')}: ${run.stderr}`);
    return run.stdout.trim();
  };
  git('init', '--quiet', '--initial-branch=main');
  return {
    url: `file://${path}`,
    async commit(files: Readonly<Record<string, string>>): Promise<string> {
      for (const [file, content] of Object.entries(files)) {
        await mkdir(dirname(join(path, file)), { recursive: true });
        await writeFile(join(path, file), content);
      }
      git('add', '.');
      git('commit', '--quiet', '--message=content');
      return git('rev-parse', 'HEAD');
    },
  };
}

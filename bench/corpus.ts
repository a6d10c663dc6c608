/** Makes the workspaces of the benchmark, all with the same dependencies and the same lock file. */
import {
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { plainEnvironment } from './cargo-run.js';
import { runCaptured } from './run-command.js';

/** `full` is the corpus of the published figures; `small` serves to work on the benchmark. */
export type CorpusSize = 'full' | 'small';

export interface Corpus {
  /** Writes a new workspace into `directory`, which must not exist. */
  createWorkspace(directory: string): void;
  readonly lockedPackages: number;
  /** Removes what the git dependency left in CARGO_HOME. */
  dispose(): void;
}

const repositoryPrefix = 'xcache-bench-shared-';

/**
 * Makes the git repository and the lock file under `directory`.
 * The lock file is resolved once, so that releases between two workspaces change nothing; it is
 * not kept with the templates because it names the registry that it was resolved from.
 */
export function createCorpus(templates: string, directory: string, size: CorpusSize): Corpus {
  const repository = join(directory, `${repositoryPrefix}${process.pid}`);
  createRepository(join(templates, 'shared'), repository);
  const write = (target: string): void => {
    mkdirSync(join(target, '..'), { recursive: true });
    cpSync(join(templates, size), target, { recursive: true, errorOnExist: true, force: false });
    instantiate(target, pathToFileURL(repository).href);
  };
  const first = join(directory, 'lock');
  write(first);
  fetchAll(first);
  const lock = readFileSync(join(first, 'Cargo.lock'), 'utf8');
  rmSync(first, { recursive: true });
  return {
    createWorkspace(target) {
      write(target);
      writeFileSync(join(target, 'Cargo.lock'), lock);
    },
    lockedPackages: lock.split('[[package]]').length - 1,
    dispose: () => removeFromCargoHome(repositoryPrefix + String(process.pid)),
  };
}

function createRepository(template: string, repository: string): void {
  cpSync(template, repository, { recursive: true });
  instantiate(repository, '');
  const git = (...command: string[]): string => {
    const author = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost'];
    return runCaptured(['git', ...author, ...command], { cwd: repository });
  };
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('commit', '--quiet', '--no-gpg-sign', '--message=corpus');
}

/** Turns the template `Cargo.toml.in` into `Cargo.toml`. */
function instantiate(directory: string, repositoryUrl: string): void {
  const manifest = join(directory, 'Cargo.toml');
  renameSync(`${manifest}.in`, manifest);
  const text = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, text.replaceAll('{{shared-repository}}', repositoryUrl));
}

/** The only step that may use the network; every later cargo command is offline. */
function fetchAll(workspace: string): void {
  const env = plainEnvironment();
  delete env['CARGO_NET_OFFLINE'];
  try {
    runCaptured(['cargo', 'fetch'], { cwd: workspace, env });
  } catch (error) {
    throw new Error('cargo fetch failed; the first run needs the network', { cause: error });
  }
}

/** Cargo keeps a clone and a checkout per URL, both named after its last component. */
function removeFromCargoHome(prefix: string): void {
  const cargoHome = process.env['CARGO_HOME'] ?? join(homedir(), '.cargo');
  for (const folder of ['db', 'checkouts']) {
    const parent = join(cargoHome, 'git', folder);
    for (const name of readdirSync(parent)) {
      if (name.startsWith(prefix)) rmSync(join(parent, name), { recursive: true, force: true });
    }
  }
}

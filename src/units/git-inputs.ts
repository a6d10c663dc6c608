/** What git could tell a build script: the state of the repository around its package. */
import { dirname, join, resolve } from 'node:path';
import { atAnyTime, type DraftContext, type WantedInputs } from './draft-base.js';
import type { Mentions } from './unit-mentions.js';

const gitFileBytesMax = 64 << 10;
const gitPackages = /^(?:git2|gix|gix-.*|vergen.*|built|shadow-rs|git-version.*|git-testament.*)$/;

/** Whether the run of a script may ask git, by itself or through a library. */
export function mayAskGit({ units, startsPrograms }: Mentions): boolean {
  return units.some(({ package: name, role, mentions: { programs, names } }) => {
    if (programs.has('git') || gitPackages.test(name.replaceAll('_', '-'))) return true;
    return role === 'own' && startsPrograms && names.has('git');
  });
}

/**
 * Head, the branch it names, packed branches, configuration and index of the repository that holds
 * the package; names that would make another repository the nearest one; the configuration of user
 * and system.
 */
export function gitInputs(
  packageRoot: string,
  { environment, host }: Pick<DraftContext, 'environment' | 'host'>,
): readonly WantedInputs[] {
  const paths: string[] = [];
  for (let above = packageRoot; ; above = dirname(above)) {
    const marker = join(above, '.git');
    const directory = gitDirectory(marker, host);
    paths.push(...(directory === undefined ? [marker] : stateFiles(marker, directory, host)));
    if (directory !== undefined || above === dirname(above)) break;
  }
  const { HOME = '/', XDG_CONFIG_HOME } = environment.variables;
  paths.push('/etc/gitconfig', join(HOME, '.gitconfig'));
  paths.push(join(XDG_CONFIG_HOME ?? join(HOME, '.config'), 'git', 'config'));
  return [...new Set(paths)]
    .filter((path) => path.startsWith('/') && !host.isBelowOwnMount(path))
    .map((root): WantedInputs => {
      const set = { kind: 'content', root, paths: [] } as const;
      return host.look(root).kind === 'missing' ? { ...set, notAfterNs: atAnyTime } : set;
    });
}

/** Undefined where there is none. A work tree has a file that leads to it. */
function gitDirectory(marker: string, host: DraftContext['host']): string | undefined {
  const stats = host.stat(marker);
  if (stats?.isDirectory() === true) return marker;
  const text = stats === undefined ? undefined : host.readText(marker, gitFileBytesMax);
  const [, target] = /^gitdir: (.+)/.exec(text ?? '') ?? [];
  return target === undefined ? undefined : resolve(dirname(marker), target.trim());
}

function stateFiles(
  marker: string,
  directory: string,
  host: DraftContext['host'],
): readonly string[] {
  const read = (path: string): string => host.readText(path, gitFileBytesMax)?.trim() ?? '';
  const common = resolve(directory, read(join(directory, 'commondir')) || '.');
  const [, branch] = /^ref: (.+)/.exec(read(join(directory, 'HEAD'))) ?? [];
  const names = ['packed-refs', 'config', 'refs/tags', ...(branch === undefined ? [] : [branch])];
  const own = ['HEAD', 'index', 'config.worktree'].map((name) => join(directory, name));
  const ownMarker = marker === directory ? [] : [marker];
  return [...ownMarker, ...own, ...names.map((name) => join(common, name))];
}

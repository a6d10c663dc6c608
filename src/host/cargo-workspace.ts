/**
 * The workspace that a cargo process works on: its root, the profiles in its manifests and the git
 * commits of its lock file (`core/workspace.rs` at f2d3ce0bd).
 */
import { basename, dirname, join, resolve } from 'node:path';
import { parse } from 'smol-toml';
import type { CargoCommand } from '../cargo/command-line.js';
import { ConfigProblem, configAt, configValueOf, type ConfigValue } from '../cargo/config-value.js';
import type { HostFiles } from './host-files.js';

export interface CargoWorkspace {
  /** Undefined where no manifest is found, and for commands that build what is elsewhere. */
  readonly root: string | undefined;
  /** All manifests that may be the workspace's, the package's own first. */
  readonly manifests: readonly Manifest[];
  /** Commits of git dependencies; undefined where there is no lock file that can be read. */
  readonly commits: ReadonlySet<string> | undefined;
}

export interface Manifest {
  readonly path: string;
  readonly value: ConfigValue;
}

const manifestBytesMax = 4 << 20;
const lockBytesMax = 32 << 20;

/** They build packages that come from somewhere else. */
const elsewhere: ReadonlySet<string> = new Set(['install', 'uninstall']);

export function findWorkspace(
  command: CargoCommand,
  cwd: string,
  files: HostFiles,
): CargoWorkspace {
  const none: CargoWorkspace = { root: undefined, manifests: [], commits: undefined };
  if (command.subcommand !== undefined && elsewhere.has(command.subcommand)) return none;
  const { manifestPath } = command;
  if (manifestPath !== undefined && basename(manifestPath) !== 'Cargo.toml') return none;
  const start = manifestPath === undefined ? cwd : dirname(resolve(cwd, manifestPath));
  const manifests = manifestsFrom(start, files);
  const [own] = manifests;
  if (own === undefined) return none;
  const pointed = pointedManifest(own, files);
  const all = pointed === undefined ? manifests : [own, pointed, ...manifests.slice(1)];
  const root = dirname(pointed?.path ?? rootAmong(manifests, own).path);
  const lock = command.lockfilePath;
  const lockPath = lock === undefined ? join(root, 'Cargo.lock') : resolve(cwd, lock);
  return { root, manifests: all, commits: readCommits(lockPath, files) };
}

/** From a directory upwards, the deepest first; what cannot be read as TOML is left out. */
function manifestsFrom(start: string, files: HostFiles): readonly Manifest[] {
  const manifests: Manifest[] = [];
  for (let current = start; ; current = dirname(current)) {
    // What `cargo package` has unpacked belongs to no workspace above.
    if (manifests.length > 0 && current.endsWith('/target/package')) break;
    const manifest = readManifest(join(current, 'Cargo.toml'), files);
    if (manifest !== undefined) manifests.push(manifest);
    if (dirname(current) === current) break;
  }
  return manifests;
}

function readManifest(path: string, files: HostFiles): Manifest | undefined {
  const text = files.readText(path, manifestBytesMax);
  if (text === undefined) return undefined;
  try {
    const origin = { kind: 'file', root: dirname(path), name: path } as const;
    const value = configValueOf(parse(text), origin);
    return value instanceof ConfigProblem ? undefined : { path, value };
  } catch {
    // Cargo cannot read it either, and stops where it counts.
    return undefined;
  }
}

/** `workspace = "../root"` in the package's own manifest. */
function pointedManifest(own: Manifest, files: HostFiles): Manifest | undefined {
  const pointer = configAt(own.value, ['package', 'workspace']);
  if (pointer?.kind !== 'single' || typeof pointer.value !== 'string') return undefined;
  return readManifest(resolve(dirname(own.path), pointer.value, 'Cargo.toml'), files);
}

/** The package itself where no workspace claims it. */
function rootAmong(manifests: readonly Manifest[], own: Manifest): Manifest {
  const root = manifests.find(
    (manifest) =>
      configAt(manifest.value, ['workspace']) !== undefined &&
      (manifest === own || !isExcluded(manifest, dirname(own.path))),
  );
  return root ?? own;
}

function isExcluded(root: Manifest, directory: string): boolean {
  const isIn = (list: string): boolean => {
    const found = configAt(root.value, ['workspace', list]);
    return (
      found?.kind === 'list' &&
      found.items.some((item) => {
        if (item.kind !== 'single' || typeof item.value !== 'string') return false;
        const path = resolve(dirname(root.path), item.value);
        return directory === path || directory.startsWith(`${path}/`);
      })
    );
  };
  return isIn('exclude') && !isIn('members');
}

function readCommits(path: string, files: HostFiles): ReadonlySet<string> | undefined {
  const text = files.readText(path, lockBytesMax);
  if (text === undefined) return undefined;
  const sources = text.matchAll(/^source = "git\+[^"\n]*#([0-9a-f]{40})"\r?$/gm);
  return new Set(Array.from(sources, ([, commit = '']) => commit));
}

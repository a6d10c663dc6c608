/** Small crates that tests write for themselves, and where cargo finds them. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createGitRepository, type GitRepository } from '../support/git-repository.js';
import type { Workspace } from '../support/workspace.js';
import type { World } from '../support/world.js';

export interface CrateText {
  readonly lib: string;
  readonly build?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  /** More lines of `[package]`. */
  readonly package?: string;
  /** Lines of `[lib]`. */
  readonly library?: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** The files of one crate, with paths relative to it. */
export function crateFiles(name: string, text: CrateText): Record<string, string> {
  const dependencies = Object.entries(text.dependencies ?? {}).map(
    ([key, value]) => `${key} = ${value}`,
  );
  return {
    'Cargo.toml': [
      '[package]',
      `name = "${name}"`,
      'version = "1.0.0"',
      'edition = "2021"',
      text.package ?? '',
      '[lib]',
      text.library ?? '',
      '[dependencies]',
      ...dependencies,
      '',
    ].join('\n'),
    'src/lib.rs': text.lib,
    ...(text.build === undefined ? {} : { 'build.rs': text.build }),
    ...text.files,
  };
}

/** Several crates in one repository, each in a directory of its name. */
export async function createGitCrates(
  world: World,
  crates: Readonly<Record<string, CrateText>>,
): Promise<GitRepository & { readonly dependencies: Record<string, string> }> {
  const repository = await createGitRepository(world, 'crates');
  await repository.commit(inDirectories(crates));
  const dependencies = Object.keys(crates).map((name) => [name, `{ git = "${repository.url}" }`]);
  return {
    ...repository,
    dependencies: Object.fromEntries(dependencies) as Record<string, string>,
  };
}

/** Paths of the crates' files below a directory for each. */
export function inDirectories(crates: Readonly<Record<string, CrateText>>): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [name, text] of Object.entries(crates)) {
    for (const [path, content] of Object.entries(crateFiles(name, text))) {
      files[`${name}/${path}`] = content;
    }
  }
  return files;
}

/** A directory source, as `cargo vendor` makes one, at `vendor` or another place in the world. */
export async function createVendoredCrates(
  world: World,
  crates: Readonly<Record<string, CrateText>>,
  place = 'vendor',
): Promise<{
  readonly path: string;
  readonly config: string;
  readonly dependencies: Record<string, string>;
}> {
  const path = join(world.path, place);
  for (const [file, content] of Object.entries(inDirectories(crates))) {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), content);
  }
  for (const name of Object.keys(crates)) {
    await writeFile(join(path, name, '.cargo-checksum.json'), '{"files":{}}');
  }
  const config = `[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "${path}"\n`;
  const dependencies = Object.fromEntries(Object.keys(crates).map((name) => [name, '=1.0.0']));
  return { path, config, dependencies };
}

/**
 * What plain cargo makes the program print at this very place; leaves no target behind. To be
 * called before the workspace is mounted.
 */
export async function nativeOutput(
  workspace: Workspace,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  await workspace.mustCargo('build', { env });
  const output = workspace.output();
  await rm(workspace.target, { recursive: true });
  return output;
}

/** Where cargo put the checkout of the world's `crates` repository. */
export async function gitCheckout(world: World): Promise<string> {
  const base = join(world.cargoHome, 'git', 'checkouts');
  const [repository = ''] = await readdir(base);
  const [commit = ''] = await readdir(join(base, repository));
  return join(base, repository, commit);
}

/** Copies a directory with all times, over what is there. */
export async function copyTree(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, preserveTimestamps: true });
}

/** Bytes of the one file in a directory of `target` whose name matches. */
export async function readArtifact(
  workspace: Workspace,
  directory: string,
  name: RegExp,
): Promise<Buffer> {
  const found = (await workspace.list(directory)).filter((entry) => name.test(entry));
  if (found.length !== 1)
    throw new Error(`${directory} has ${found.join(', ')} for ${name.source}`);
  return await readFile(join(workspace.target, directory, found[0] ?? ''));
}

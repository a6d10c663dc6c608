/**
 * Which units of a build-dir hold the path of that build-dir, so that cargo must build them again
 * when it lies elsewhere. Cargo itself looks at times and hashes alone and would take them as they are.
 */
import { readFile } from 'node:fs/promises';
import type { VirtualPath } from '../../base/byte-string.js';
import { runCommand } from '../../host/run-command.js';
import { parseUnitPath } from '../../cargo/layout.js';
import { parseRustcDepFile } from '../../cargo/rustc-dep-file.js';
import { containsPath, ownOutDir } from '../../units/output-rewriting.js';
import { placeMisfit } from '../../units/rewritten-files.js';
import { unitKeyOf, type UnitFacts } from '../../units/unit-facts.js';

/** What the children may say; names of all files of a very large build-dir. */
const outputBytesMax = 256 << 20;

/** They read every byte of a build-dir: a hundred gigabytes from a slow disk take half an hour. */
const searchTimeoutMs = 3 * 3_600_000;

export interface PathUsers {
  /** Of no use elsewhere: keys of units, and paths of outputs that carry no unit hash. */
  readonly bound: readonly string[];
  /** `output`, text files and links of stored script runs that name the build-dir. */
  readonly outputs: readonly string[];
}

export interface PathUserQuestion {
  /** Holds every file of the build-dir. */
  readonly directory: string;
  /** The path by which the units know it. */
  readonly buildDir: string;
  /** Where it is to lie. */
  readonly target: string;
  /** What is known of units that come from the store. */
  readonly stored: readonly UnitFacts[];
}

/** Searches in children. Throws where that fails: what is not known is not to be guessed. */
export async function findPathUsers(question: PathUserQuestion): Promise<PathUsers> {
  const { directory, buildDir, stored } = question;
  const portable = new Map<string, UnitFacts>();
  const bound = new Set<string>();
  for (const facts of stored) {
    if (isPortable(facts, question)) portable.set(unitKeyOf(facts), facts);
    else bound.add(unitKeyOf(facts));
  }
  // Not those that are found alone: a text may name the path broken over two lines.
  const outputs = [...portable.values()].flatMap(({ rewrites }) => rewrites);
  const found = [await findFiles(directory, buildDir), await findLinks(directory, buildDir)].flat();
  for (const path of found) {
    const unit = parseUnitPath(path as VirtualPath);
    if (unit === undefined) {
      for (const output of await boundOutputs(directory, path, buildDir)) bound.add(output);
      continue;
    }
    if (bound.has(unit.unitKey)) continue;
    if (portable.has(unit.unitKey)) continue;
    if (await matters(fileIn(directory, path), path, { ...unit, buildDir }))
      bound.add(unit.unitKey);
  }
  return { bound: [...bound], outputs };
}

function isPortable(facts: UnitFacts, { buildDir, target }: PathUserQuestion): boolean {
  // `target` is where an earlier mount or an adopted directory was.
  if (facts.boundBecause !== null) return facts.buildDir === target;
  // Its texts name this build-dir by now, wherever it was made.
  return placeMisfit({ ...facts, buildDir }, target) === undefined;
}

/** A cdylib, for one: cargo builds it again where a file of it is missing. */
async function boundOutputs(
  directory: string,
  path: string,
  buildDir: string,
): Promise<readonly string[]> {
  if (!/\/(?:deps|examples)\/[^/]+$/.test(path)) return [];
  if (!path.endsWith('.d')) return [path];
  const file = fileIn(directory, path);
  if (!(await hasVariable(file, buildDir))) return [];
  const prefix = `${buildDir}/`;
  const { targets = [] } = parseRustcDepFile(await readFile(file, 'utf8')) ?? {};
  return [path, ...targets].map((each) =>
    each.startsWith(prefix) ? each.slice(prefix.length) : each,
  );
}

function fileIn(directory: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, 'latin1')]);
}

type Mention = Parameters<typeof outDirOf>[0];

/** Whether it means anything that this file of a unit of the workspace's own names the build-dir. */
async function matters(file: Buffer, path: string, unit: Mention): Promise<boolean> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const parent = path.slice(0, path.lastIndexOf('/'));
  const isFingerprint = /\/\.fingerprint\/[^/]+$|\/build\/[^/]+\/[0-9a-f]{16}\/fingerprint$/.test(
    parent,
  );
  // Messages of the compiler, which cargo shows again.
  if (isFingerprint) return !name.startsWith('output-');
  const isRun = /\/build\/(?:[^/]+-[0-9a-f]{16}|[^/]+\/[0-9a-f]{16}\/run)$/.test(parent);
  if (isRun && (name === 'root-output' || name === 'stderr')) return false;
  // Cargo puts the new OUT_DIR in; everything else would stay as it is.
  if (isRun && name === 'output') {
    const text = await readFile(file, 'latin1');
    const own = Buffer.from(outDirOf(unit)).toString('latin1');
    const buildDir = Buffer.from(unit.buildDir).toString('latin1');
    return containsPath(text.split(own).join(''), buildDir);
  }
  // Names of files are translated when cargo makes its own dep-info of it; variables tell of the code.
  if (name.endsWith('.d')) return await hasVariable(file, unit.buildDir);
  return true;
}

function outDirOf(unit: {
  readonly buildDir: string;
  readonly layout: UnitFacts['layout'];
  readonly profilePath: string;
  readonly packageName: string | undefined;
  readonly unitHash: string;
}): string {
  return ownOutDir({ ...unit, package: unit.packageName ?? '' });
}

async function hasVariable(file: Buffer, buildDir: string): Promise<boolean> {
  const path = Buffer.from(buildDir).toString('latin1');
  const lines = (await readFile(file, 'latin1')).split('\n');
  return lines.some((line) => line.startsWith('# env-dep:') && line.includes(path));
}

/** Files that contain a text. */
async function findFiles(directory: string, text: string): Promise<readonly string[]> {
  // It ends with 1 where it finds none.
  return await search(directory, 'grep', ['-r', '-l', '-Z', '-F', '-e', text, '--', '.'], 1);
}

/** Symbolic links whose target contains a text. */
async function findLinks(directory: string, text: string): Promise<readonly string[]> {
  const pattern = `*${text.replaceAll(/[[\]*?\\]/g, '\\$&')}*`;
  return await search(directory, 'find', ['.', '-type', 'l', '-lname', pattern, '-print0'], 0);
}

/** The paths that a program lists, relative to the directory, as byte strings. */
async function search(
  directory: string,
  file: string,
  args: readonly string[],
  emptyCode: number,
): Promise<readonly string[]> {
  const result = await runCommand(file, args, {
    cwd: directory,
    encoding: 'latin1',
    outputBytesMax,
    timeoutMs: searchTimeoutMs,
  });
  if (result.kind !== 'exited') throw new Error(`${file}: ${result.kind}`);
  const { status, stdout, stderr } = result;
  if (status !== 0 && (status !== emptyCode || stdout !== '')) {
    throw new Error(`${file}: ${stderr === '' ? `status ${status}` : stderr}`);
  }
  const names = stdout.split('\0').filter((name) => name !== '');
  return names.map((name) => name.replace(/^\.\//, ''));
}

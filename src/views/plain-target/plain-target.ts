/**
 * Turns a view of the per-user mount into the ordinary target directory of its workspace, for
 * leaving. Units that hold the path of the mount would be wrong there: they stay behind, and cargo
 * builds them again. Nothing is deleted: what is not moved stays in the view's directory.
 */
import { lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { saveFile } from '../../base/atomic-file.js';
import { isErrno, XcacheError } from '../../base/errors.js';
import { findExchangeable } from '../../host/replaceable-path.js';
import { copyTree } from '../../host/copy-tree.js';
import { moveTree } from '../adopt-directory.js';
import { listStoredUnits, materialize, type MaterializeOptions } from '../materialize.js';
import { findPathUsers } from './path-users.js';
import { assertOwnDirectory, TargetMover } from './target-mover.js';
import type { UnitFacts } from '../../units/unit-facts.js';

export interface PlainTargetOptions extends MaterializeOptions {
  /** Where cargo saw the view. */
  readonly buildDir: string;
  /** Where cargo builds the workspace without the mount; absolute and resolved. */
  readonly target: string;
  /** What the manifest of a stored unit says. */
  readonly factsOf: (id: string) => UnitFacts | undefined;
}

export interface PlainTarget {
  /** Files and symbolic links that are in `target` now, and those that stayed in the view. */
  readonly files: number;
  readonly leftFiles: number;
  /** Units that cargo builds again, because they hold the path of the mount. */
  readonly boundUnits: number;
}

/**
 * To be called while the view is not mounted; an interruption is made up for by another call. Throws
 * `XC_MOUNT_POINT`, with everything in its place, where `target` holds builds of its own: two builds
 * of one unit must not be mixed; and where others could lead the files elsewhere.
 */
export async function makePlainTarget(options: PlainTargetOptions): Promise<PlainTarget> {
  const { view, target, buildDir } = options;
  await refuseForeignWay(target);
  const plan = (await loadPlan(options)) ?? (await createPlan(options));
  await mkdir(target, { recursive: true, mode: 0o755 });
  assertOwnDirectory(target, await lstat(target, { bigint: true }));
  const incoming = join(target, '.xcache-incoming');
  const isNear = await canRename(view.directory, target);
  if (!isNear) await copyAll(view.upperDirectory, incoming);
  const from = isNear ? view.upperDirectory : incoming;
  const mover = new TargetMover({ from, to: target, buildDir, ...plan });
  const counts = await mover.moveAll();
  if (!isNear) {
    await rm(view.upperDirectory, { recursive: true });
    await moveTree(incoming, view.upperDirectory);
  }
  return { ...counts, boundUnits: plan.bound.length };
}

/** Nothing may be moved where another user leads the path. */
async function refuseForeignWay(target: string): Promise<void> {
  const foreign = await findExchangeable(dirname(target));
  if (foreign === undefined) return;
  const message = `others could exchange ${target}: ${foreign.path} ${foreign.problem}`;
  throw new XcacheError('XC_MOUNT_POINT', message, {
    hint: 'change that and try again; the files are kept until then',
  });
}

/** Made once, before anything is moved: afterwards the view alone does not tell what was in it. */
interface Plan {
  readonly version: 1;
  readonly target: string;
  /** Of the journal: somebody who opens the view in between makes the plan void. */
  readonly journalMs: number;
  /** What stays behind, see `PathUsers`. */
  readonly bound: readonly string[];
  /** `output` files in which the build-dir is to be replaced. */
  readonly outputs: readonly string[];
}

const planSchema: v.GenericSchema<unknown, Plan> = v.strictObject({
  version: v.literal(1),
  target: v.string(),
  journalMs: v.number(),
  bound: v.array(v.string()),
  outputs: v.array(v.string()),
});

async function loadPlan({ view, target }: PlainTargetOptions): Promise<Plan | undefined> {
  let text: string;
  try {
    text = await readFile(join(view.directory, 'plan.json'), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  const parsed = v.safeParse(planSchema, JSON.parse(text));
  if (!parsed.success || parsed.output.target !== target) return undefined;
  const { mtimeMs } = await stat(view.journalPath);
  return parsed.output.journalMs === mtimeMs ? parsed.output : undefined;
}

async function createPlan(options: PlainTargetOptions): Promise<Plan> {
  const { view, target, buildDir, blobPath, factsOf } = options;
  await refuseOtherBuilds(options);
  const ids = listStoredUnits(view, blobPath);
  await materialize(options);
  const stored = ids.flatMap((id) => factsOf(id) ?? []);
  const directory = view.upperDirectory;
  const users = await findPathUsers({ directory, buildDir, target, stored });
  const { mtimeMs: journalMs } = await stat(view.journalPath);
  const plan: Plan = { version: 1, target, journalMs, ...users };
  await saveFile(join(view.directory, 'plan.json'), JSON.stringify(plan));
  return plan;
}

/** Directories of a profile in which cargo keeps units. */
const unitDirectories = ['.fingerprint', 'deps', 'build', 'incremental'] as const;

async function refuseOtherBuilds({ view, target }: PlainTargetOptions): Promise<void> {
  for (const profile of await findProfiles(view.upperDirectory)) {
    for (const name of unitDirectories) {
      const place = join(target, profile, name);
      if ((await list(place)).length === 0) continue;
      throw new XcacheError('XC_MOUNT_POINT', `${target} holds builds of its own (${place})`, {
        hint: `move ${target} away and try again`,
      });
    }
  }
}

/** `debug`, `x86_64-unknown-linux-gnu/release` …: a view shows no other places of units. */
async function findProfiles(directory: string): Promise<readonly string[]> {
  const profiles: string[] = [];
  for (const first of await list(directory)) {
    profiles.push(first);
    for (const second of await list(join(directory, first))) {
      if ((await list(join(directory, first, second))).some(isUnitDirectory)) {
        profiles.push(join(first, second));
      }
    }
  }
  return profiles;
}

function isUnitDirectory(name: string): boolean {
  return (unitDirectories as readonly string[]).includes(name);
}

/** Empty for what is no directory. */
async function list(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return [];
    throw error;
  }
}

/** Only a try tells: two places of one file system may be different mounts. */
async function canRename(from: string, to: string): Promise<boolean> {
  const probe = join(from, 'probe');
  await writeFile(probe, '');
  try {
    await rename(probe, join(to, '.xcache-probe'));
  } catch (error) {
    await rm(probe);
    if (isErrno(error, 'EXDEV')) return false;
    throw error;
  }
  await rm(join(to, '.xcache-probe'));
  return true;
}

async function copyAll(from: string, to: string): Promise<void> {
  const left = await lstat(to, { bigint: true }).catch(() => undefined);
  if (left !== undefined) assertOwnDirectory(to, left);
  await rm(to, { recursive: true, force: true });
  // So that it is nobody else's.
  await mkdir(to, { mode: 0o700 });
  await copyTree(from, to);
}

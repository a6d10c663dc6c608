/** Runs one proof: natively, and through a store that was filled from somewhere else. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { nothingToDo } from '../e2e/lifecycle-support.js';
import type { CargoRun } from '../support/cargo-run.js';
import type { Workspace } from '../support/workspace.js';
import { createWorld, type World } from '../support/world.js';
import { comparePrograms, keepPrograms, runPrograms, type FinalProgram } from './final-programs.js';
import type { Origin, ProofCase, Scene, Setting } from './proof-case.js';
import { expectVerified, isVerifying, verifying, type Verification } from './verification.js';

export interface ProofResult {
  readonly servedUnits: number;
  readonly builtUnits: number;
  readonly programs: number;
  /** How often the programs name a path where the store was filled. */
  readonly occurrences: number;
  /** Only with XCACHE_VERIFY. */
  readonly verification?: Verification;
}

/**
 * A build script for `app`, which hands more arguments to the linker than those that are needed here.
 * What makes two links comparable: rust-lld orders merged strings by their hash, so one other
 * character in a path would reorder sections, and a build-id is a hash of the whole file. Only the
 * programs of `app` itself get these arguments.
 */
export function comparableLink(...more: readonly string[]): string {
  const lines = ['-Wl,-O0', '-Wl,--build-id=none', ...more].map(
    (argument) => `    println!("cargo:rustc-link-arg=${argument}");\n`,
  );
  return `fn main() {\n    println!("cargo:rerun-if-changed=build.rs");\n${lines.join('')}}\n`;
}

/** Fails by an expectation of vitest; throws where a build or a test of the case fails. */
export async function runCase(proof: ProofCase): Promise<ProofResult> {
  await using world = await createWorld({ cargoHome: proof.cargoHome ?? 'user' });
  const scene = await proof.setup(world);
  const otherPaths: string[] = [];
  for (const [index, origin] of scene.origins.entries()) {
    // As long as `here`, so that one path in place of the other moves nothing in a program.
    const name = origin.isSamePath === true ? 'here' : `awa${index}`;
    if (name !== 'here') otherPaths.push(join(world.path, name));
    await fillStore(world, name, origin);
  }
  await scene.change?.();
  const here = await makeWorkspace(world, 'here', scene.app);
  const native = await buildNatively(here, scene.app);

  await here.mount();
  const app = verifying(scene.app);
  const runs = await build(here, app);
  const programs = runPrograms(here, runs);
  const units = countUnits(runs);
  const comparison = comparePrograms(native, programs, { path: here.path, otherPaths });
  expect(comparison.differences).toEqual([]);
  if (!isVerifying) expectUnits(units, scene);
  for (const run of await build(here, app)) expect(run).toMatchObject(nothingToDo);
  expect((await world.verify()).problems).toEqual([]);
  return {
    servedUnits: units.served.size,
    builtUnits: units.built.length,
    programs: programs.length,
    occurrences: comparison.occurrences,
    ...(isVerifying && { verification: await expectVerified(here, scene) }),
  };
}

function expectUnits(units: Units, scene: Scene): void {
  expect(units.built).toEqual([...scene.built].sort());
  expect([...units.served]).toEqual(expect.arrayContaining([...scene.served]));
  if (scene.served.length === 0) expect([...units.served]).toEqual([]);
}

async function makeWorkspace(world: World, name: string, setting: Setting): Promise<Workspace> {
  const { dependencies, manifest, files } = setting;
  return await world.workspace(name, {
    ...(dependencies && { dependencies }),
    ...(manifest !== undefined && { manifest }),
    files: { 'build.rs': comparableLink(), ...files },
  });
}

/** One build, stored; a workspace at the path of the proof goes, another stays. */
async function fillStore(world: World, name: string, origin: Origin): Promise<void> {
  const workspace = await makeWorkspace(world, name, origin);
  await workspace.mount();
  await workspace.mustCargo(origin.command ?? 'build', optionsOf(origin));
  await workspace.settled();
  if (origin.isSamePath !== true) return;
  await workspace.mustCargo('clean');
  await workspace.unmount();
  await rm(workspace.path, { recursive: true });
}

async function buildNatively(
  workspace: Workspace,
  setting: Setting,
): Promise<readonly FinalProgram[]> {
  const runs = await build(workspace, setting);
  const programs = keepPrograms(
    runPrograms(workspace, runs),
    join(workspace.world.path, 'native-programs'),
  );
  await rm(workspace.target, { recursive: true });
  return programs;
}

async function build(workspace: Workspace, setting: Setting): Promise<readonly CargoRun[]> {
  const options = optionsOf(setting);
  return [await workspace.mustCargo('build', options), await workspace.mustCargo('test', options)];
}

function optionsOf({ env = {}, args = [] }: Setting): Pick<Setting, 'env' | 'args'> {
  return { env, args };
}

/** Labels of units beside those of `app`: the ones that were built, and the ones that were there. */
interface Units {
  readonly built: readonly string[];
  readonly served: ReadonlySet<string>;
}

function countUnits(runs: readonly CargoRun[]): Units {
  const isForeign = (label: string): boolean => !/^app(?: |$)/.test(label);
  const built = runs.flatMap(({ compiled }) => compiled).filter(isForeign);
  const served = new Set(runs.flatMap(({ fresh }) => fresh).filter(isForeign));
  for (const label of built) served.delete(label);
  return { built: built.sort(), served };
}

/**
 * Is the program right? The final binary built through the mount against the one built natively at
 * the same path: with a store filled from that path, and with one filled from another path.
 */
import { copyFileSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

import type { BenchContext } from './bench-context.js';
import { plainEnvironment, runCargoCommand, type BuildMode, type CargoRun } from './cargo-run.js';
import { compareBinaries, type Comparison } from './compare-binaries.js';
import { abbreviate, requireMeasured } from './verdict.js';
import type { XcacheClient } from './xcache-client.js';

const scenario = 'bytes';

type Profile = Extract<BuildMode, 'dev' | 'release'>;

/** The two binaries of one build: linked as always, and linked for the proof. */
interface Pair {
  readonly normal: string;
  readonly proof: string;
}

export async function compareBytes(context: BenchContext): Promise<void> {
  if (context.options.isNativeOnly) return;
  const profiles: readonly Profile[] = context.options.isQuick ? ['dev'] : ['dev', 'release'];
  for (const profile of profiles) await compareProfile(context, profile);
}

async function compareProfile(context: BenchContext, profile: Profile): Promise<void> {
  // Paths of equal length, so that replacing one by the other moves nothing in the file.
  const here = context.workspace(`bytes-${profile}-here`);
  const elsewhere = context.workspace(`bytes-${profile}-away`);
  await context.cargo(profile, here);
  const native = await keepBinaries(context, profile, here, 'native');
  rmSync(join(here, 'target'), { recursive: true });
  await compareSamePath(context, profile, here, native);
  await compareOtherPath(context, profile, { here, elsewhere }, native);
  context.remove(here);
  context.remove(elsewhere);
}

async function compareSamePath(
  context: BenchContext,
  profile: Profile,
  here: string,
  native: Pair,
): Promise<void> {
  const client = context.createClient(`bytes-home-${profile}-here`);
  const target = join(here, 'target');
  client.mount(target);
  await context.cargo(profile, here);
  await client.settle();
  const cold = await keepBinaries(context, profile, here, 'cold');
  await emptyTarget(client, target);
  const run = await context.cargo(profile, here);
  requireServed(run);
  const served = await keepBinaries(context, profile, here, 'served');
  end(context, client, target);
  const paths = { path: here, otherPaths: [] };
  const comparisons = {
    'built through the mount, nothing served': compareBinaries(native.normal, cold.normal, paths),
    'dependencies served from the store': compareBinaries(native.normal, served.normal, paths),
  };
  for (const [what, comparison] of Object.entries(comparisons)) {
    context.addRow({
      scenario,
      what: `final binary (${profile}), store filled from the same path, ${what}`,
      against: 'built natively',
      bar: 'equal',
      measured: comparison.areEqual ? 'equal byte for byte' : describe(comparison),
      verdict: comparison.areEqual ? 'pass' : 'FAIL',
      details: comparison,
    });
  }
}

async function compareOtherPath(
  context: BenchContext,
  profile: Profile,
  workspaces: { readonly here: string; readonly elsewhere: string },
  native: Pair,
): Promise<void> {
  const { here, elsewhere } = workspaces;
  const client = context.createClient(`bytes-home-${profile}-away`);
  client.mount(join(elsewhere, 'target'));
  await context.cargo(profile, elsewhere);
  await client.settle();
  client.mount(join(here, 'target'));
  const run = await context.cargo(profile, here);
  requireServed(run);
  const served = await keepBinaries(context, profile, here, 'other-path');
  end(context, client, join(here, 'target'));
  const paths = { path: here, otherPaths: [elsewhere] };
  const normal = compareBinaries(native.normal, served.normal, paths);
  const proof = compareBinaries(native.proof, served.proof, paths);
  const isProved = proof.areEqualAfterReplacement && proof.occurrences > 0;
  context.addRow({
    scenario,
    what: `final binary (${profile}), store filled from another path, linked without string merging and build-id`,
    against: 'built natively',
    bar: 'equal but for that path',
    measured:
      `${proof.differingBytes ?? '?'} bytes differ; ${proof.occurrences} occurrences of the other path; ` +
      (isProved ? 'equal byte for byte after replacing them' : describe(proof)),
    verdict: isProved ? 'pass' : 'FAIL',
    details: proof,
  });
  context.addRow({
    scenario,
    what: `the same (${profile}), linked as always`,
    against: 'built natively',
    bar: '–',
    measured: `${normal.occurrences} occurrences; ${describe(normal)}`,
    verdict: 'info',
    details: normal,
  });
}

function requireServed(run: CargoRun): void {
  requireMeasured(run.freshPackages > 0, 'nothing was served');
  requireMeasured(
    run.foreignUnits.length === 0,
    `not everything was served: ${abbreviate(run.foreignUnits)}`,
  );
}

/**
 * Keeps the binary of the finished build and one that is linked a second time without what depends
 * on contents: lld orders merged strings by their hash, so one other character in a path reorders
 * `.rodata` and `.debug_str` and every reference to them, and the build-id hashes the whole file.
 */
async function keepBinaries(
  context: BenchContext,
  profile: Profile,
  workspace: string,
  label: string,
): Promise<Pair> {
  const binary = join(workspace, 'target', profile === 'dev' ? 'debug' : 'release', 'corpus-app');
  const keep = (kind: string): string => {
    const kept = join(context.work, `${profile}-${label}-${kind}`);
    copyFileSync(binary, kept);
    return kept;
  };
  const normal = keep('normal');
  const now = new Date();
  utimesSync(join(workspace, 'app/src/main.rs'), now, now);
  const command = ['rustc', '-v', '--package=corpus-app', '--bin=corpus-app'];
  if (profile === 'release') command.push('--release');
  command.push('--', '-Clink-arg=-Wl,-O0', '-Clink-arg=-Wl,--build-id=none');
  const options = { workspace, env: plainEnvironment(), logPath: context.nextLog(`${label}-link`) };
  const run = await runCargoCommand(command, options);
  requireMeasured(run.ownUnits.includes('corpus_app'), 'the binary was not linked again');
  return { normal, proof: keep('proof') };
}

/** Removes everything in a mounted target, so that the next build finds only what is served. */
async function emptyTarget(client: XcacheClient, target: string): Promise<void> {
  for (const name of readdirSync(target)) rmSync(join(target, name), { recursive: true });
  await client.settle();
}

function end(context: BenchContext, client: XcacheClient, target: string): void {
  client.unmount(target);
  client.dispose();
  rmSync(target, { recursive: true, force: true });
  context.remove(client.home);
}

function describe(comparison: Comparison): string {
  if (comparison.areEqual) return 'equal byte for byte';
  if (comparison.areEqualAfterReplacement) return 'equal after replacing the path';
  const sections = comparison.sections.map((difference) => {
    const bytes = difference.differingBytes ?? 'another number of';
    const strings = difference.hasSameStrings ? ', same strings in another order' : '';
    return `${difference.section} (${bytes} of ${difference.sizeBytes} bytes${strings})`;
  });
  return `after replacing the path these sections differ: ${abbreviate(sections, 12)}`;
}

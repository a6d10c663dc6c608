/**
 * A store with two variants of the path-bearing units (built at two paths, so with other crate
 * hashes) and a workspace that mixes them with local builds: rustc must never report E0460.
 */
import { join } from 'node:path';

import type { BenchContext } from './bench-context.js';
import { plainEnvironment, runCargoCommand, type CargoRun } from './cargo-run.js';
import { requireMeasured } from './verdict.js';
import type { XcacheClient } from './xcache-client.js';

/** Packages that include generated code from OUT_DIR or stand below many that do. */
const rebuilt = {
  full: ['corpus-shared', 'serde_core', 'serde', 'thiserror', 'libc', 'libsqlite3-sys'],
  small: ['corpus-shared', 'serde_core', 'serde', 'thiserror'],
} as const;

export async function measureVariants(context: BenchContext): Promise<void> {
  if (context.options.isNativeOnly) return;
  const client = context.createClient('variants-home');
  const added = await storeTwoVariants(context, client);
  const workspace = context.workspace('variants-mixed-workspace');
  const target = join(workspace, 'target');
  client.mount(target);
  const failures: string[] = [];
  let builds = 0;
  let stillDirty = 0;
  const build = async (label: string): Promise<void> => {
    builds += 1;
    try {
      await context.cargo('dev', workspace);
      const again = await context.cargo('dev', workspace);
      if (again.ownUnits.length + again.foreignUnits.length > 0) stillDirty += 1;
    } catch (error) {
      failures.push(`${label}: ${explainFailure(error)}`);
    }
  };
  await build('first build');
  for (const name of context.options.isQuick ? rebuilt.small : rebuilt.full) {
    await cargoClean(context, workspace, name);
    await build(`after clean -p ${name}`);
    await client.settle();
  }
  client.unmount(target);
  client.dispose();
  const isSound = failures.length === 0 && stillDirty === 0;
  context.addRow({
    scenario: 'variants',
    what: 'mixed-variant workspace: builds after `cargo clean -p` of path-bearing dependencies',
    against: '–',
    bar: '0 × E0460, then 0 Dirty',
    measured: isSound
      ? `${builds} builds, none failed, each Fresh afterwards (${added} units in two variants)`
      : `${failures.length} of ${builds} failed, ${stillDirty} not Fresh afterwards: ${failures.join('; ')}`,
    verdict: isSound ? 'pass' : 'FAIL',
    details: { failures, stillDirty },
  });
}

/**
 * The first variant is built through a mount. The second is built natively at another path and
 * adopted, because through a mount it would have been served from the first.
 * Returns how many units the second added.
 */
async function storeTwoVariants(context: BenchContext, client: XcacheClient): Promise<number> {
  const first = context.workspace('variants-first');
  client.mount(join(first, 'target'));
  await context.cargo('dev', first);
  await client.settle();
  client.unmount(join(first, 'target'));
  const before = client.statistics().store.units;
  const second = context.workspace('variants-second-origin');
  await context.cargo('dev', second);
  client.mount(join(second, 'target'));
  await client.settle();
  client.unmount(join(second, 'target'));
  const added = client.statistics().store.units - before;
  requireMeasured(added > 0, 'adopting the second workspace stored no second variant');
  return added;
}

async function cargoClean(
  context: BenchContext,
  workspace: string,
  name: string,
): Promise<CargoRun> {
  const options = { workspace, env: plainEnvironment(), logPath: context.nextLog('clean') };
  return await runCargoCommand(['clean', '--package', name], options);
}

function explainFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /error\[E0460\][^\n]*/.exec(message)?.[0] ?? message.slice(-300);
}

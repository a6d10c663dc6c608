/** Builds that change little: nothing at all, or one touched source file. */
import { utimesSync } from 'node:fs';
import { join } from 'node:path';

import { syncDisks, type BenchContext } from './bench-context.js';
import type { CargoRun } from './cargo-run.js';
import { formatSamples } from './report.js';
import { measureAlternately, type Side } from './samples.js';
import { abbreviate, ratioRow, requireMeasured } from './verdict.js';
import type { Driver, XcacheClient } from './xcache-client.js';

/** What is done to a workspace before its timed build. */
interface Change {
  readonly scenario: 'noop' | 'touch';
  readonly label: string;
  /** File to touch, relative to the workspace. */
  readonly touched: string | undefined;
  /** Own crates that the build must compile. */
  readonly ownUnits: number;
}

const noop: Change = { scenario: 'noop', label: 'no-op build', touched: undefined, ownUnits: 0 };

const touches: readonly Change[] = [
  {
    scenario: 'touch',
    label: 'build after touching the binary (1 crate and a link)',
    touched: 'app/src/main.rs',
    ownUnits: 1,
  },
  {
    scenario: 'touch',
    label: 'build after touching the library (2 crates and a link)',
    touched: 'core/src/lib.rs',
    ownUnits: 2,
  },
];

interface Bars {
  readonly noop?: number;
  readonly touch?: number;
}

const bars: Record<Driver, Bars> = {
  direct: { noop: 1.3, touch: 1.4 },
  'fuse-native-fast': { noop: 1.5, touch: 1.7 },
  // Its figures stand beside the fast mode's, without a bar.
  'fuse-native-safe': {},
};

export async function measureNoopBuild(context: BenchContext): Promise<void> {
  await measureChanges(context, 'direct', [noop]);
}

export async function measureTouchedBuild(context: BenchContext): Promise<void> {
  await measureChanges(context, 'direct', touches);
}

/** Both changes on the other driver, in both of its modes. */
export async function measureFuseNative(context: BenchContext): Promise<void> {
  if (context.options.isNativeOnly) return;
  await measureChanges(context, 'fuse-native-fast', [noop, ...touches]);
  await measureChanges(context, 'fuse-native-safe', [noop, ...touches]);
}

async function measureChanges(
  context: BenchContext,
  driver: Driver,
  changes: readonly Change[],
): Promise<void> {
  const plain = await context.plainWorkspace();
  const view = context.options.isNativeOnly ? undefined : await mountView(context, driver);
  for (const change of changes) await measureChange(context, driver, change, { plain, view });
  if (view === undefined) return;
  view.client.unmount(join(view.workspace, 'target'));
  context.remove(view.workspace);
}

interface View {
  readonly client: XcacheClient;
  readonly workspace: string;
}

/** A new workspace whose dependencies all come from the store, built once. */
async function mountView(context: BenchContext, driver: Driver): Promise<View> {
  const client = await context.filledClient(['dev']);
  const workspace = context.workspace(`view-${driver}-${context.rows.length}`);
  client.mount(join(workspace, 'target'), driver);
  const run = await context.cargo('dev', workspace);
  if (run.foreignUnits.length > 0) addNotServedRow(context, driver, run);
  await client.settle();
  return { client, workspace };
}

/** The times that follow are then of units built in the view itself. */
function addNotServedRow(context: BenchContext, driver: Driver, run: CargoRun): void {
  const executed = `executed ${run.foreignUnits.length}: ${abbreviate(run.foreignUnits)}`;
  context.addRow({
    scenario: driver === 'direct' ? 'noop' : 'fuse-native',
    what: `first build in a view with ${driver}: units executed besides its own crates`,
    against: '–',
    bar: '0',
    measured: `${executed}; ${run.freshPackages} packages fresh`,
    verdict: 'FAIL',
    details: { foreignUnits: run.foreignUnits },
  });
}

async function measureChange(
  context: BenchContext,
  driver: Driver,
  change: Change,
  where: { readonly plain: string; readonly view: View | undefined },
): Promise<void> {
  const sides: Record<string, Side> = {
    native: async () => (await buildChanged(context, change, where.plain)).seconds,
  };
  const { view } = where;
  if (view !== undefined) {
    sides['xcache'] = async () => {
      await view.client.settle();
      const run = await buildChanged(context, change, view.workspace);
      await view.client.settle();
      return run.seconds;
    };
  }
  const samples = await measureAlternately(context.shortRuns, sides);
  const reference = samples['native']!;
  const xcache = samples['xcache'];
  const { scenario } = change;
  if (xcache === undefined) {
    const measured = formatSamples(reference);
    context.addRow({
      scenario,
      what: change.label,
      against: '–',
      bar: '–',
      measured,
      verdict: 'info',
    });
    return;
  }
  const barMax = bars[driver][scenario];
  context.addRow(
    ratioRow({
      scenario: driver === 'direct' ? scenario : 'fuse-native',
      what: driver === 'direct' ? change.label : `${change.label}, ${driver}`,
      sides: { subject: `xcache ${driver}`, reference: 'plain target' },
      subject: xcache,
      reference,
      ...(barMax === undefined ? {} : { barMax }),
    }),
  );
}

async function buildChanged(
  context: BenchContext,
  change: Change,
  workspace: string,
): Promise<CargoRun> {
  if (change.touched !== undefined) {
    const now = new Date();
    utimesSync(join(workspace, change.touched), now, now);
  }
  syncDisks();
  const run = await context.cargo('dev', workspace);
  requireMeasured(
    run.foreignUnits.length === 0,
    `${change.label} in ${workspace} executed ${abbreviate(run.foreignUnits)}`,
  );
  requireMeasured(
    run.ownUnits.length === change.ownUnits,
    `${change.label} in ${workspace} compiled ${run.ownUnits.length} own crates: ${run.dirtyLines.join('; ')}`,
  );
  return run;
}

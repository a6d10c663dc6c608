/**
 * A second workspace at another path, with the same dependencies: what it compiles and how long its
 * first build takes, against a shared target directory and against sccache with a warm cache.
 */
import { join } from 'node:path';

import { syncDisks, type BenchContext } from './bench-context.js';
import { buildModes, plainEnvironment, type BuildMode, type CargoRun } from './cargo-run.js';
import { formatSamples } from './report.js';
import { measureAlternately, type Side } from './samples.js';
import { SccacheServer, sccacheHint, type CacheCounts } from './sccache-server.js';
import { abbreviate, ratioRow, requireMeasured } from './verdict.js';

const scenario = 'second';

/**
 * A shared target directory also has the incremental state of the other workspace's own crates, of
 * which a workspace of one's own has none: the first compilation pays for it. Without it, both
 * sides compile their own crates from nothing.
 */
const withoutIncremental = { CARGO_INCREMENTAL: '0' };

/** sccache is compared where cargo links a program; `check` and `test` add no other unit kinds. */
const sccacheModes: ReadonlySet<BuildMode> = new Set(['dev', 'release']);

export async function measureSecondWorkspace(context: BenchContext): Promise<void> {
  const modes = context.options.isQuick ? (['dev', 'check'] as const) : buildModes;
  for (const mode of modes) await measureMode(context, mode);
  await measureWithoutIncremental(context);
  if (!context.options.isNativeOnly) {
    context.recordMemory('second workspaces', await context.filledClient([]));
  }
}

async function measureMode(context: BenchContext, mode: BuildMode): Promise<void> {
  const observed: { readonly run: CargoRun; readonly served: number }[] = [];
  const hits: CacheCounts[] = [];
  const sides: Record<string, Side> = {
    'shared target': await createSharedSide(context, mode),
  };
  if (sccacheModes.has(mode) && SccacheServer.isInstalled()) {
    sides['sccache'] = await createSccacheSide(context, mode, (counts) => hits.push(counts));
  }
  if (!context.options.isNativeOnly) {
    sides['xcache'] = await createXcacheSide(context, mode, (run, served) =>
      observed.push({ run, served }),
    );
  }
  const samples = await measureAlternately(context.options.runs, sides);
  const shared = samples['shared target']!;
  const xcache = samples['xcache'];
  const sccache = samples['sccache'];
  if (xcache === undefined) {
    const measured = `shared target ${formatSamples(shared)}${sccache === undefined ? '' : `, sccache ${formatSamples(sccache)}`}`;
    const what = `second workspace, ${mode}`;
    context.addRow({ scenario, what, against: '–', bar: '–', measured, verdict: 'info' });
    return;
  }
  const fault = addUnitsRow(context, mode, observed);
  const row = { scenario, subject: xcache, fault } as const;
  const what = `second workspace, ${mode}: time of its first build`;
  const against = (reference: string) => ({ subject: 'xcache', reference });
  context.addRow(
    ratioRow({ ...row, what, sides: against('shared target'), reference: shared, barMax: 1.5 }),
  );
  if (sccache !== undefined) {
    context.addRow(
      ratioRow({
        ...row,
        what,
        sides: against('sccache'),
        reference: sccache,
        barMax: 0.2,
        details: { hits },
      }),
    );
  } else if (sccacheModes.has(mode)) {
    const measured = sccacheHint;
    context.addRow({
      scenario,
      what,
      against: 'sccache',
      bar: '≤ 0.20×',
      measured,
      verdict: 'not measured',
    });
  }
}

function requireServed({ foreignUnits }: CargoRun): void {
  requireMeasured(foreignUnits.length === 0, `compiled ${abbreviate(foreignUnits)}`);
}

async function measureWithoutIncremental(context: BenchContext): Promise<void> {
  if (context.options.isNativeOnly) return;
  const { 'shared target': shared, xcache } = await measureAlternately(context.options.runs, {
    'shared target': await createSharedSide(context, 'check', withoutIncremental),
    xcache: await createXcacheSide(context, 'check', requireServed, withoutIncremental),
  });
  context.addRow(
    ratioRow({
      scenario,
      what: 'second workspace, check with CARGO_INCREMENTAL=0: time of its first build',
      sides: { subject: 'xcache', reference: 'shared target' },
      subject: xcache,
      reference: shared,
    }),
  );
}

/** Adds the row on what was compiled; returns why the times are worthless, if they are. */
function addUnitsRow(
  context: BenchContext,
  mode: BuildMode,
  observed: readonly { readonly run: CargoRun; readonly served: number }[],
): string | undefined {
  const foreign = observed.map(({ run }) => run.foreignUnits);
  const worst = foreign.reduce((most, units) => (units.length > most.length ? units : most), []);
  const own = observed[0]!.run.ownUnits;
  const served = observed.map((item) => item.served);
  const fault =
    worst.length > 0
      ? `compiled ${abbreviate(worst)}`
      : Math.min(...served) === 0
        ? 'the service reports that it served nothing'
        : undefined;
  const fresh = observed[0]!.run.freshPackages;
  context.addRow({
    scenario,
    what: `second workspace, ${mode}: units executed besides its own crates`,
    against: '–',
    bar: '0',
    measured:
      `${worst.length} in ${observed.length} runs (own: ${own.length}, packages fresh: ${fresh})` +
      (fault === undefined ? '' : ` — ${fault}`),
    verdict: fault === undefined ? 'pass' : 'FAIL',
    details: { foreignUnits: foreign, ownUnits: own, servedUnits: served },
  });
  return fault;
}

async function createXcacheSide(
  context: BenchContext,
  mode: BuildMode,
  observe: (run: CargoRun, served: number) => void,
  variables: Record<string, string> = {},
): Promise<Side> {
  const client = await context.filledClient([mode]);
  return async (index) => {
    const workspace = context.workspace(`second-workspace-${mode}-${index}`);
    const target = join(workspace, 'target');
    client.mount(target);
    await client.settle();
    const before = client.statistics().units.served;
    syncDisks();
    const run = await context.cargo(mode, workspace, plainEnvironment(variables));
    const served = client.statistics().units.served - before;
    requireMeasured(run.ownUnits.length > 0, 'the workspace compiled none of its own crates');
    observe(run, served);
    await client.settle();
    client.unmount(target);
    context.remove(workspace);
    return run.seconds;
  };
}

async function createSharedSide(
  context: BenchContext,
  mode: BuildMode,
  variables: Record<string, string> = {},
): Promise<Side> {
  const target = await context.sharedTarget(mode);
  return async (index) => {
    const workspace = context.workspace(`second-shared-${mode}-${index}`);
    syncDisks();
    const env = plainEnvironment({ ...variables, CARGO_TARGET_DIR: target });
    const run = await context.cargo(mode, workspace, env);
    requireMeasured(
      run.ownUnits.length > 0,
      'the shared target compiled no crate of the workspace',
    );
    requireMeasured(run.foreignUnits.length === 0, 'the shared target was not warm');
    context.remove(workspace);
    return run.seconds;
  };
}

async function createSccacheSide(
  context: BenchContext,
  mode: BuildMode,
  observe: (counts: CacheCounts) => void,
): Promise<Side> {
  const server = await context.warmSccache(mode);
  requireMeasured(server !== undefined, 'sccache went away');
  return async (index) => {
    const workspace = context.workspace(`second-sccache-${mode}-${index}`);
    server.zeroStatistics();
    syncDisks();
    const run = await context.cargo(mode, workspace, server.env);
    const counts = server.counts();
    requireMeasured(counts.hits > run.foreignUnits.length / 4, 'sccache was not warm');
    observe(counts);
    context.remove(workspace);
    return run.seconds;
  };
}

/** A first build with an empty store, against the same on a plain target directory. */
import { join } from 'node:path';

import { syncDisks, type BenchContext } from './bench-context.js';
import { formatSamples } from './report.js';
import { measureAlternately, summarize, type Side } from './samples.js';
import { abbreviate, ratioRow, requireMeasured } from './verdict.js';

const scenario = 'cold';

export async function measureColdBuild(context: BenchContext): Promise<void> {
  const settledSeconds: number[] = [];
  const sides: Record<string, Side> = { native: createNativeSide(context) };
  if (!context.options.isNativeOnly) sides['xcache'] = createXcacheSide(context, settledSeconds);
  const samples = await measureAlternately(context.options.runs, sides);
  const reference = samples['native']!;
  const xcache = samples['xcache'];
  if (xcache === undefined) {
    const measured = formatSamples(reference);
    context.addRow({
      scenario,
      what: 'cold build',
      against: '–',
      bar: '–',
      measured,
      verdict: 'info',
    });
    return;
  }
  const common = { scenario, reference, barMax: 1.1 };
  const against = { subject: 'xcache', reference: 'plain target' };
  context.addRow(
    ratioRow({
      ...common,
      what: 'cold build, empty store: until cargo ends',
      sides: against,
      subject: xcache,
    }),
  );
  context.addRow(
    ratioRow({
      ...common,
      what: 'cold build, empty store: until everything is promoted',
      sides: against,
      subject: summarize(settledSeconds),
    }),
  );
}

function createNativeSide(context: BenchContext): Side {
  return async (index) => {
    const workspace = context.workspace(`cold-native-${index}`);
    syncDisks();
    const run = await context.cargo('dev', workspace);
    requireMeasured(run.freshPackages === 0, 'a new target directory held something fresh');
    context.remove(workspace);
    return run.seconds;
  };
}

function createXcacheSide(context: BenchContext, settledSeconds: number[]): Side {
  return async (index) => {
    const workspace = context.workspace(`cold-xcache-${index}`);
    const client = context.createClient(`cold-home-${index}`);
    client.start();
    client.mount(join(workspace, 'target'));
    syncDisks();
    const run = await context.cargo('dev', workspace);
    settledSeconds.push(run.seconds + (await client.settle()));
    requireMeasured(run.freshPackages === 0, 'an empty store served something');
    const { promoted } = client.statistics().units;
    // Own crates stay private; every other executed unit of this corpus can be shared.
    requireMeasured(
      promoted >= run.foreignUnits.length,
      `only ${promoted} of ${run.foreignUnits.length} units were promoted (${abbreviate(run.foreignUnits)})`,
    );
    context.recordMemory(`cold build ${index + 1}`, client);
    client.dispose();
    context.remove(workspace);
    context.remove(client.home);
    return run.seconds;
  };
}

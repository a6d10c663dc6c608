/** No-op builds after unmount and mount, and after `kill -9` of the service and mount. */
import { join } from 'node:path';

import type { BenchContext } from './bench-context.js';
import { requireMeasured } from './verdict.js';

export async function measureRemount(context: BenchContext): Promise<void> {
  if (context.options.isNativeOnly) return;
  const client = await context.filledClient(['dev']);
  const workspace = context.workspace('remounted');
  const target = join(workspace, 'target');
  client.mount(target);
  await context.cargo('dev', workspace);
  await client.settle();

  client.unmount(target);
  client.mount(target);
  await addNoopRow(context, workspace, 'unmount and mount');
  await addNoopRow(context, workspace, 'unmount and mount, second time');
  await client.settle();

  await client.kill();
  client.mount(target);
  await addNoopRow(context, workspace, '`kill -9` of the service and mount');
  await addNoopRow(context, workspace, '`kill -9` of the service and mount, second time');
  client.unmount(target);
  context.remove(workspace);
}

async function addNoopRow(context: BenchContext, workspace: string, event: string): Promise<void> {
  const run = await context.cargo('dev', workspace);
  const executed = run.ownUnits.length + run.foreignUnits.length;
  requireMeasured(run.freshPackages + executed > 0, 'cargo looked at no package');
  const isClean = executed === 0 && run.dirtyLines.length === 0;
  context.addRow({
    scenario: 'remount',
    what: `no-op build after ${event}`,
    against: '–',
    bar: '0 Dirty',
    measured: isClean
      ? `0 Dirty, ${run.freshPackages} packages Fresh`
      : `${run.dirtyLines.length} Dirty, ${executed} executed: ${run.dirtyLines.slice(0, 3).join('; ')}`,
    verdict: isClean ? 'pass' : 'FAIL',
    details: { dirtyLines: run.dirtyLines },
  });
}

/** Ten workspaces with the same dependencies: bytes on disk, apart from their own crates. */
import { join } from 'node:path';

import { syncDisks, type BenchContext } from './bench-context.js';
import { measureDiskUsage } from './disk-usage.js';
import { formatMebibytes } from './report.js';
import { requireMeasured } from './verdict.js';

const barMax = 1.1;

/**
 * Ratio = (bytes of XCACHE_HOME − own crates in it) / (bytes of one plain target − own crates in it).
 * XCACHE_HOME is everything that xcache keeps: store, index, views, logs. The mounted targets
 * themselves take no space: what they show is in XCACHE_HOME.
 */
export async function measureDisk(context: BenchContext): Promise<void> {
  const plain = await context.plainWorkspace();
  if (context.options.isNativeOnly) return;
  const client = context.createClient('disk-home');
  const count = context.options.isQuick ? 3 : 10;
  const workspaces: string[] = [];
  for (let index = 0; index < count; index++) {
    const workspace = context.workspace(`disk-${index}`);
    workspaces.push(workspace);
    client.mount(join(workspace, 'target'));
    const run = await context.cargo('dev', workspace);
    requireMeasured(index > 0 || run.freshPackages === 0, 'the store was not empty');
    await client.settle();
  }
  context.recordMemory(`${count} mounted workspaces`, client, 'many');
  syncDisks();
  const one = measureDiskUsage([join(plain, 'target')]);
  const all = measureDiskUsage([client.home]);
  requireMeasured(one.ownBytes > 0 && all.ownBytes > 0, 'no file of the own crates was recognised');
  const { store } = client.statistics();
  client.dispose();
  for (const workspace of workspaces) context.remove(workspace);
  context.remove(client.home);
  const oneBytes = one.allBytes - one.ownBytes;
  const allBytes = all.allBytes - all.ownBytes;
  const ratio = allBytes / oneBytes;
  context.addRow({
    scenario: 'disk',
    what: `${count} workspaces with the same dependencies: bytes on disk apart from their own crates`,
    against: 'one plain target',
    bar: `≤ ${barMax.toFixed(2)}×`,
    measured: `${ratio.toFixed(2)}×: ${formatMebibytes(allBytes)} vs ${formatMebibytes(oneBytes)}`,
    verdict: ratio <= barMax ? 'pass' : 'FAIL',
    ratio,
    details: { plainTarget: one, xcacheHome: all, store },
  });
}

/** Resident memory of the service after the corpus. */
import type { BenchContext } from './bench-context.js';
import { buildModes } from './cargo-run.js';
import { formatMebibytes } from './report.js';

const barBytes = 250 * 1_000_000;

export async function measureMemory(context: BenchContext): Promise<void> {
  if (context.options.isNativeOnly) return;
  const modes = context.options.isQuick ? (['dev', 'check'] as const) : buildModes;
  const client = await context.filledClient(modes);
  context.recordMemory('whole corpus', client);
  addMemoryRow(context, {
    what: 'memory of the service after the corpus (resident, with its child processes)',
    items: context.memory.filter((item) => !item.isManyViews),
    isBarred: true,
  });
  addMemoryRow(context, {
    what: 'the same with many workspaces mounted at once',
    items: context.memory.filter((item) => item.isManyViews),
    isBarred: false,
  });
}

interface MemoryRow {
  readonly what: string;
  readonly items: BenchContext['memory'];
  readonly isBarred: boolean;
}

function addMemoryRow(context: BenchContext, { what, items, isBarred }: MemoryRow): void {
  if (items.length === 0) return;
  const residentMax = Math.max(...items.map((item) => item.residentBytes));
  const peak = Math.max(...items.map((item) => item.peakBytes));
  const list = items.map((item) => `${item.label} ${formatMebibytes(item.residentBytes)}`);
  const verdict = residentMax <= barBytes ? 'pass' : 'FAIL';
  context.addRow({
    scenario: 'memory',
    what,
    against: '–',
    bar: isBarred ? '≤ 250 MB' : '–',
    measured: `${list.join(', ')}; peak ${formatMebibytes(peak)}`,
    verdict: isBarred ? verdict : 'info',
    details: items,
  });
}

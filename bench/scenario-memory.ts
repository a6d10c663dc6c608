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
  const residentMax = Math.max(...context.memory.map((item) => item.residentBytes));
  const list = context.memory.map((item) => `${item.label} ${formatMebibytes(item.residentBytes)}`);
  const peak = Math.max(...context.memory.map((item) => item.peakBytes));
  context.addRow({
    scenario: 'memory',
    what: 'memory of the service after the corpus (resident, with its child processes)',
    against: '–',
    bar: '≤ 250 MB',
    measured: `${[...new Set(list)].join(', ')}; peak ${formatMebibytes(peak)}`,
    verdict: residentMax <= barBytes ? 'pass' : 'FAIL',
    details: context.memory,
  });
}

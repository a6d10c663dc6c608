/** Rows from measurements: ratio against the native side, bar, verdict. */
import type { Row, Verdict } from './report.js';
import { formatSamples } from './report.js';
import type { Samples } from './samples.js';

export interface RatioRow {
  readonly scenario: string;
  readonly what: string;
  /** Name of what is measured and of what it is held against. */
  readonly sides: { readonly subject: string; readonly reference: string };
  readonly subject: Samples;
  readonly reference: Samples;
  /** Highest allowed ratio of the medians; a row without one only informs. */
  readonly barMax?: number;
  /** What made the measurement worthless although it ended, e.g. nothing was served. */
  readonly fault?: string | undefined;
  readonly details?: unknown;
}

/** A row on the ratio of two medians. */
export function ratioRow(input: RatioRow): Row {
  const { subject, reference, sides, barMax, fault } = input;
  const ratio = subject.median / reference.median;
  const figures = `${formatSamples(subject)} vs ${formatSamples(reference)}`;
  return {
    scenario: input.scenario,
    what: input.what,
    against: sides.reference,
    bar: barMax === undefined ? '–' : `≤ ${barMax.toFixed(2)}×`,
    measured: `${ratio.toFixed(2)}×: ${figures}${fault === undefined ? '' : ` — ${fault}`}`,
    verdict: ratioVerdict(ratio, barMax, fault),
    ratio,
    samples: { [sides.subject]: subject, [sides.reference]: reference },
    details: input.details,
  };
}

function ratioVerdict(
  ratio: number,
  barMax: number | undefined,
  fault: string | undefined,
): Verdict {
  if (fault !== undefined) return 'FAIL';
  if (barMax === undefined) return 'info';
  return ratio <= barMax ? 'pass' : 'FAIL';
}

/** Throws unless `condition` holds: the run did not do what its row claims to measure. */
export function requireMeasured(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`self-check failed: ${message}`);
}

/** `a, b, c and 4 more`, for messages. */
export function abbreviate(names: readonly string[], shownMax = 5): string {
  const more = names.length - shownMax;
  return names.slice(0, shownMax).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

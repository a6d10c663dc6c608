/** Samples of one measurement and the order in which its sides take turns. */

export interface Samples {
  /** Every run in the order made; none is dropped. */
  readonly values: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Summary of at least one value. */
export function summarize(values: readonly number[]): Samples {
  if (values.length === 0) throw new Error('nothing was measured');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { values, median, min: sorted[0]!, max: sorted[sorted.length - 1]! };
}

/** One side of a measurement: makes one run ready, measures it, checks it and returns seconds. */
export type Side = (run: number) => Promise<number>;

/**
 * Runs all sides `runs` times, one after the other, beginning with another side each time, so that
 * a drift of the machine meets all of them.
 */
export async function measureAlternately<Name extends string>(
  runs: number,
  sides: Record<Name, Side>,
): Promise<Record<Name, Samples>> {
  const names = Object.keys(sides) as Name[];
  const values = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let run = 0; run < runs; run++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(run + turn) % names.length]!;
      values.get(name)!.push(await sides[name](run));
    }
  }
  const summaries = names.map((name) => [name, summarize(values.get(name)!)] as const);
  return Object.fromEntries(summaries) as Record<Name, Samples>;
}

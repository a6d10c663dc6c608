/** What the benchmark found: rows with a bar and a verdict, as JSON and as a table. */
import { readFileSync, writeFileSync } from 'node:fs';

import type { Samples } from './samples.js';

export type Verdict = 'pass' | 'FAIL' | 'info' | 'not measured';

export interface Row {
  readonly scenario: string;
  /** What was measured, for the first column. */
  readonly what: string;
  readonly against: string;
  readonly bar: string;
  /** The figures, for people. */
  readonly measured: string;
  readonly verdict: Verdict;
  /** Ratio that was held against the bar. */
  readonly ratio?: number;
  /** Seconds of each side. */
  readonly samples?: Record<string, Samples>;
  readonly details?: unknown;
}

/** Where and with what a run measured; printed below its rows. */
export type Environment = Readonly<Record<string, string | number>>;

/** What all rows of one start of the benchmark have in common. */
export interface RunFacts {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly environment: Environment;
}

/** A row and the run that measured it; rows of several runs may stand in one table. */
export interface MeasuredRow extends Row {
  readonly run: RunFacts;
}

/** Milliseconds below a second, else seconds with two digits. */
export function formatSeconds(seconds: number): string {
  return seconds < 1 ? `${(seconds * 1000).toFixed(0)} ms` : `${seconds.toFixed(2)} s`;
}

/** `1.20 s (1.10–1.40 s)`: median, then smallest and largest run. */
export function formatSamples(samples: Samples): string {
  const range = `${formatSeconds(samples.min)}–${formatSeconds(samples.max)}`;
  return `${formatSeconds(samples.median)} (${range})`;
}

export function formatMebibytes(bytes: number): string {
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}

export function formatTable(rows: readonly MeasuredRow[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const lines = rows.map((row) =>
    [row.what, row.against, row.bar, row.measured, row.verdict].map(cell).join(' | '),
  );
  return [
    '| what | measured against | bar | measured: median (min–max) | verdict |',
    '| --- | --- | --- | --- | --- |',
    ...lines.map((line) => `| ${line} |`),
    '',
    ...describeRuns(rows),
  ].join('\n');
}

/** One paragraph for each day and environment, with the scenarios that it measured. */
function describeRuns(rows: readonly MeasuredRow[]): readonly string[] {
  const scenarios = new Map<string, Set<string>>();
  for (const { run, scenario } of rows) {
    const environment = Object.entries(run.environment).map(([name, value]) => `${name} ${value}`);
    const text = `${run.startedAt.slice(0, 10)}; ${environment.join(', ')}.`;
    const names = scenarios.get(text) ?? new Set();
    scenarios.set(text, names.add(scenario));
  }
  if (scenarios.size === 1) return [...scenarios.keys()];
  return [...scenarios].map(([text, names]) => `${[...names].join(', ')}: ${text}\n`);
}

const startMarker = '<!-- bench:start -->';
const endMarker = '<!-- bench:end -->';

/** Replaces what stands between the two markers; throws where they are missing. */
export function writeReadmeTable(path: string, table: string): void {
  const text = readFileSync(path, 'utf8');
  const start = text.indexOf(startMarker);
  const end = text.indexOf(endMarker);
  if (start < 0 || end < start) throw new Error(`${path} lacks ${startMarker} … ${endMarker}`);
  const before = text.slice(0, start + startMarker.length);
  writeFileSync(path, `${before}\n\n${table}\n\n${text.slice(end)}`);
}

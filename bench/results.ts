/**
 * The rows measured so far, on disk after each of them: an interrupted benchmark loses nothing that
 * it has measured, and scenarios that are run one by one add up to one table.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { MeasuredRow, Row, RunFacts } from './report.js';

const version = 2;

interface ResultsFile {
  readonly version: number;
  readonly rows: readonly MeasuredRow[];
}

export class Results {
  readonly #path: string | undefined;
  readonly #order: readonly string[];
  readonly #run: RunFacts;
  #rows: readonly MeasuredRow[];

  /**
   * Begins with the rows at `path`, if there are any; without a path nothing is read or written.
   * `order` names all scenarios in the order of the table.
   */
  constructor(path: string | undefined, order: readonly string[], run: RunFacts) {
    this.#path = path;
    this.#order = order;
    this.#run = run;
    this.#rows = path === undefined ? [] : readRows(path);
  }

  get rows(): readonly MeasuredRow[] {
    return this.#rows;
  }

  /** Takes the place of the same row of an earlier run. */
  add(row: Row): void {
    const others = this.#rows.filter((other) => nameOf(other) !== nameOf(row));
    const position = (scenario: string): number => this.#order.indexOf(scenario);
    this.#rows = [...others, { ...row, run: this.#run }].sort(
      (a, b) => position(a.scenario) - position(b.scenario),
    );
    this.#save();
  }

  /** Rows of the scenario that this run has not measured again are out of date. */
  complete(scenario: string): void {
    this.#rows = this.#rows.filter((row) => row.scenario !== scenario || row.run === this.#run);
    this.#save();
  }

  #save(): void {
    if (this.#path === undefined) return;
    const file: ResultsFile = { version, rows: this.#rows };
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(`${this.#path}.tmp`, `${JSON.stringify(file, undefined, 2)}\n`);
    renameSync(`${this.#path}.tmp`, this.#path);
  }
}

function nameOf({ scenario, what, against }: Row): string {
  return [scenario, what, against].join('\n');
}

function readRows(path: string): readonly MeasuredRow[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const file = JSON.parse(text) as ResultsFile;
  if (file.version !== version) throw new Error(`${path} has version ${file.version}: remove it`);
  return file.rows;
}

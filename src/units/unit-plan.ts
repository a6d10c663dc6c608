/** The units that one question will be answered with. */
import type { Digest } from '../store/manifest.js';
import type { OfferedUnit } from './offered-unit.js';
import type { UnitFacts } from './unit-facts.js';

/** A unit that will be served, with what it is known by. */
export interface PlannedUnit {
  readonly offer: OfferedUnit;
  readonly facts: UnitFacts;
  readonly blobs: readonly Digest[];
}

/**
 * Candidates that one question may look at: the closure of a large program has about 1,500 units,
 * and with several variants of each the combinations have no end. All views wait for the answer.
 */
const stepsMax = 5_000;

/** Grows by one unit at a time, and goes back to an earlier state where a choice does not work. */
export class UnitPlan {
  readonly #units = new Map<string, PlannedUnit>();
  #steps = 0;

  get(unitKey: string): PlannedUnit | undefined {
    return this.#units.get(unitKey);
  }

  add(unitKey: string, unit: PlannedUnit): void {
    this.#units.set(unitKey, unit);
  }

  /** Counts one look at a candidate; false if the question has cost enough. */
  mayStep(): boolean {
    this.#steps += 1;
    return this.#steps <= stepsMax;
  }

  /** The present state, for `undo`. */
  mark(): number {
    return this.#units.size;
  }

  /** Takes away what was added since the mark. */
  undo(mark: number): void {
    if (this.#units.size === mark) return;
    for (const unitKey of [...this.#units.keys()].slice(mark)) this.#units.delete(unitKey);
  }

  /** Dependencies before what depends on them. */
  units(): readonly PlannedUnit[] {
    return [...this.#units.values()];
  }
}

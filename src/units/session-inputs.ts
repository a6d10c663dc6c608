/** What one cargo session has verified of its inputs. */
import type { InputComparison } from './input-verifier.js';
import type { InputSet } from './unit-facts.js';

/**
 * Remembers sets that held, for one session: many units share the directories of a package and the
 * system's libraries. Inputs that cargo looks at by their times are compared each time, because a
 * unit shows the time of the question that it answers.
 */
export class SessionInputs implements InputComparison {
  readonly #inputs: InputComparison;
  readonly #verified = new Set<string>();

  constructor(inputs: InputComparison) {
    this.#inputs = inputs;
  }

  difference(set: InputSet, isFixed: boolean): string | undefined {
    const key = isFixed ? JSON.stringify([set.kind, set.root, set.paths, set.digest]) : undefined;
    if (key !== undefined && this.#verified.has(key)) return undefined;
    const difference = this.#inputs.difference(set, isFixed);
    if (difference === undefined && key !== undefined) this.#verified.add(key);
    return difference;
  }
}

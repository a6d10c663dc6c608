/**
 * Watches the promise while people build (`XCACHE_VERIFY=1`, `verify.sample`): a unit that would have
 * been served is compiled all the same, and compared with the stored one when it is stored itself.
 */
import type { Digest } from '../store/manifest.js';
import type { Store } from '../store/store.js';
import { readRange } from './blob-access.js';
import type { Rejections } from './rejections.js';
import { compareUnits, type Comparison, type ComparedUnit } from './unit-comparison.js';
import { unitKeyOf, type UnitFacts } from './unit-facts.js';

/** Units waited for: a unit that is never finished must not stay for ever. */
const expectedMax = 20_000;

/** The largest file that is read to be compared. */
const comparedBytesMax = 256 << 20;

export interface VerificationResult extends Comparison {
  /** The stored unit, as it was before. */
  readonly facts: UnitFacts;
}

export class UnitVerification {
  readonly #store: Store;
  readonly #rejections: Rejections;
  /** By unit key: the stored unit that would have been served. */
  readonly #expected = new Map<string, { readonly id: Digest; readonly unit: ComparedUnit }>();

  constructor(store: Store, rejections: Rejections) {
    this.#store = store;
    this.#rejections = rejections;
  }

  /** A stored unit fits and is not served; cargo compiles it now. */
  expect(id: Digest, facts: UnitFacts): void {
    const manifest = this.#store.manifest(id);
    if (manifest === undefined || this.#expected.size >= expectedMax) return;
    this.#expected.set(unitKeyOf(facts), { id, unit: { facts, entries: manifest.entries } });
  }

  /**
   * The unit was compiled and is stored as `id`. Undefined if nobody waits for it. A stored unit that
   * differs is rejected: it is never served again.
   */
  async built(id: Digest, facts: UnitFacts): Promise<VerificationResult | undefined> {
    const key = unitKeyOf(facts);
    const expected = this.#expected.get(key);
    if (expected === undefined) return undefined;
    this.#expected.delete(key);
    const { unit } = expected;
    if (id === expected.id) return { kind: 'equal', detail: '', facts: unit.facts };
    const manifest = this.#store.manifest(id);
    if (manifest === undefined) {
      return { kind: 'incomparable', detail: 'it is not in the store', facts: unit.facts };
    }
    const comparison = await compareUnits(unit, { facts, entries: manifest.entries }, (entry) => {
      if (entry.sizeBytes > comparedBytesMax) throw new Error(`${entry.path} is too large`);
      const path = this.#store.blobPath(entry.blob);
      return Promise.resolve(readRange(path, entry.offset, entry.sizeBytes));
    });
    if (comparison.kind === 'differs') await this.#reject(expected.id, unit.facts);
    return { ...comparison, facts: unit.facts };
  }

  /** The unit was compiled and stays private: there is nothing to compare. */
  forget(unitKey: string): void {
    this.#expected.delete(unitKey);
  }

  async #reject(id: Digest, facts: UnitFacts): Promise<void> {
    await this.#rejections.add([facts], { rejectedMs: Date.now(), by: 'verification' });
    await this.#store.removeUnits([id]);
  }
}

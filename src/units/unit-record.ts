/** What the service knows of the units that are present in one view. */
import type { UnitFacts } from './unit-facts.js';

/** A unit whose files are served from the store in this view, be it built here or elsewhere. */
export interface StoredUnit {
  readonly state: 'stored';
  readonly unitKey: string;
  /** The manifest's digest; names the attachment in the view. */
  readonly id: string;
  readonly facts: UnitFacts;
  /** Since when its bytes are present here; nanoseconds of the clock that stamps writes. */
  readonly sinceNs: bigint;
}

/** A complete unit that stays in the upper layer. */
export interface PrivateUnit {
  readonly state: 'private';
  readonly unitKey: string;
  readonly fingerprint: string;
  readonly reason: string;
}

export type UnitRecord = StoredUnit | PrivateUnit;

/** The units of one view by place and by fingerprint. */
export class UnitTable {
  readonly #byKey = new Map<string, UnitRecord>();
  readonly #byFingerprint = new Map<string, Set<string>>();
  readonly #keyOfId = new Map<string, string>();

  get(unitKey: string): UnitRecord | undefined {
    return this.#byKey.get(unitKey);
  }

  /** All units that carry this fingerprint: a dependency names nothing else. */
  withFingerprint(fingerprint: string): readonly UnitRecord[] {
    const keys = this.#byFingerprint.get(fingerprint) ?? [];
    return [...keys].flatMap((key) => this.#byKey.get(key) ?? []);
  }

  set(record: UnitRecord): void {
    this.delete(record.unitKey);
    this.#byKey.set(record.unitKey, record);
    const fingerprint = fingerprintOf(record);
    const keys = this.#byFingerprint.get(fingerprint) ?? new Set();
    this.#byFingerprint.set(fingerprint, keys.add(record.unitKey));
    if (record.state === 'stored') this.#keyOfId.set(record.id, record.unitKey);
  }

  delete(unitKey: string): void {
    const record = this.#byKey.get(unitKey);
    if (record === undefined) return;
    this.#byKey.delete(unitKey);
    this.#byFingerprint.get(fingerprintOf(record))?.delete(unitKey);
    if (record.state === 'stored') this.#keyOfId.delete(record.id);
  }

  /** Forgets the stored unit with this manifest; returns it where there was one. */
  deleteById(id: string): UnitRecord | undefined {
    const unitKey = this.#keyOfId.get(id);
    const record = unitKey === undefined ? undefined : this.#byKey.get(unitKey);
    if (unitKey !== undefined) this.delete(unitKey);
    return record;
  }

  clear(): void {
    this.#byKey.clear();
    this.#byFingerprint.clear();
    this.#keyOfId.clear();
  }

  stored(): readonly StoredUnit[] {
    return [...this.#byKey.values()].filter((record) => record.state === 'stored');
  }
}

function fingerprintOf(record: UnitRecord): string {
  return record.state === 'stored' ? record.facts.fingerprint : record.fingerprint;
}

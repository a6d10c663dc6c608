/** Which private units of a view are of a kind that is never shared, whatever they were built in. */
import { formatFingerprintHash } from '../cargo/fingerprint.js';
import { refuseUnit } from '../cargo/shareability.js';
import type { UnitFiles } from '../units/unit-files.js';

/** What is asked of a unit that is complete. */
export type JudgedFiles = Pick<UnitFiles, 'name' | 'fingerprint' | 'fingerprintHash'>;

/** Fingerprints remembered; a large workspace has a few hundred units of its own. */
const ownMax = 20_000;

export class OwnUnits {
  readonly #fingerprints = new Set<string>();

  /**
   * Whether the unit, which stays private for `reason`, is a program, test, example, benchmark,
   * documentation or a package given by path, or was built against one of these. To be called for
   * every private unit, dependencies first, as the promoter judges them.
   */
  judge({ name, fingerprint, fingerprintHash }: JudgedFiles, reason: string): boolean {
    const isOwn =
      refuseUnit(name.kind, []) !== undefined ||
      reason === 'path-package' ||
      (reason === 'dependency-private' &&
        fingerprint.dependencies.some((dependency) =>
          this.#fingerprints.has(formatFingerprintHash(dependency.fingerprintHash)),
        ));
    if (!isOwn) return false;
    if (this.#fingerprints.size >= ownMax) this.#fingerprints.clear();
    this.#fingerprints.add(fingerprintHash);
    return true;
  }
}

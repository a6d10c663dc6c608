/** What `setup` and `teardown` tell of what they found and did. */

/** What one step found or did. */
export interface SetupStep {
  readonly step: 'cargo' | 'service' | 'mount' | 'config' | 'unit' | 'view';
  /** `ready`: nothing to do. `skipped`: not possible here, and not needed. */
  readonly state: 'ready' | 'done' | 'missing' | 'skipped';
  /** One sentence for people. */
  readonly message: string;
}

/** The result of `setup` and `teardown`. */
export interface SetupResult {
  readonly version: 1;
  readonly steps: readonly SetupStep[];
  /** What the user should know beside. */
  readonly notes: readonly string[];
}

/**
 * The proof of a whole case with `XCACHE_VERIFY=1`: each unit that could be served is compiled all
 * the same, and compared with the stored one.
 */
import { expect } from 'vitest';
import type { Workspace } from '../support/workspace.js';
import type { Scene, Setting } from './proof-case.js';

/** Whether the proof runs with XCACHE_VERIFY. */
export const isVerifying: boolean = process.env['XCACHE_VERIFY'] === '1';

export interface Verification {
  /** Units that were compiled to be compared. */
  readonly verified: number;
  /** What could not be compared: unit and reason. */
  readonly notCompared: readonly string[];
}

/** Hands XCACHE_VERIFY on to cargo. */
export function verifying(setting: Setting): Setting {
  return isVerifying ? { ...setting, env: { ...setting.env, XCACHE_VERIFY: '1' } } : setting;
}

/** Fails where a stored unit is not what cargo built here. */
export async function expectVerified(here: Workspace, scene: Scene): Promise<Verification> {
  await here.settled();
  const decisions = await here.explain();
  const withReason = (reason: string): readonly string[] =>
    decisions
      .filter((decision) => decision.reason === reason)
      .map(({ unit, message }) => `${unit}: ${message}`);
  expect(withReason('stored-unit-differs')).toEqual([]);
  const { verified, differed } = (await here.world.stats()).units;
  expect(differed).toBe(0);
  if (scene.served.length === 0) expect(verified).toBe(0);
  else expect(verified).toBeGreaterThanOrEqual(scene.served.length);
  return { verified, notCompared: withReason('not-compared') };
}

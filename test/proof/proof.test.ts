/**
 * Never a wrong build: programs that were built with units from a store are those of plain cargo.
 * `npm test` runs the short cases, `npm run proof` all of them; XCACHE_PROOF is `short` (default),
 * `full`, `all`, or a part of a name.
 *
 * With XCACHE_VERIFY=1 the builds through the store have it, too: each unit that could be served is
 * compiled and compared, and the case fails where a stored one differs. What was served or built
 * cannot be looked at then.
 */
import { expect, test } from 'vitest';
import { describeEndToEnd } from '../support/world.js';
import { nativeCases } from './cases-native.js';
import { placeCases } from './cases-places.js';
import { registryCases } from './cases-registry.js';
import { settingCases } from './cases-settings.js';
import { toolCases } from './cases-tools.js';
import type { ProofCase } from './proof-case.js';
import { runCase } from './run-case.js';

const wanted = process.env['XCACHE_PROOF'] ?? 'short';

const minutesOf = { short: 2, full: 8, heavy: 30 } as const;

function isWanted({ name, group }: ProofCase): boolean {
  if (wanted === 'all') return true;
  if (wanted === 'full') return group !== 'heavy';
  return wanted === 'short' ? group === 'short' : name.includes(wanted);
}

describeEndToEnd('a program is the one of plain cargo where', () => {
  const cases = [...registryCases, ...placeCases, ...settingCases, ...nativeCases, ...toolCases];
  for (const proof of cases.filter(isWanted)) {
    const missing = proof.missing?.();
    if (missing !== undefined) {
      test.skip(`${proof.name} (${missing})`);
      continue;
    }
    test(proof.name, { timeout: minutesOf[proof.group] * 60_000 }, async () => {
      const result = await runCase(proof);
      console.error(
        `${proof.name}: ${result.servedUnits} units served, ${result.builtUnits} built, ` +
          `${result.programs} programs equal, ${result.occurrences} times another path in them`,
      );
      if (result.verification !== undefined) {
        const { verified, notCompared } = result.verification;
        console.error([`${verified} units compiled to be compared`, ...notCompared].join('\n  '));
      }
      expect(result.programs).toBeGreaterThanOrEqual(2);
    });
  }
});

/**
 * Random operations, lower entries, copy-ups, adoptions and remounts thrown in, against a plain
 * directory. A failure prints its seed and the shortest sequence that fails:
 * `XCACHE_MODEL_SEED=… npx vitest run test/model` runs it again.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { operationArbitrary } from './operations.js';
import { Runner } from './runner.js';

const seed = process.env['XCACHE_MODEL_SEED'];
const runs = Number(process.env['XCACHE_MODEL_RUNS'] ?? 60);

test('whatever is done to it, the file system looks like a plain directory', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(operationArbitrary, { minLength: 1, maxLength: 60, size: 'max' }),
      async (operations) => {
        using runner = new Runner();
        for (const operation of operations) await runner.run(operation);
        await runner.reopen('abandon');
        await runner.compare();
        runner.world.overlay.assertInvariants();
        expect(runner.world.faults).toEqual([]);
      },
    ),
    { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) },
  );
});

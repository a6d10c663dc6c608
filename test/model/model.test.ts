/**
 * Random operations, lower entries, copy-ups, adoptions and remounts thrown in, against a plain
 * directory. A failure prints its seed and the shortest sequence that fails:
 * `XCACHE_MODEL_SEED=… npx vitest run test/model` runs it again.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseSeed, inProcessOperations } from './budget.js';
import { operationArbitrary } from './operations.js';
import { Runner } from './runner.js';

const seed = chooseSeed();
const timeoutMs = 3_600_000;
const operationsMax = 60;

test(
  'whatever is done to it, the file system looks like a plain directory',
  async () => {
    let done = 0;
    const started = Date.now();
    await fc.assert(
      fc.asyncProperty(
        fc.array(operationArbitrary, { minLength: 1, maxLength: operationsMax, size: 'max' }),
        async (operations) => {
          using runner = new Runner();
          for (const operation of operations) await runner.run(operation);
          await runner.reopen('abandon');
          await runner.compare();
          runner.world.overlay.assertInvariants();
          expect(runner.world.faults).toEqual([]);
          done += operations.length;
        },
      ),
      // Half of the longest on average, and a few more, so that it is not less in the end.
      { numRuns: Math.ceil((inProcessOperations * 2.1) / operationsMax), seed },
    );
    console.log(`in process: seed ${seed}, ${done} operations, ${Date.now() - started} ms`);
  },
  timeoutMs,
);

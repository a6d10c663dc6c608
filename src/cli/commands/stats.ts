import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderStats } from '../render-decisions.js';

/** `stats` */
export const defineStats: DefineCommand = (command, execute) => {
  command
    .description('Shows what the store holds, how often it was of use, and the time it saved.')
    .addHelpText('after', renderManual(manual))
    .action(async () => {
      await execute(command, async (context) => {
        const client = await context.connect();
        const result = await client.request('stats', {});
        return { result, render: renderStats(result) };
      });
    });
};

const manual = {
  details: [
    'Bytes on disk are what the store takes. The same units would take the second figure if ' +
      'nothing were shared: each unit counts once for every workspace that has it.',
    'The share of served units counts only units that could be shared: 100 % means that cargo ' +
      'compiled nothing that another workspace could have had. What is never shared (packages by ' +
      'path, programs, tests) is counted apart, and so is what was not built to its end. The last ' +
      'build is the last one of any workspace.',
  ],
  examples: [
    ['xcache stats', 'for people'],
    [
      'xcache stats --json',
      'for scripts: store.physicalBytes, units.served, units.hitRate, units.savedMs …',
    ],
  ],
  seeAlso: ['units', 'status', 'gc'],
} as const;

import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderStats } from '../render.js';

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
  ],
  examples: [
    ['xcache stats', 'for people'],
    ['xcache stats --json', 'for scripts: store.physicalBytes, units.served, units.savedMs …'],
  ],
  seeAlso: ['units', 'status', 'gc'],
} as const;

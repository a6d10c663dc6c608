import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderNotRunning, renderStatus } from '../render.js';

/** `status` */
export const defineStatus: DefineCommand = (command, execute) => {
  command
    .description('Shows the service, its mounts, and what waits to be stored. Starts nothing.')
    .addHelpText('after', renderManual(manual))
    .action(async () => {
      await execute(command, async (context) => {
        const client = await context.connectIfRunning();
        if (client === undefined) {
          const result = { version: 1, running: false, views: [] };
          return { result, render: renderNotRunning };
        }
        const status = await client.request('status', {});
        return {
          result: { running: true, ...status },
          render: renderStatus(status),
        };
      });
    });
};

const manual = {
  details: ['With --json, `running` is false and `views` is empty where no service runs.'],
  examples: [
    ['xcache status', 'for people'],
    ['xcache status --json', 'for scripts: wait until `pendingUnits` is 0, for example'],
  ],
  seeAlso: ['explain', 'stats', 'service'],
} as const;

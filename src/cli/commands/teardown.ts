import type { ControlClient } from '../../service/control-client.js';
import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderSetup } from '../render-setup.js';

/** `teardown` */
export const defineTeardown: DefineCommand = (command, execute) => {
  command
    .description('Takes back what `xcache setup` did.')
    .addHelpText('after', renderManual(manual))
    .action(async () => {
      await execute(command, async (context) => {
        const { runTeardown } = await import('../../service/setup.js');
        const connect = async (): Promise<ControlClient> => await context.connect();
        const connectIfRunning = async (): Promise<ControlClient | undefined> =>
          await context.connectIfRunning();
        const result = await runTeardown({ paths: context.paths, connect, connectIfRunning });
        return { result, render: renderSetup(result, 'taken down') };
      });
    });
};

const manual = {
  details: [
    "Cargo's configuration comes first, so that no build meets a mount that is gone; then the mount " +
      'and the systemd unit. The next build of each workspace is an ordinary one. Mounts of ' +
      '`xcache mount` and the store stay.',
  ],
  examples: [
    ['xcache teardown', 'leave; xcache setup joins again'],
    ['xcache teardown && rm -r ~/.cache/xcache', 'and leave nothing behind'],
  ],
} as const;

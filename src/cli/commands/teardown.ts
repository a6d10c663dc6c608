import type { ControlClient } from '../../service/control/control-client.js';
import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderTeardown } from '../render-setup.js';

interface TeardownFlags {
  readonly materialize?: boolean;
}

/** `teardown` */
export const defineTeardown: DefineCommand = (command, execute) => {
  command
    .option('--materialize', 'leave every workspace a plain target directory with what is built')
    .description('Takes back what `xcache setup` did.')
    .addHelpText('after', renderManual(manual))
    .action(async ({ materialize }: TeardownFlags) => {
      await execute(command, async (context) => {
        const { runTeardown } = await import('../../service/setup/setup.js');
        const connect = async (): Promise<ControlClient> => await context.connect();
        const connectIfRunning = async (): Promise<ControlClient | undefined> =>
          await context.connectIfRunning();
        const result = await runTeardown({
          paths: context.paths,
          connect,
          connectIfRunning,
          isMaterializing: materialize === true,
        });
        const isMissing = result.steps.some(({ state }) => state === 'missing');
        const render = renderTeardown(result);
        return { result, render, exitCode: isMissing ? 1 : 0 };
      });
    });
};

const manual = {
  details: [
    "Cargo's configuration comes first, so that no build meets a mount that is gone; then the mount " +
      'and the systemd unit. The next build of each workspace is an ordinary one. Mounts of ' +
      '`xcache mount` and the store stay.',
    'With --materialize what was built goes back to where cargo looks for it without xcache, ./target ' +
      'as a rule. Units that hold the path of the mount are built again. A workspace whose target ' +
      'directory holds builds of its own is left alone, and its files stay in its view, for another ' +
      'setup or another try.',
  ],
  examples: [
    ['xcache teardown', 'leave; xcache setup joins again'],
    ['xcache teardown --materialize', 'leave, and keep everything that is built'],
    ['xcache service stop; rm -r ~/.cache/xcache', 'afterwards, to leave nothing behind'],
  ],
  seeAlso: ['setup', 'unmount', 'views'],
  exitCodes: [
    [0, 'everything is taken down'],
    [1, 'it failed; with --materialize: a workspace keeps its view'],
    [2, 'the command line is wrong'],
  ],
} as const;

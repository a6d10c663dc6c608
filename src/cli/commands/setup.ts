import type { ControlClient } from '../../service/control/control-client.js';
import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderSetup, renderSetupCheck } from '../render-setup.js';

interface SetupFlags {
  readonly check?: boolean;
  readonly yes?: boolean;
}

/** `setup` */
export const defineSetup: DefineCommand = (command, execute) => {
  command
    .option('--check', 'change nothing; exit with 1 when something is missing')
    .option('-y, --yes', "replace a build-dir of your own in cargo's configuration")
    .description('Lets every cargo workspace of yours share what was built before.')
    .addHelpText('after', renderManual(manual))
    .action(async ({ check, yes }: SetupFlags) => {
      await execute(command, async (context) => {
        const { checkSetup, runSetup } = await import('../../service/setup/setup.js');
        const { paths, terminal } = context;
        const connectIfRunning = async (): Promise<ControlClient | undefined> =>
          await context.connectIfRunning();
        if (check === true) {
          const result = await checkSetup({ paths, connectIfRunning });
          const isMissing = result.steps.some(({ state }) => state === 'missing');
          return { result, render: renderSetupCheck(result), exitCode: isMissing ? 1 : 0 };
        }
        const result = await runSetup({
          paths,
          connect: async () => await context.connect(),
          connectIfRunning,
          confirm: terminal.confirm,
          isAgreed: yes === true,
        });
        return { result, render: renderSetup(result) };
      });
    });
};

const manual = {
  details: [
    "It mounts one file system for you, sets build.build-dir in cargo's user configuration " +
      '($CARGO_HOME/config.toml) to a directory in it, and lets systemd start the service. Nothing ' +
      'is configured per project; what a build hands out stays in ./target.',
    'Comments and formatting of the configuration are kept: the change is one marked block. A ' +
      'build-dir of your own is replaced only after you agreed, and xcache teardown puts it back. ' +
      'A second setup changes nothing. cargo 1.91 or later is needed.',
  ],
  examples: [
    ['xcache setup', 'once per user'],
    ['xcache setup --check', 'is everything as setup leaves it?'],
    ['xcache setup --yes', 'ask nothing'],
  ],
  seeAlso: ['teardown', 'doctor', 'mount'],
  exitCodes: [
    [0, 'everything is set up'],
    [1, 'it failed and cargo is as it was; with --check: something is missing'],
    [2, 'the command line is wrong'],
  ],
} as const;

import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderDoctor } from '../render-setup.js';

/** `doctor` */
export const defineDoctor: DefineCommand = (command, execute) => {
  command
    .option('--fix', 'mend what can be mended without harm')
    .description('Looks at everything that xcache needs, and says what to do about it.')
    .addHelpText('after', renderManual(manual))
    .action(async ({ fix }: { readonly fix?: boolean }) => {
      await execute(command, async (context) => {
        const { runDoctor } = await import('../../service/doctor/doctor.js');
        const result = await runDoctor({
          paths: context.paths,
          connect: async () => await context.connect(),
          cwd: process.cwd(),
          isFixing: fix === true,
        });
        const isSound = result.findings.every(({ state }) => state !== 'fail');
        return { result, render: renderDoctor(result), exitCode: isSound ? 0 : 1 };
      });
    });
};

const manual = {
  details: [
    'Without --fix nothing is changed and nothing is started. With it, dead mounts are detached, ' +
      'directories of xcache that others may enter are closed to them, and the service is started.',
  ],
  examples: [
    ['xcache doctor', 'when something does not work as it should'],
    ['xcache doctor --fix', 'and mend it'],
    ['xcache doctor --json', 'for a bug report'],
  ],
  exitCodes: [
    [0, 'no check fails; there may be warnings'],
    [1, 'a check fails'],
    [2, 'the command line is wrong'],
  ],
} as const;

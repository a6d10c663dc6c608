import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderVerify } from '../render.js';

/** `verify` */
export const defineVerify: DefineCommand = (command, execute) => {
  command
    .option('--repair', 'set damaged content aside and rebuild the index')
    .description('Reads the whole store and compares every byte with its digest.')
    .addHelpText('after', renderManual(manual))
    .action(async (options: { readonly repair?: boolean }) => {
      await execute(command, async (context) => {
        const client = await context.connect();
        const result = await context.withProgress(
          async (onProgress) =>
            await client.request('verify', { repair: options.repair === true }, { onProgress }),
        );
        const isSound = result.problems.length <= result.repaired;
        return { result, render: renderVerify(result), exitCode: isSound ? 0 : 1 };
      });
    });
};

const manual = {
  details: [
    'Damaged units are never served, so the worst outcome of a repair is that they are compiled ' +
      'once more.',
  ],
  examples: [
    ['xcache verify', 'look, and change nothing'],
    ['xcache verify --repair', 'and put right what is wrong'],
  ],
  exitCodes: [
    [0, 'everything is as it was stored, or has been repaired'],
    [1, 'something is damaged and was not repaired, or it failed'],
    [2, 'the command line is wrong'],
  ],
  seeAlso: ['gc', 'units'],
} as const;

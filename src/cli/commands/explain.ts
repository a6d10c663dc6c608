import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderExplain } from '../render.js';

/** `explain [UNIT]` */
export const defineExplain: DefineCommand = (command, execute) => {
  command
    .argument('[UNIT]', 'a package name, name-hash as in deps/, or a 16-digit unit hash')
    .option('--last', 'only what the latest cargo command led to')
    .description(
      'Tells for each unit whether it was served, missed, stored or refused, and why. ' +
        'Without UNIT all recent decisions are listed.',
    )
    .addHelpText('after', renderManual(manual))
    .action(async (unit: string | undefined, options: { readonly last?: boolean }) => {
      await execute(command, async (context) => {
        const client = await context.connect();
        const result = await client.request('explain', {
          ...(unit === undefined ? {} : { unit }),
          ...(options.last === true ? { last: true } : {}),
        });
        return { result, render: renderExplain(result, unit) };
      });
    });
};

const manual = {
  details: [
    'The reason of each decision is a stable word in the JSON output and a sentence for people. ' +
      'Decisions are kept in memory, from the start of the service on; a unit that was only looked ' +
      'for may be shown as ?, because cargo asks for its files by their hash.',
  ],
  examples: [
    ['xcache explain --last', 'why did the last build compile what it compiled?'],
    ['xcache explain libsqlite3-sys', 'everything about one package'],
  ],
  seeAlso: ['units', 'status --watch'],
} as const;

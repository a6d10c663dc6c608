import type { DefineCommand } from '../command.js';
import { resolveDirectory } from '../directory-argument.js';
import { renderManual } from '../manual.js';
import { renderUnmount } from '../render.js';

/** `unmount DIR` */
export const defineUnmount: DefineCommand = (command, execute) => {
  command
    .argument('<DIR>', 'a directory that is mounted')
    .option('--materialize', 'leave a plain directory with every file behind')
    .description('Takes the mount on DIR away. What this workspace built is kept.')
    .addHelpText('after', renderManual(manual))
    .action(async (directory: string, options: { readonly materialize?: boolean }) => {
      await execute(command, async (context) => {
        const params = {
          directory: await resolveDirectory(directory),
          materialize: options.materialize === true,
        };
        const client = await context.connect();
        const result = await context.withProgress(
          async (onProgress) => await client.request('unmount', params, { onProgress }),
        );
        return { result, render: renderUnmount(result) };
      });
    });
};

const manual = {
  details: [
    'Without --materialize DIR is empty afterwards, and the next mount brings everything back. ' +
      'With --materialize DIR is an ordinary target directory that cargo finds up to date and that ' +
      'needs xcache no more.',
  ],
  examples: [
    ['xcache unmount ./target', 'until the next mount'],
    ['xcache unmount ./target --materialize', 'leave xcache and keep everything that is built'],
  ],
  seeAlso: ['mount', 'status'],
} as const;

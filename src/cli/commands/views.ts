import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderViews } from '../render-views.js';

/** `views` */
export const defineViews: DefineCommand = (command, execute) => {
  command
    .description(
      'Lists every view: its workspace, its state, what it takes, when it was last used.',
    )
    .addHelpText('after', renderManual(manual))
    .action(async () => {
      await execute(command, async (context) => {
        const client = await context.connect();
        const result = await client.request('views', { withSizes: true });
        return { result, render: renderViews(result) };
      });
    });
};

const manual = {
  details: [
    'A view is what one workspace has of its own: the files that it built and that are not in the ' +
      'store, and the list of stored units that it shows. `own files` is what the view takes on ' +
      'disk, `served` what it shows of the store and would take without xcache. A size that takes ' +
      'too long to measure is shown as ?, and is null with --json.',
    'Views whose workspace is gone for a week are removed by themselves; `set-aside` are files that ' +
      'a view held while somebody built without it, and are kept for a month.',
  ],
  examples: [
    ['xcache views', 'the last used first'],
    ['xcache views --json', 'for scripts'],
  ],
  seeAlso: ['forget', 'gc', 'status'],
} as const;

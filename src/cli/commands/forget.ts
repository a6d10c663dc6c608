import { XcacheError } from '../../base/errors.js';
import type { ViewRow } from '../../service/control/protocol.js';
import type { CommandContext, DefineCommand } from '../command.js';
import { resolveDirectory } from '../directory-argument.js';
import { renderManual } from '../manual.js';
import { formatSize } from '../quantities.js';
import { renderForget } from '../render-views.js';

/** `forget DIR` */
export const defineForget: DefineCommand = (command, execute) => {
  command
    .argument('<DIR>', 'a workspace, its build-dir, or the id that `xcache views` shows')
    .option('-y, --yes', 'do not ask')
    .description('Removes the view of one workspace, with everything that only this view holds.')
    .addHelpText('after', renderManual(manual))
    .action(async (text: string, options: { readonly yes?: boolean }) => {
      await execute(command, async (context) => {
        const directory = await resolveDirectory(text);
        const client = await context.connect();
        const { views } = await client.request('views', { withSizes: false });
        const { view } = findView(views, text, directory);
        if (options.yes !== true) {
          const [measured] = (await client.request('views', { withSizes: true, view })).views;
          if (measured !== undefined && !(await agree(context, measured))) return 1;
        }
        const result = await client.request('forget', { view });
        return { result, render: renderForget(result) };
      });
    });
};

/** Throws `XC_NOT_FOUND` where no view is meant, and `XC_USAGE` where several are. */
function findView(views: readonly ViewRow[], text: string, directory: string): ViewRow {
  const byId = views.filter(({ view }) => view === text);
  const byPlace = views.filter((row) => row.directory === directory && row.state !== 'set-aside');
  const byWorkspace = views.filter(
    (row) => row.workspace === directory && row.state !== 'set-aside',
  );
  const [meant = []] = [byId, byPlace, byWorkspace].filter(({ length }) => length > 0);
  const [view, ...others] = meant;
  if (view === undefined) {
    throw new XcacheError('XC_NOT_FOUND', `${text} has no view`, {
      hint: 'see which there are: xcache views',
    });
  }
  if (others.length === 0) return view;
  const places = meant.map((row) => row.directory ?? row.view).join(', ');
  throw new XcacheError('XC_USAGE', `${text} has ${meant.length} views: ${places}`, {
    hint: 'name one of them',
  });
}

async function agree({ terminal }: CommandContext, view: ViewRow): Promise<boolean> {
  const { confirm } = terminal;
  if (confirm === undefined) {
    throw new XcacheError(
      'XC_USAGE',
      `the view of ${view.directory ?? view.view} is removed only after a question, and this is ` +
        'no terminal',
      { hint: 'to remove it without one, add --yes' },
    );
  }
  const size = view.ownBytes === null ? '' : ` (${formatSize(view.ownBytes)})`;
  return await confirm(`remove the view of ${view.directory ?? view.view}${size}?`);
}

const manual = {
  details: [
    'What the view has of its own is deleted; units in the store stay there for other workspaces ' +
      'until they are collected. A view that is mounted is unmounted first; while cargo or another ' +
      'process uses it, nothing happens. The workspace itself is not touched, and its next build ' +
      'makes a new view.',
  ],
  examples: [
    ['xcache forget .', 'the view of this workspace'],
    ['xcache forget ./target --yes', 'without a question'],
    ['xcache forget 0123456789abcdef', 'by its id, where the workspace is gone'],
  ],
  seeAlso: ['views', 'unmount', 'gc'],
} as const;

import { XcacheError } from '../../base/errors.js';
import type { CommandContext, CommandOutcome, DefineCommand } from '../command.js';
import { untilSignal } from '../foreground.js';
import { renderManual } from '../manual.js';
import { renderNotRunning, renderSession, renderStatus } from '../render.js';

/** `status` */
export const defineStatus: DefineCommand = (command, execute) => {
  command
    .option('-w, --watch', 'print a line for each cargo command that ends, until Ctrl-C')
    .description('Shows the service, its mounts, and what waits to be stored. Starts nothing.')
    .addHelpText('after', renderManual(manual))
    .action(async (options: { readonly watch?: boolean }) => {
      await execute(command, options.watch === true ? watch : show);
    });
};

const manual = {
  details: [
    'With --json, `running` is false and `views` is empty where no service runs.',
    'With --watch, a line tells what a cargo command came to, once it has ended and what it built ' +
      'has been looked at: units served from the store and compiled, of the compiled ones those ' +
      'stored for others and those kept private, the compile time that was saved, and the bytes ' +
      'that were not stored twice. With --json it is one JSON object on one line. A cargo command ' +
      'that found nothing to do is not told of. The log of the service has the same at level info.',
  ],
  examples: [
    ['xcache status', 'for people'],
    ['xcache status --json', 'for scripts: wait until `pendingUnits` is 0, for example'],
    ['xcache status --watch', 'beside a terminal in which you build'],
  ],
  exitCodes: [
    [0, 'done; of --watch: ended by Ctrl-C'],
    [1, 'it failed; of --watch: no service runs, or it has ended'],
    [2, 'the command line is wrong'],
  ],
  seeAlso: ['explain', 'stats', 'service'],
} as const;

async function show(context: CommandContext): Promise<CommandOutcome> {
  const client = await context.connectIfRunning();
  if (client === undefined) {
    const result = { version: 1, running: false, views: [] };
    return { result, render: renderNotRunning };
  }
  const status = await client.request('status', {});
  const result = { running: true, ...status };
  return { result, render: renderStatus(status) };
}

async function watch(context: CommandContext): Promise<number> {
  const client = await context.connectIfRunning();
  if (client === undefined) {
    throw new XcacheError('XC_SERVICE_UNREACHABLE', 'the service is not running', {
      hint: 'start it with: xcache service start',
    });
  }
  const end = await untilSignal(
    client,
    async () => {
      const watching = client.request(
        'watch',
        {},
        {
          onSession: (summary) =>
            context.print({ result: summary, render: renderSession(summary), isLine: true }),
        },
      );
      // Requests of one connection are taken in order: after this answer nothing is missed.
      const ready = client.request('status', {}).then(() => {
        context.terminal.err('waiting for cargo commands to end; Ctrl-C ends this');
      });
      await Promise.all([watching, ready]);
      return 'service-ended' as const;
    },
    context.terminal.unread,
  );
  if (end === 'signal') return 0;
  throw new XcacheError('XC_SERVICE_UNREACHABLE', 'the service has ended');
}

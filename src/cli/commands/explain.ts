import { Option } from 'commander';
import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderExplain } from '../render-decisions.js';

interface ExplainOptions {
  readonly all?: boolean;
  readonly last?: boolean;
}

/** `explain [UNIT]` */
export const defineExplain: DefineCommand = (command, execute) => {
  command
    .argument('[UNIT]', 'a package name, name-hash as in deps/, or a 16-digit unit hash')
    .addOption(
      new Option('--last', 'the last build of this workspace, which is the default').conflicts(
        'all',
      ),
    )
    .option('--all', 'every build of every workspace that is remembered')
    .description(
      'Shows for each unit of the last build of this workspace whether it was served or compiled, ' +
        'why, and what became of it. With UNIT, the last build that this unit was part of.',
    )
    .addHelpText('after', renderManual(manual))
    .action(async (unit: string | undefined, { all }: ExplainOptions) => {
      await execute(command, async (context) => {
        const client = await context.connect();
        const directory = workingDirectory();
        const result = await client.request('explain', {
          ...(unit === undefined ? {} : { unit }),
          ...(directory === undefined ? {} : { directory }),
          ...(all === true ? { all } : {}),
        });
        return { result, render: renderExplain(result, { unit, isAll: all === true }) };
      });
    });
};

/** Undefined where it was removed, or is longer than a path of a workspace can be. */
function workingDirectory(): string | undefined {
  try {
    const directory = process.cwd();
    return directory.length > 4096 ? undefined : directory;
  } catch {
    return undefined;
  }
}

const manual = {
  details: [
    'The reason of each decision is a stable word in the JSON output and a sentence for people. ' +
      'A unit that was compiled is shown with the reason why it could not be served; packages of ' +
      'the workspace, programs and tests are never shared. A unit that cargo compiled although it ' +
      'was served counts as compiled (found-dirty).',
    'Outside of all workspaces it shows the last build of any. A build in which nothing had to be ' +
      'served or compiled leaves no trace. The latest 20,000 decisions are remembered, over ' +
      'restarts of the service too.',
  ],
  examples: [
    ['xcache explain', 'why did the last build compile what it compiled?'],
    ['xcache explain libsqlite3-sys', 'why one package was compiled'],
    ['xcache explain --all libsqlite3-sys', 'in every build of every workspace'],
  ],
  seeAlso: ['units', 'status --watch'],
} as const;

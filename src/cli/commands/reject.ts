import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderReject } from '../render-reject.js';

/** `reject PACKAGE` */
export const defineReject: DefineCommand = (command, execute) => {
  command
    .argument('<PACKAGE>', 'a package as cargo names it: serde, or serde@1.0.200')
    .option('--all-versions', 'all versions of the package')
    .option('--undo', 'let the units be served and stored again')
    .description('Removes the units of a package from the store, and never serves them again.')
    .addHelpText('after', renderManual(manual))
    .action(
      async (
        name: string,
        options: { readonly allVersions?: boolean; readonly undo?: boolean },
      ) => {
        await execute(command, async (context) => {
          const client = await context.connect();
          const { allVersions = false, undo = false } = options;
          const result = await client.request('reject', { package: name, allVersions, undo });
          return { result, render: renderReject(result, undo) };
        });
      },
    );
};

const manual = {
  details: [
    'For a unit that is wrong for a reason that xcache does not know. Cargo compiles the package in ' +
      'each workspace from then on; a unit that comes out different is stored and shared again, one ' +
      'that comes out the same is not. A workspace that has the unit keeps it until you run ' +
      '`cargo clean -p PACKAGE` there.',
    '`cargo clean -p PACKAGE` alone is enough to build a package anew: what is built then is what ' +
      'every workspace gets.',
  ],
  examples: [
    ['xcache reject openssl-sys', 'never serve what is stored of it'],
    ['xcache reject openssl-sys --undo', 'take that back'],
    ['xcache units --rejected', 'what is rejected'],
  ],
  seeAlso: ['units', 'explain', 'verify'],
} as const;

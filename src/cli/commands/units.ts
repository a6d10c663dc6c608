import { Option } from 'commander';
import type { UnitRow } from '../../service/control/protocol.js';
import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderRejected } from '../render-reject.js';
import { renderUnits } from '../render.js';

type SortKey = 'size' | 'time' | 'package';

/** `units` */
export const defineUnits: DefineCommand = (command, execute) => {
  command
    .addOption(
      new Option('--sort <key>', 'order: largest, longest to compile, or by name')
        .choices(['size', 'time', 'package'])
        .default('package'),
    )
    .option('--rejected', 'the units that are never served again')
    .description('Lists every unit in the store: size, compile time, last use, workspaces.')
    .addHelpText('after', renderManual(manual))
    .action(async (options: { readonly sort: SortKey; readonly rejected?: boolean }) => {
      await execute(command, async (context) => {
        const client = await context.connect();
        const result = await client.request('units', {});
        if (options.rejected === true) return { result, render: renderRejected(result.rejected) };
        const sorted = { ...result, units: result.units.toSorted(orders[options.sort]) };
        return { result: sorted, render: renderUnits(sorted) };
      });
    });
};

const byPackage = (a: UnitRow, b: UnitRow): number =>
  compareText(a.package, b.package) ||
  compareText(a.kind, b.kind) ||
  compareText(a.profile, b.profile) ||
  compareText(a.unitHash, b.unitHash) ||
  compareText(a.id, b.id);

const orders: Readonly<Record<SortKey, (a: UnitRow, b: UnitRow) => number>> = {
  size: (a, b) => b.sizeBytes - a.sizeBytes || byPackage(a, b),
  time: (a, b) => (b.buildMs ?? -1) - (a.buildMs ?? -1) || byPackage(a, b),
  package: byPackage,
};

/** By code unit, so that the order does not depend on the locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const manual = {
  examples: [
    ['xcache units --sort size', 'what takes the space'],
    ['xcache units --sort time', 'what is most worth keeping'],
  ],
  seeAlso: ['reject', 'stats', 'explain', 'gc'],
} as const;

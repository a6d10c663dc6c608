import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { parseDuration, parseSize } from '../quantities.js';
import { renderGc } from '../render-views.js';

interface GcOptions {
  readonly maxSize?: number;
  readonly maxAge?: number;
  readonly dryRun?: boolean;
}

/** `gc` */
export const defineGc: DefineCommand = (command, execute) => {
  command
    .option(
      '--max-size <size>',
      'shrink the store to this size: 20GiB, 512MiB, 10G, 5e9',
      parseSize,
    )
    .option(
      '--max-age <duration>',
      'remove what was not used for this long: 30d, 24h',
      parseDuration,
    )
    .option('-n, --dry-run', 'tell what would be removed, and remove nothing')
    .description('Cleans up: units that nobody uses, views of workspaces that are gone.')
    .addHelpText('after', renderManual(manual))
    .action(async (options: GcOptions) => {
      await execute(command, async (context) => {
        const { maxSize, maxAge, dryRun } = options;
        const params = {
          dryRun: dryRun === true,
          ...(maxSize === undefined ? {} : { maxSizeBytes: maxSize }),
          ...(maxAge === undefined ? {} : { maxAgeMs: maxAge }),
        };
        const client = await context.connect();
        const result = await context.withProgress(
          async (onProgress) => await client.request('gc', params, { onProgress }),
        );
        return { result, render: renderGc(result) };
      });
    });
};

const manual = {
  details: [
    'Units that a mounted workspace has are never removed, so it is safe at any time, also while ' +
      'cargo builds. Without limits the service does the same by itself every hour: the least ' +
      'recently used units go when the store takes more than a tenth of its disk (10 GiB at least, ' +
      '100 GiB at most) or the disk is nearly full, down to 80 % of that, and units that were not ' +
      'used for 90 days. With limits these apply instead, and no others. In both cases views go ' +
      'whose workspace is gone for a week, and what interrupted work has left. ' +
      'K, M, G, T and KiB, MiB … are powers of 1024; KB, MB … powers of 1000.',
  ],
  examples: [
    ['xcache gc --dry-run', 'see what would go, and why'],
    ['xcache gc --max-size 20GiB', 'make room now'],
    ['xcache gc --max-age 30d', 'forget what nobody used for a month'],
  ],
  seeAlso: ['units', 'views', 'verify', 'config'],
} as const;

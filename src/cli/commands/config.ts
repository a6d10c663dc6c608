import type { DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import { renderConfig } from '../render.js';

/** `config` */
export const defineConfig: DefineCommand = (command, execute) => {
  command
    .description(
      'Shows every setting, its value in force and where that comes from. Needs no service.',
    )
    .addHelpText('after', renderManual(manual))
    .action(async () => {
      await execute(command, async ({ paths }) => {
        const { loadConfig } = await import('../../service/config.js');
        const { entries } = await loadConfig(paths.configFile);
        const result = { version: 1, file: paths.configFile, entries } as const;
        return { result, render: renderConfig(result) };
      });
    });
};

const manual = {
  details: [
    'A value comes from the environment, else from the configuration file, else it is the default. ' +
      'An unknown key or a value that will not do is an error that names the line: a service with ' +
      'such a configuration does not start. A running service keeps the values that it was started ' +
      'with until: xcache service restart.',
    'gc.automatic (true or false): whether the service cleans up by itself. gc.max-size (a size, or ' +
      '"auto" for a share of the disk): what the store may take. gc.max-age (a duration, or ' +
      '"auto" for 90 days): what was not used for this long is removed. service.log-level: trace, debug, info, ' +
      'warn, error, fatal or silent. mount.driver: auto, direct or fuse-native.',
  ],
  examples: [
    ['xcache config', 'for people'],
    ['xcache config --json', 'for scripts: entries with key, value, source, line and variable'],
    ['XCACHE_GC_MAX_SIZE=5GiB xcache config', 'see that the environment wins'],
  ],
  seeAlso: ['gc', 'mount', 'service'],
} as const;

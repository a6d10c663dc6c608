import { Option } from 'commander';
import type { ControlClient } from '../../service/control/control-client.js';
import type { DriverName, MountParams } from '../../service/control/protocol.js';
import { XcacheError } from '../../base/errors.js';
import type { CommandContext, DefineCommand } from '../command.js';
import { resolveDirectory } from '../directory-argument.js';
import { waitForEnd } from '../foreground.js';
import { renderManual } from '../manual.js';
import { renderMount } from '../render.js';

interface MountOptions {
  readonly foreground?: boolean;
  readonly driver?: DriverName | undefined;
  readonly safe?: boolean;
}

/** `mount DIR` */
export const defineMount: DefineCommand = (command, execute) => {
  command
    .argument('<DIR>', "the workspace's target directory (or build.build-dir)")
    .option('-f, --foreground', 'stay until Ctrl-C or until the mount goes away, then unmount')
    .addOption(
      new Option('--driver <driver>', 'how to serve the mount').choices(['direct', 'fuse-native']),
    )
    .option('--safe', 'with --driver fuse-native: correct before fast')
    .description(
      'Mounts xcache on DIR. Cargo builds into it as ever; units that were built before, in any ' +
        'workspace of yours, are found there and not compiled again.',
    )
    .addHelpText('after', renderManual(manual))
    .action(async (directory: string, options: MountOptions) => {
      await execute(command, async (context) => {
        const { loadConfig } = await import('../../service/config.js');
        const { config } = await loadConfig(context.paths.configFile);
        const params = await createParams(directory, { ...config.mount, ...options });
        const client = await context.connect();
        const result = await context.withProgress(
          async (onProgress) => await client.request('mount', params, { onProgress }),
        );
        const outcome = { result, render: renderMount(result) };
        if (options.foreground !== true) return outcome;
        context.print(outcome);
        return await stay(context, client, result.directory);
      });
    });
};

const manual = {
  details: [
    'What DIR holds already is kept: its files become the private layer of the workspace, and ' +
      'complete units among them go to the store. A DIR that is mounted already is left as it is.',
    'The service is started when it is not running. Without --driver (and mount.driver in the ' +
      'configuration) the fastest driver that works here is taken: direct (the kernel protocol ' +
      'itself), else fuse-native (libfuse 2).',
  ],
  examples: [
    ['xcache mount ./target', 'mount, and return'],
    ['xcache mount ./target --foreground', 'mount for as long as the command runs'],
    ['xcache mount ./target --driver fuse-native --safe', 'serve through libfuse 2, carefully'],
  ],
  seeAlso: ['unmount', 'status', 'explain'],
} as const;

async function createParams(directory: string, options: MountOptions): Promise<MountParams> {
  const { driver, safe } = options;
  if (safe === true && driver !== 'fuse-native') {
    throw new XcacheError('XC_USAGE', '--safe is a mode of the fuse-native driver', {
      hint: 'add --driver fuse-native, or leave --safe out: the direct driver is always safe',
    });
  }
  return {
    directory: await resolveDirectory(directory),
    ...(driver === undefined ? {} : { driver }),
    ...(safe === true ? { mode: 'safe' } : {}),
  };
}

/** Waits, and takes the mount down where it is still there. */
async function stay(
  context: CommandContext,
  client: ControlClient,
  directory: string,
): Promise<number> {
  const end = await waitForEnd(client, directory);
  if (end === 'service-ended') {
    throw new XcacheError('XC_SERVICE_UNREACHABLE', `the service of ${directory} has ended`);
  }
  if (end === 'gone') {
    context.terminal.err(`${directory} is no longer mounted`);
    return 0;
  }
  await client.request('unmount', { directory, materialize: false });
  context.terminal.err(`unmounted ${directory}`);
  return 0;
}

import type { Command } from 'commander';
import type { HelloResult } from '../../service/protocol.js';
import { addCommonOptions, type CommandOutcome, type DefineCommand } from '../command.js';
import { renderManual } from '../manual.js';
import {
  renderServiceStarted,
  renderServiceStatus,
  renderServiceStopped,
  type ServiceStatus,
} from '../render.js';

/** `service run|start|stop|restart|status` */
export const defineService: DefineCommand = (command, execute) => {
  command
    .description(
      'The service owns the store and all mounts of one user. Commands that need it start it.',
    )
    .addHelpText('after', renderManual(manual));
  const subcommand = (name: string, description: string): Command =>
    addCommonOptions(command.command(name).description(description));

  const run = subcommand('run', 'run the service in this process until it is stopped');
  run.option('--background', 'log to the log file instead of stderr').action(
    async (options: { readonly background?: boolean }) =>
      await execute(run, async ({ paths }) => {
        const { runServiceProcess } = await import('../run-service.js');
        return await runServiceProcess(paths, options.background === true);
      }),
  );

  const start = subcommand('start', 'start the service in the background');
  start.action(
    async () =>
      await execute(start, async (context) => {
        const wasRunning = (await context.connectIfRunning()) !== undefined;
        return startedOutcome((await context.connect()).service, wasRunning);
      }),
  );

  const stop = subcommand('stop', 'store what is pending, unmount everything, and end the service');
  stop.action(
    async () =>
      await execute(stop, async ({ paths }) => {
        const { stopService } = await import('../../service/service-launcher.js');
        const pid = (await stopService(paths)) ?? null;
        const result = { version: 1, wasRunning: pid !== null, pid };
        return { result, render: renderServiceStopped(pid) };
      }),
  );

  const restart = subcommand('restart', 'stop the service, then start it with this version');
  restart.action(
    async () =>
      await execute(restart, async (context) => {
        const { stopService } = await import('../../service/service-launcher.js');
        await stopService(context.paths);
        return startedOutcome((await context.connect()).service, false);
      }),
  );

  const status = subcommand('status', 'tell whether the service runs (exit code 1: it does not)');
  status.action(
    async () =>
      await execute(status, async (context) => {
        const { logFile, socketPath } = context.paths;
        const service = (await context.connectIfRunning())?.service;
        const result: ServiceStatus = {
          version: 1,
          running: service !== undefined,
          pid: service?.pid ?? null,
          programVersion: service?.programVersion ?? null,
          protocolVersion: service?.protocolVersion ?? null,
          socketPath,
          logFile,
        };
        return { result, render: renderServiceStatus(result), exitCode: result.running ? 0 : 1 };
      }),
  );
};

const manual = {
  details: [
    'SIGTERM and SIGINT stop it in good order, as `service stop` does. After a kill -9 the next ' +
      'command that needs the service starts it, and finds everything that was written before.',
  ],
  examples: [
    ['xcache service status', 'does it run, and where does it log?'],
    ['xcache service restart', 'after an update of xcache'],
    ['xcache service run', 'for a systemd user unit: logs to stderr'],
  ],
  exitCodes: [
    [0, 'done; of `status`: it runs'],
    [1, 'it failed; of `status`: it does not run'],
    [2, 'the command line is wrong'],
  ],
} as const;

function startedOutcome(service: HelloResult, wasRunning: boolean): CommandOutcome {
  const { pid, programVersion } = service;
  return {
    result: { version: 1, pid, programVersion, wasRunning } as CommandOutcome['result'],
    render: renderServiceStarted(service, wasRunning),
  };
}

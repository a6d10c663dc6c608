import { InvalidArgumentError, type Command } from 'commander';
import type { HelloResult } from '../../service/control/protocol.js';
import {
  addCommonOptions,
  type CommandContext,
  type CommandOutcome,
  type DefineCommand,
  type Execute,
} from '../command.js';
import { renderManual } from '../manual.js';
import {
  renderServiceStarted,
  renderServiceStatus,
  renderServiceStopped,
  type ServiceStatus,
} from '../render.js';
import type { ColorChoice } from '../terminal.js';
import { defineUnitCommands } from './service-unit.js';

/** `service run|start|stop|restart|status|log|install|uninstall` */
export const defineService: DefineCommand = (command, execute) => {
  command
    .description(
      'The service owns the store and all mounts of one user. Commands that need it start it.',
    )
    .addHelpText('afterAll', renderManual(manual));
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
        const { stopService } = await import('../../service/process/service-launcher.js');
        const pid = (await stopService(paths)) ?? null;
        const result = { version: 1, wasRunning: pid !== null, pid };
        return { result, render: renderServiceStopped(pid) };
      }),
  );

  const restart = subcommand('restart', 'stop the service, then start it with this version');
  restart.action(
    async () =>
      await execute(restart, async (context) => {
        const { stopService } = await import('../../service/process/service-launcher.js');
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

  defineLog(subcommand('log', 'show what the service wrote to its log file'), execute);
  defineUnitCommands(command, execute);
};

interface LogOptions {
  readonly follow?: boolean;
  readonly lines: number;
}

function defineLog(log: Command, execute: Execute): void {
  log
    .option('-f, --follow', 'go on with what is written from now on, until Ctrl-C')
    .option('-n, --lines <count>', 'how many lines to begin with', parseCount, 50)
    .action(
      async (options: LogOptions & { readonly json?: boolean; readonly color: ColorChoice }) =>
        await execute(log, async (context) => {
          await showLog(context, options, options.json === true, options.color);
          return 0;
        }),
    );
}

async function showLog(
  { terminal, paths: { logFile } }: CommandContext,
  { follow, lines: count }: LogOptions,
  isRaw: boolean,
  color: ColorChoice,
): Promise<void> {
  const { followLines, loadLastLines, renderLogLine } = await import('./service-log.js');
  const style = terminal.style(color);
  const show = (line: string): void => terminal.out(isRaw ? line : renderLogLine(line, style));
  const { lines, endBytes } = await loadLastLines(logFile, count);
  lines.forEach(show);
  if (lines.length === 0 && count > 0) terminal.err(`nothing is written to ${logFile} yet`);
  if (follow !== true) return;
  const over = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => over.abort());
  }
  terminal.unread?.addEventListener('abort', () => over.abort());
  if (terminal.unread?.aborted === true) return;
  await followLines(logFile, endBytes, show, over.signal);
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It is no number of lines.');
  return Number(text);
}

const manual = {
  details: [
    'SIGTERM and SIGINT stop it in good order, as `service stop` does. After a kill -9 the next ' +
      'command that needs the service starts it, and finds everything that was written before.',
    'With a systemd unit the service starts at login. To have it run before that and after logout, ' +
      'as on a build machine: loginctl enable-linger',
  ],
  examples: [
    ['xcache service start', 'and nothing else; any command that needs it does the same'],
    ['xcache service stop', 'before a backup of the store, for example'],
    ['xcache service status', 'does it run, and where does it log?'],
    ['xcache service restart', 'after an update of xcache'],
    ['xcache service install', 'let systemd start it at login and after a crash'],
    ['xcache service log --follow', 'watch what it does'],
    ['xcache service run', 'in the foreground, with its log on stderr'],
  ],
  exitCodes: [
    [0, 'done; of `status`: it runs'],
    [1, 'it failed; of `status`: it does not run'],
    [2, 'the command line is wrong'],
  ],
  seeAlso: ['status', 'mount', 'config'],
} as const;

function startedOutcome(service: HelloResult, wasRunning: boolean): CommandOutcome {
  const { pid, programVersion } = service;
  return {
    result: { version: 1, pid, programVersion, wasRunning } as CommandOutcome['result'],
    render: renderServiceStarted(service, wasRunning),
  };
}

/**
 * What a command is made of. A command gets a context, returns an outcome, and prints nothing
 * itself: `execute` prints the outcome as text or, with `--json`, as the data that it is.
 */
import { Option, type Command } from 'commander';
import { resolvePaths, type XcachePaths } from '../host/paths.js';
import type { ControlClient } from '../service/control/control-client.js';
import type { Progress } from '../service/control/protocol.js';
import type { ColorChoice, Style, Terminal } from './terminal.js';

/** What a command hands back. */
export interface CommandOutcome {
  /** Printed with `--json`: the result of the protocol, with its `version`. */
  readonly result: { readonly version: number };
  /** For people. */
  readonly render: (style: Style) => string;
  /** With `--json`: on one line, for a command that prints one result after the other. */
  readonly isLine?: true;
  /** 0 where it is missing. */
  readonly exitCode?: 0 | 1;
}

/** What a command may use. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly paths: XcachePaths;
  /** Prints an outcome ahead of the end, for a command that goes on afterwards. */
  print(outcome: CommandOutcome): void;
  /** Connects to the service, and starts it where none runs. Closed at the end of the command. */
  connect(): Promise<ControlClient>;
  /** The same, but undefined where no service runs. */
  connectIfRunning(): Promise<ControlClient | undefined>;
  /** Runs `work` with a progress bar on a terminal, and without one elsewhere. */
  withProgress<T>(work: (report: (progress: Progress) => void) => Promise<T>): Promise<T>;
}

/** Ends with an exit code, or with an outcome that is printed. */
export type CommandAction = (context: CommandContext) => Promise<CommandOutcome | number>;

/** Runs the action of one command; given to each `define…` function by the program. */
export type Execute = (command: Command, action: CommandAction) => Promise<void>;

/** Adds a command's arguments, options, help and action. One per file in `commands/`. */
export type DefineCommand = (command: Command, execute: Execute) => void;

interface CommonOptions {
  readonly json?: boolean;
  readonly color: ColorChoice;
}

/** `--json` and `--color`, which every command has. */
export function addCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print the result as JSON with a `version` field')
    .addOption(
      new Option('--color <when>', 'colour the output')
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    );
}

/** Whether the command line asks for JSON; also where the rest of it is wrong. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json');
}

/** Makes the function that runs actions and keeps the exit code of the last one in `codes`. */
export function createExecute(terminal: Terminal, codes: number[]): Execute {
  return async (command, action) => {
    const options = command.opts<CommonOptions>();
    const clients: ControlClient[] = [];
    const keep = <C extends ControlClient | undefined>(client: C): C => {
      if (client !== undefined) clients.push(client);
      return client;
    };
    const paths = resolvePaths();
    const print = (outcome: CommandOutcome): void => {
      const text =
        options.json === true
          ? JSON.stringify(outcome.result, undefined, outcome.isLine === true ? 0 : 2)
          : outcome.render(terminal.style(options.color));
      if (text !== '') terminal.out(text);
    };
    try {
      const end = await action({
        terminal,
        paths,
        print,
        connect: async () => {
          const { ensureService } = await import('../service/process/service-launcher.js');
          return keep(await ensureService(paths));
        },
        connectIfRunning: async () => {
          const { tryConnectControl } = await import('../service/control/control-client.js');
          return keep(await tryConnectControl(paths));
        },
        withProgress: async (work) => await runWithProgress(terminal, work),
      });
      if (typeof end !== 'number') print(end);
      codes.push(typeof end === 'number' ? end : (end.exitCode ?? 0));
    } finally {
      for (const client of clients) client.close();
    }
  };
}

async function runWithProgress<T>(
  terminal: Terminal,
  work: (report: (progress: Progress) => void) => Promise<T>,
): Promise<T> {
  if (!terminal.isWatched) return await work(() => undefined);
  const { createProgressBar } = await import('./progress-bar.js');
  using bar = createProgressBar();
  return await work(bar.report);
}

/** The command line as a whole: the table of commands, errors and exit codes. */
import { Command, CommanderError } from 'commander';
import { isErrno, XcacheError } from '../base/errors.js';
import { loadProgramVersion } from '../base/version.js';
import { addCommonOptions, createExecute, wantsJson, type DefineCommand } from './command.js';
import { renderManual } from './manual.js';
import type { Terminal } from './terminal.js';

interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  readonly summary: string;
  /** It describes the others. */
  readonly needsAll?: true;
  /** Loads the command's own file; only the one that is run (or asked about) is loaded. */
  readonly load: () => Promise<DefineCommand>;
}

const commands: readonly CommandEntry[] = [
  {
    name: 'setup',
    summary: 'let every workspace of yours share what was built before',
    load: async () => (await import('./commands/setup.js')).defineSetup,
  },
  {
    name: 'teardown',
    summary: 'take back what setup did',
    load: async () => (await import('./commands/teardown.js')).defineTeardown,
  },
  {
    name: 'mount',
    summary: 'make a directory the build-dir of its workspace, served from the store',
    load: async () => (await import('./commands/mount.js')).defineMount,
  },
  {
    name: 'unmount',
    alias: 'umount',
    summary: 'take the mount away again',
    load: async () => (await import('./commands/unmount.js')).defineUnmount,
  },
  {
    name: 'status',
    summary: 'show the service and its mounts',
    load: async () => (await import('./commands/status.js')).defineStatus,
  },
  {
    name: 'stats',
    summary: 'show what the store holds and what it saved',
    load: async () => (await import('./commands/stats.js')).defineStats,
  },
  {
    name: 'units',
    summary: 'list the stored units',
    load: async () => (await import('./commands/units.js')).defineUnits,
  },
  {
    name: 'reject',
    summary: 'never serve the stored units of a package again',
    load: async () => (await import('./commands/reject.js')).defineReject,
  },
  {
    name: 'explain',
    summary: 'show why the last build was served or compiled what it needed',
    load: async () => (await import('./commands/explain.js')).defineExplain,
  },
  {
    name: 'verify',
    summary: 'check every stored byte, and repair what can be repaired',
    load: async () => (await import('./commands/verify.js')).defineVerify,
  },
  {
    name: 'gc',
    summary: 'clean up units by size and by age, and views nobody comes back to',
    load: async () => (await import('./commands/gc.js')).defineGc,
  },
  {
    name: 'views',
    summary: 'list what each workspace has of its own',
    load: async () => (await import('./commands/views.js')).defineViews,
  },
  {
    name: 'forget',
    summary: 'remove the view of one workspace',
    load: async () => (await import('./commands/forget.js')).defineForget,
  },
  {
    name: 'config',
    summary: 'show the settings in force and where they come from',
    load: async () => (await import('./commands/config.js')).defineConfig,
  },
  {
    name: 'completions',
    summary: 'print the completion script of a shell',
    load: async () => (await import('./commands/completions.js')).defineCompletions,
    needsAll: true,
  },
  {
    name: 'doctor',
    summary: 'check everything that xcache needs, and say what to do',
    load: async () => (await import('./commands/doctor.js')).defineDoctor,
  },
  {
    name: 'service',
    summary: 'run, start, stop or look at the service',
    load: async () => (await import('./commands/service.js')).defineService,
  },
];

/**
 * Runs one command line and returns its exit code: 0, 1 (it failed) or 2 (it was wrong). At return
 * everything is written, so the process may exit.
 */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  const code = await runCommand(argv, terminal);
  try {
    await terminal.finish?.();
    return code;
  } catch (error) {
    reportError(unwritten(error), argv, terminal);
    // The results have failed already; this waits for the message.
    await terminal.finish?.().catch(() => undefined);
    return code === 0 ? 1 : code;
  }
}

function unwritten(error: unknown): XcacheError {
  const reason = error instanceof Error ? error.message : String(error);
  const isFull = isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT');
  const message = `the results cannot be written: ${reason}`;
  return new XcacheError(isFull ? 'XC_NO_SPACE' : 'XC_OUTPUT', message, { cause: error });
}

async function runCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const codes: number[] = [];
  try {
    const program = await createProgram(argv, terminal, codes);
    requireKnownTopic(program, argv);
    await program.parseAsync(argv, { from: 'user' });
    return codes.at(-1) ?? 0;
  } catch (error) {
    return reportError(error, argv, terminal);
  }
}

/** Commander answers `help` for a command that there is not with the list of all. */
function requireKnownTopic(program: Command, [first, topic]: readonly string[]): void {
  if (first !== 'help' || topic === undefined || topic.startsWith('-')) return;
  const isKnown = program.commands.some(
    (command) => command.name() === topic || command.aliases().includes(topic),
  );
  if (!isKnown && topic !== 'help') {
    throw new XcacheError('XC_USAGE', `unknown command '${topic}'`, { hint: 'see: xcache help' });
  }
}

async function createProgram(
  argv: readonly string[],
  terminal: Terminal,
  codes: number[],
): Promise<Command> {
  const program = new Command('xcache')
    .description('A cross-workspace build cache for unmodified cargo, as a file system.')
    .version(loadProgramVersion(), '-V, --version')
    .usage('<command> [options]')
    .helpCommand('help [command]', 'show the manual of a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
      // Errors are reported once, below, in the form that was asked for.
      outputError: () => undefined,
    })
    .addHelpText('after', renderManual(overview));
  const execute = createExecute(terminal, codes);
  for (const entry of commands) {
    const command = program.command(entry.name).summary(entry.summary);
    if (entry.alias !== undefined) command.alias(entry.alias);
    if (entry.name !== 'service') addCommonOptions(command);
    if (isWanted(entry, argv)) (await entry.load())(command, execute);
  }
  return program;
}

/** Every command is wanted for the list of all, none for the version. */
function isWanted(entry: CommandEntry, argv: readonly string[]): boolean {
  const isNamed = ({ name, alias }: CommandEntry): boolean =>
    argv.some((word) => word === name || word === alias);
  const named = commands.filter(isNamed);
  if (named.some(({ needsAll }) => needsAll === true)) return true;
  if (named.length > 0) return named.includes(entry);
  return !argv.includes('--version') && !argv.includes('-V');
}

const overview = {
  examples: [
    ['xcache setup', 'let every workspace of yours share what was built before'],
    ['xcache mount ./target', 'or this one alone'],
    ['cargo build', 'as ever'],
    ['xcache stats', 'see what it saved'],
    ['xcache explain', 'see why the last build compiled what it compiled'],
  ],
  seeAlso: ['setup --help', 'mount --help', 'config --help'],
} as const;

function reportError(error: unknown, argv: readonly string[], terminal: Terminal): number {
  // The help or the version was asked for (0), or is the answer to an empty command line (2).
  if (error instanceof CommanderError && shown.has(error.code)) return error.exitCode === 0 ? 0 : 2;
  const known = describeError(error, argv);
  if (wantsJson(argv)) {
    const { code, message, hint = null } = known;
    terminal.err(JSON.stringify({ version: 1, error: { code, message, hint } }));
  } else {
    terminal.err(`xcache: ${known.message}`);
    if (known.hint !== undefined) terminal.err(`  ${known.hint}`);
    if (known.code === 'XC_INTERNAL' && error instanceof Error) terminal.err(error.stack ?? '');
  }
  return known.code === 'XC_USAGE' ? 2 : 1;
}

const shown = new Set(['commander.help', 'commander.helpDisplayed', 'commander.version']);

function describeError(error: unknown, [name]: readonly string[]): XcacheError {
  if (error instanceof XcacheError) return error;
  if (error instanceof CommanderError) {
    // Commander puts a guess what was meant on a line of its own.
    const message = error.message.replace(/^error: /, '').replace(/\n\(?([^\n]*?)\)?$/, '; $1');
    const isKnown = commands.some((command) => command.name === name || command.alias === name);
    const hint = `see: xcache help${isKnown ? ` ${name ?? ''}` : ''}`;
    return new XcacheError('XC_USAGE', message, { hint });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new XcacheError('XC_INTERNAL', message, { cause: error });
}

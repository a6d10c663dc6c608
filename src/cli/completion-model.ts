/** The command line as completions need it, taken from the definitions of commander. */
import type { Argument, Command, Option } from 'commander';

/** What may stand in the place of an argument or of an option's value. */
export type CompletionValue =
  | { readonly kind: 'directory' }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  /** Anything: nothing is offered. */
  | { readonly kind: 'text' };

export interface CompletionOption {
  /** `-f`, `--foreground`: at least one. */
  readonly flags: readonly string[];
  readonly description: string;
  /** Undefined for a switch. */
  readonly value: CompletionValue | undefined;
}

export interface CompletionCommand {
  /** From the program down, `xcache service run` being `['service', 'run']`. */
  readonly path: readonly string[];
  readonly aliases: readonly string[];
  readonly description: string;
  readonly options: readonly CompletionOption[];
  readonly arguments: readonly CompletionValue[];
  readonly commands: readonly CompletionCommand[];
}

/** Describes the program and all commands below it. */
export function describeProgram(program: Command): CompletionCommand {
  return describeCommand(program, [], []);
}

function describeCommand(
  command: Command,
  path: readonly string[],
  beside: readonly Command[],
): CompletionCommand {
  const help = command.createHelp();
  const below = help.visibleCommands(command);
  return {
    path,
    aliases: command.aliases(),
    description: oneLine(command.summary() || command.description()),
    options: help.visibleOptions(command).map(describeOption),
    arguments:
      command.name() === 'help'
        ? [{ kind: 'words', words: beside.map((each) => each.name()) }]
        : command.registeredArguments.map(describeArgument),
    commands: below.map((each) => describeCommand(each, [...path, each.name()], below)),
  };
}

/** `command` and everything below it, in the order of the manual. */
export function allCommands(command: CompletionCommand): readonly CompletionCommand[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/** Every way to write the path of a command, aliases included. */
export function spellings(command: CompletionCommand): readonly string[] {
  const parent = command.path.slice(0, -1);
  const names = [...command.path.slice(-1), ...command.aliases];
  return command.path.length === 0 ? [''] : names.map((name) => [...parent, name].join(' '));
}

function describeOption(option: Option): CompletionOption {
  const takesValue = option.required || option.optional;
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    description: oneLine(option.description),
    value: takesValue ? valueOf(option.argChoices, option.flags) : undefined,
  };
}

function describeArgument(argument: Argument): CompletionValue {
  return valueOf(argument.argChoices, argument.name());
}

/** By choices, and else by the name that the manual has for it. */
function valueOf(choices: readonly string[] | undefined, name: string): CompletionValue {
  if (choices !== undefined) return { kind: 'words', words: choices };
  return /\b(?:dir|directory)\b/i.test(name) ? { kind: 'directory' } : { kind: 'text' };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

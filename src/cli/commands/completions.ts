import { Argument } from 'commander';
import type { DefineCommand } from '../command.js';
import { describeProgram } from '../completion-model.js';
import { renderBashCompletions } from '../completions-bash.js';
import { renderFishCompletions } from '../completions-fish.js';
import { renderZshCompletions } from '../completions-zsh.js';
import { renderManual } from '../manual.js';

type Shell = 'bash' | 'zsh' | 'fish';

const renderers = {
  bash: renderBashCompletions,
  zsh: renderZshCompletions,
  fish: renderFishCompletions,
} as const satisfies Readonly<Record<Shell, unknown>>;

/** `completions SHELL`. The program must have loaded every command. */
export const defineCompletions: DefineCommand = (command, execute) => {
  command
    .addArgument(new Argument('<SHELL>', 'for which shell').choices(Object.keys(renderers)))
    .description('Prints a script that lets a shell complete commands, options and directories.')
    .addHelpText('after', renderManual(manual))
    .action(async (shell: Shell) => {
      await execute(command, () => {
        const script = renderers[shell](describeProgram(command.parent ?? command));
        return Promise.resolve({ result: { version: 1, shell, script }, render: () => script });
      });
    });
};

const manual = {
  details: [
    'The script is made from the very definitions that the commands are parsed with, so it knows ' +
      'what this version knows. Print it again after an update.',
  ],
  examples: [
    ['source <(xcache completions bash)', 'for ~/.bashrc'],
    ['source <(xcache completions zsh)', 'for ~/.zshrc, after compinit'],
    [
      'xcache completions fish > ~/.config/fish/completions/xcache.fish',
      'for fish, which loads it from there',
    ],
  ],
  seeAlso: ['config'],
} as const;

/** The completion script of fish (3 and later). */
import {
  allCommands,
  type CompletionCommand,
  type CompletionOption,
  type CompletionValue,
} from './completion-model.js';

/** The script for `xcache completions fish | source`. */
export function renderFishCompletions(program: CompletionCommand): string {
  const commands = allCommands(program);
  return `# fish completion for xcache. Load it with: xcache completions fish | source
function __xcache_path
    set -l path
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        switch "$path $word"
${commands.flatMap(enterCases).join('\n')}
        end
    end
    string join ' ' -- $path
end
function __xcache_at
    set -l path (__xcache_path)
    test "$path" = "$argv[1]"
end
complete -c xcache -f
${commands.flatMap(completeLines).join('\n')}`;
}

function enterCases({ path, aliases }: CompletionCommand): readonly string[] {
  if (path.length === 0) return [];
  const parent = path.slice(0, -1).join(' ');
  const patterns = [...path.slice(-1), ...aliases].map((name) => quote(`${parent} ${name}`));
  return [
    `            case ${patterns.join(' ')}`,
    `                set path ${quote(path.join(' '))}`,
  ];
}

function completeLines(command: CompletionCommand): readonly string[] {
  const at = `complete -c xcache -n ${quote(`__xcache_at "${command.path.join(' ')}"`)}`;
  const below = command.commands.map(
    ({ path, description }) => `${at} -a ${path.at(-1) ?? ''} -d ${quote(description)}`,
  );
  const values = command.arguments
    .filter((value) => value.kind !== 'text')
    .map((value) => `${at} -a ${wordsOf(value)}`);
  return [...below, ...values, ...command.options.map((option) => `${at}${optionOf(option)}`)];
}

function optionOf({ flags, description, value }: CompletionOption): string {
  const names = flags.map((flag) =>
    flag.startsWith('--') ? ` -l ${flag.slice(2)}` : ` -s ${flag.slice(1)}`,
  );
  const takes = value === undefined ? '' : ' -x';
  const words = value === undefined || value.kind === 'text' ? '' : ` -a ${wordsOf(value)}`;
  return `${names.join('')}${takes}${words} -d ${quote(description)}`;
}

function wordsOf(value: Exclude<CompletionValue, { readonly kind: 'text' }>): string {
  return value.kind === 'directory'
    ? quote('(__fish_complete_directories (commandline -ct))')
    : quote(value.words.join(' '));
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}

/** The completion script of bash (4 and later), which needs no other package. */
import {
  allCommands,
  spellings,
  type CompletionCommand,
  type CompletionValue,
} from './completion-model.js';

/** The script for `source <(xcache completions bash)`. */
export function renderBashCompletions(program: CompletionCommand): string {
  const commands = allCommands(program);
  return `# bash completion for xcache. Load it with: source <(xcache completions bash)
_xcache() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' option='' position=0 words='' word index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ -n $option ]]; then
      # --option=value arrives as three words.
      [[ $word == = ]] || option=''
      continue
    fi
    case "$path $word" in
${commands.flatMap(enterCases).join('\n')}
${optionCase(commands)}
      *' -'*) ;;
      *) position=$((position + 1)) ;;
    esac
  done
  [[ $cur == = ]] && cur=''
  if [[ -n $option ]]; then
    case "$option" in
${commands.flatMap(optionValueCases).join('\n')}
      *) return ;;
    esac
  elif [[ $cur == -* ]]; then
    case "$path" in
${commands.map(flagsCase).join('\n')}
    esac
  else
    case "$path $position" in
${commands.flatMap(positionCases).join('\n')}
      *) return ;;
    esac
  fi
  if [[ $words == '<directory>' ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  fi
}
complete -F _xcache xcache`;
}

function enterCases(command: CompletionCommand): readonly string[] {
  if (command.path.length === 0) return [];
  const parent = command.path.slice(0, -1).join(' ');
  const names = [...command.path.slice(-1), ...command.aliases];
  const patterns = names.map((name) => `'${parent} ${name}'`).join(' | ');
  return [`      ${patterns}) path='${spellings(command)[0] ?? ''}' ;;`];
}

/** Flags whose value is the next word. */
function optionCase(commands: readonly CompletionCommand[]): string {
  const patterns = commands.flatMap(({ path, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .flatMap(({ flags }) => flags.map((flag) => `'${path.join(' ')} ${flag}'`)),
  );
  return `      ${patterns.join(' | ')}) option="$path $word" ;;`;
}

function optionValueCases({ path, options }: CompletionCommand): readonly string[] {
  return options.flatMap(({ flags, value }) => {
    const patterns = flags.map((flag) => `'${path.join(' ')} ${flag}'`).join(' | ');
    return value === undefined || value.kind === 'text'
      ? []
      : [`      ${patterns}) words='${wordsOf(value)}' ;;`];
  });
}

function flagsCase({ path, options }: CompletionCommand): string {
  const flags = options.flatMap((option) => option.flags.filter((flag) => flag.startsWith('--')));
  return `      '${path.join(' ')}') words='${flags.join(' ')}' ;;`;
}

function positionCases(command: CompletionCommand): readonly string[] {
  const place = command.path.join(' ');
  if (command.commands.length > 0) {
    const names = command.commands.map(({ path }) => path.at(-1) ?? '');
    return [`      '${place} 0') words='${names.join(' ')}' ;;`];
  }
  return command.arguments.flatMap((value, index) =>
    value.kind === 'text' ? [] : [`      '${place} ${index}') words='${wordsOf(value)}' ;;`],
  );
}

function wordsOf(value: Exclude<CompletionValue, { readonly kind: 'text' }>): string {
  return value.kind === 'directory' ? '<directory>' : value.words.join(' ');
}

/** The completion script of zsh, for `source` and for a file `_xcache` in `$fpath`. */
import {
  allCommands,
  type CompletionCommand,
  type CompletionOption,
  type CompletionValue,
} from './completion-model.js';

/** The script for `source <(xcache completions zsh)`. */
export function renderZshCompletions(program: CompletionCommand): string {
  const commands = allCommands(program);
  return `#compdef xcache
# zsh completion for xcache. Load it with: source <(xcache completions zsh)
_xcache() {
  local at='' option='' word index
  local -i position=0
  local -a choices
  for ((index = 2; index < CURRENT; index++)); do
    word=\${words[index]}
    if [[ -n $option ]]; then
      option=''
      continue
    fi
    case "$at $word" in
${commands.flatMap(enterCases).join('\n')}
${optionCase(commands)}
      (*' -'*) ;;
      (*) position=$((position + 1)) ;;
    esac
  done
  if [[ $PREFIX == --*=* ]]; then
    option="$at \${PREFIX%%=*}"
    compset -P '*='
  fi
  if [[ -n $option ]]; then
    case "$option" in
${commands.flatMap(optionValueCases).join('\n')}
    esac
  elif [[ $PREFIX == -* ]]; then
    case "$at" in
${commands.map(flagsCase).join('\n')}
    esac
    _describe -o option choices
  else
    case "$at $position" in
${commands.flatMap(positionCases).join('\n')}
    esac
  fi
}
if [[ \${funcstack[1]} == _xcache ]]; then
  _xcache "$@"
elif (( $+functions[compdef] )); then
  compdef _xcache xcache
fi`;
}

function enterCases({ path, aliases }: CompletionCommand): readonly string[] {
  if (path.length === 0) return [];
  const parent = path.slice(0, -1).join(' ');
  const patterns = [...path.slice(-1), ...aliases].map((name) => quote(`${parent} ${name}`));
  return [`      (${patterns.join('|')}) at=${quote(path.join(' '))} ;;`];
}

function optionCase(commands: readonly CompletionCommand[]): string {
  const patterns = commands.flatMap(({ path, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .flatMap(({ flags }) => flags.map((flag) => quote(`${path.join(' ')} ${flag}`))),
  );
  return `      (${patterns.join('|')}) option="$at $word" ;;`;
}

function optionValueCases({ path, options }: CompletionCommand): readonly string[] {
  return options.flatMap(({ flags, value }) => {
    const patterns = flags.map((flag) => quote(`${path.join(' ')} ${flag}`)).join('|');
    return value === undefined || value.kind === 'text'
      ? []
      : [`      (${patterns}) ${offer(value)} ;;`];
  });
}

function flagsCase({ path, options }: CompletionCommand): string {
  const choices = options.flatMap(describeFlags).join(' ');
  return `      (${quote(path.join(' '))}) choices=(${choices}) ;;`;
}

function describeFlags({ flags, description }: CompletionOption): readonly string[] {
  return flags.map((flag) => quote(`${flag}:${description}`));
}

function positionCases(command: CompletionCommand): readonly string[] {
  const place = command.path.join(' ');
  if (command.commands.length > 0) {
    const choices = command.commands.map(({ path, description }) =>
      quote(`${path.at(-1) ?? ''}:${description}`),
    );
    const pattern = quote(`${place} 0`);
    return [`      (${pattern}) choices=(${choices.join(' ')}); _describe command choices ;;`];
  }
  return command.arguments.flatMap((value, index) =>
    value.kind === 'text' ? [] : [`      (${quote(`${place} ${index}`)}) ${offer(value)} ;;`],
  );
}

function offer(value: Exclude<CompletionValue, { readonly kind: 'text' }>): string {
  return value.kind === 'directory' ? '_files -/' : `compadd -- ${value.words.join(' ')}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

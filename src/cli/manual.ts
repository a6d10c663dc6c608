/** The part of every `--help` below the options: what a manual page has and commander does not. */

export interface ManualPage {
  /** Paragraphs; each is wrapped. */
  readonly details?: readonly string[];
  /** Command lines with what they do. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /** Names of commands; `help` alone where nothing is near. */
  readonly seeAlso?: readonly string[];
  /** Where codes mean more than success, failure and usage. */
  readonly exitCodes?: readonly (readonly [code: number, meaning: string])[];
}

const width = 80;

const usualExitCodes = [
  [0, 'done'],
  [1, 'it failed; the reason is on stderr'],
  [2, 'the command line is wrong'],
] as const;

const environment = [
  ['XCACHE_HOME', 'one directory for store, views, logs and control socket'],
  ['XDG_CACHE_HOME', 'else the store and views lie in its xcache/ (default ~/.cache)'],
  ['XDG_STATE_HOME', 'and the logs in its xcache/ (default ~/.local/state)'],
  ['XDG_RUNTIME_DIR', 'and the control socket in its xcache/'],
  ['XDG_CONFIG_HOME', 'and the configuration in its xcache/ (default ~/.config)'],
  ['XCACHE_LOG', 'how much the service logs: trace, debug, info, warn, error, silent'],
  ['XCACHE_GC_…, XCACHE_MOUNT_…', 'settings, see: xcache config'],
  ['NO_COLOR', 'no colour, when set to anything'],
] as const;

/** As `paths.ts` has them, with the defaults of the variables above. */
const files = [
  ['~/.config/xcache/config.toml', 'settings; see: xcache config'],
  ['~/.cache/xcache/store/', 'the units, as blobs and manifests with an index'],
  ['~/.cache/xcache/views/', 'what each workspace has of its own'],
  ['~/.local/state/xcache/service.log', 'the log of the service; .1 is the one before'],
  ['$XDG_RUNTIME_DIR/xcache/control.sock', 'where the service listens'],
] as const;

/** The text for commander's `addHelpText('after', …)`. */
export function renderManual(page: ManualPage): string {
  const sections: string[] = [];
  for (const paragraph of page.details ?? []) sections.push(wrap(paragraph, 0));
  sections.push(`Examples:\n${rows(page.examples.map(([line, meaning]) => [line, meaning]))}`);
  const codes = page.exitCodes ?? usualExitCodes;
  sections.push(`Exit codes:\n${rows(codes.map(([code, meaning]) => [String(code), meaning]))}`);
  sections.push(`Environment:\n${rows(environment)}`);
  sections.push(`Files:\n${rows(files)}`);
  const others = [...(page.seeAlso ?? []), 'help'].map((name) => `xcache ${name}`);
  sections.push(`See also:\n${wrap(`${others.join(', ')}, cargo build --help`, 2)}`);
  return `\n${sections.join('\n\n')}\n`;
}

function rows(entries: readonly (readonly [string, string])[]): string {
  const indent = Math.max(...entries.map(([term]) => term.length)) + 4;
  // Where terms are long the meaning goes below them.
  return entries
    .map(([term, meaning]) =>
      indent > width / 2
        ? `  ${term}\n${wrap(meaning, 6)}`
        : `  ${term.padEnd(indent - 2)}${wrap(meaning, indent).trimStart()}`,
    )
    .join('\n');
}

function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.map((each) => ' '.repeat(indent) + each).join('\n');
}

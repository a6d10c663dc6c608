/**
 * What Rust source mentions that the program may use while it runs: variables, other programs,
 * files. Nothing declares such uses, so they are read off the tokens; comments do not count. A name
 * that is put together at run time is not found.
 */
import {
  commandCrates,
  environmentCrates,
  environmentFile,
  fileQuestions,
  fileWords,
  homeWords,
  libcReads,
  libcStarts,
  outsideVariables,
  ownTools,
  pkgConfigNames,
  readFunctions,
  shells,
  shippedProgram,
} from './mention-words.js';
import { looksAbove } from './climbing-paths.js';
import type { SourceMentions } from './mention-sets.js';
import { partOfName } from './name-parts.js';
import { tokenizeRust, type RustToken } from './rust-lexer.js';
import { withoutTests } from './test-items.js';
import { addWords, isName, isProgramName, isVariableName, textMentions } from './text-mentions.js';

/** Whether a source can do any of it; much faster than looking closely. */
export function mayMention(source: string): boolean {
  return interesting.test(source);
}

const interesting =
  /\benv\b(?!!)|(?<!\bfn )(?:getenv|secure_getenv|system\(|popen\(|f?exec[lv]|posix_spawn)|\benviron\b|\bCommand\b|\bduct\b|\bxshell\b|\bcmd!|cmd_lib|subprocess|\bfs\b|\bfs_err\b|\bFile::|\bread_dir\b|\bOpenOptions\b|\bglob\b|walkdir|WalkDir|(?:home|config|data|cache)_dir|BaseDirs|\.(?:try_exists|exists|is_file|is_dir|metadata|symlink_metadata|canonicalize|read_link)\(|\bwhich::|dotenv|available_parallelism|num_cpus|\benvy\b|envmnt|pkg_config|system_deps/;

/**
 * Never fails. What is not Rust, or ends within a string, mentions each of its words.
 */
export function sourceMentions(source: string): SourceMentions {
  const { tokens, isTruncated } = tokenizeRust(source);
  if (isTruncated) return textMentions(source);
  const reader = new MentionReader(withoutTests(tokens));
  return reader.read();
}

/** Longer literals are data. */
const phraseCharactersMax = 4096;

type EnvironmentMentions = Pick<
  SourceMentions,
  | 'variables'
  | 'variablePatterns'
  | 'listsVariables'
  | 'touchesEnvironment'
  | 'readsComputedVariable'
>;
type FileMentions = Pick<
  SourceMentions,
  'readsFiles' | 'looksBeside' | 'looksAbove' | 'outsideName'
>;

const nothing: RustToken = { kind: 'other', text: '' };

/** Reads the tokens of one source once. */
class MentionReader {
  readonly #tokens: readonly RustToken[];
  readonly #variables = new Set<string>();
  readonly #programs = new Set<string>();
  readonly #names = new Set<string>();
  readonly #words = new Set<string>();
  readonly #phrases: string[] = [];
  /** Of literals that are a part of a variable's name, and of those that names are looked through for. */
  readonly #parts = new Set<string>();
  readonly #wanted = new Set<string>();
  /** Which words of interest there are, each where it has the meaning that counts. */
  readonly #seen = new Set<
    | 'env'
    | 'var'
    | 'getenv'
    | 'computed-variable'
    | 'lists-variables'
    | 'starts'
    | 'phrases'
    | 'computed-command'
    | 'own-tool'
    | 'package-program'
    | 'which'
    | 'path-search'
    | 'files'
    | 'file-questions'
    | 'path-type'
    | 'current-dir'
    | 'walks'
    | 'package-place'
    | 'processors'
    | 'arguments'
    | 'temporary'
    | 'process'
    | 'pkg-config'
    | 'macros'
  >();
  #outsideName: string | undefined;
  #isInUse = false;

  constructor(tokens: readonly RustToken[]) {
    this.#tokens = tokens;
  }

  read(): SourceMentions {
    for (let at = 0; at < this.#tokens.length; at += 1) {
      const { kind, text } = this.#tokens[at] ?? nothing;
      if (kind === 'word') this.#readWord(text, at);
      else if (kind === 'string' || kind === 'bytes') this.#readLiteral(text);
      else if (text === ';') this.#isInUse = false;
    }
    const seen = this.#seen;
    if (seen.has('phrases')) {
      for (const phrase of this.#phrases) addWords(phrase, this.#names);
      this.#readShellVariables();
    }
    return {
      ...this.#environmentMentions(),
      programs: this.#programs,
      names: this.#names,
      words: this.#words,
      computesNames: false,
      startsPrograms: seen.has('starts'),
      hasComputedCommand: this.#hasComputedCommand(),
      probesPath: this.#probesPath(),
      ...this.#fileMentions(),
      countsProcessors: seen.has('processors'),
      readsArguments: seen.has('arguments'),
      readsTemporary: seen.has('temporary'),
      namesProcess: seen.has('process'),
      usesPkgConfig: seen.has('pkg-config'),
      definesMacros: seen.has('macros'),
    };
  }

  /** What a shell reads: `$NAME`, `${name:-none}`; all variables, where it is told to list them. */
  #readShellVariables(): void {
    for (const phrase of this.#phrases) {
      for (const [, name = ''] of phrase.matchAll(/\$\{?([A-Za-z_]\w*)/g)) {
        this.#variables.add(name);
        this.#seen.add('getenv');
      }
      if (/\bprintenv\b|(?:^|[;&|(])\s*(?:export\s+-p|(?:env|set)\s*(?:$|[|;>]))/.test(phrase)) {
        this.#seen.add('getenv').add('lists-variables');
      }
    }
  }

  #environmentMentions(): EnvironmentMentions {
    const seen = this.#seen;
    const touchesEnvironment = seen.has('getenv') || (seen.has('env') && seen.has('var'));
    const listsVariables = touchesEnvironment && seen.has('lists-variables');
    const readsComputedVariable = touchesEnvironment && seen.has('computed-variable');
    return {
      variables: touchesEnvironment ? this.#variables : new Set(),
      variablePatterns: new Set([
        ...(listsVariables || readsComputedVariable ? this.#parts : []),
        ...(listsVariables ? this.#wanted : []),
      ]),
      listsVariables,
      touchesEnvironment,
      readsComputedVariable,
    };
  }

  #fileMentions(): FileMentions {
    const seen = this.#seen;
    const climbs = seen.has('walks') || this.#names.has('..');
    const walks = seen.has('current-dir') && seen.has('walks') ? 'current_dir' : undefined;
    return {
      readsFiles: this.#readsFiles(),
      looksBeside: seen.has('package-place') && climbs,
      looksAbove: looksAbove(this.#tokens),
      outsideName: this.#outsideName ?? walks,
    };
  }

  #hasComputedCommand(): boolean {
    const seen = this.#seen;
    if (seen.has('starts') && seen.has('package-program')) return true;
    return seen.has('computed-command') && !seen.has('own-tool');
  }

  #readsFiles(): boolean {
    const seen = this.#seen;
    return seen.has('files') || (seen.has('file-questions') && seen.has('path-type'));
  }

  #probesPath(): SourceMentions['probesPath'] {
    const seen = this.#seen;
    if (seen.has('which')) return 'by-crate';
    const readsPath = seen.has('path-search') || this.#variables.has('PATH');
    return readsPath || (seen.has('var') && this.#names.has('PATH')) ? 'by-hand' : 'no';
  }

  #readLiteral(literal: string): void {
    const text = literal.endsWith('\0') ? literal.slice(0, -1) : literal;
    if (ownTools.has(text)) this.#seen.add('own-tool');
    if (text === 'CARGO_MANIFEST_DIR') this.#seen.add('package-place');
    if (environmentFile.test(text)) this.#seen.add('getenv').add('computed-variable');
    const part = partOfName(text);
    if (part !== undefined) this.#parts.add(part);
    if (shells.has(text)) this.#seen.add('phrases');
    if (pkgConfigNames.has(text)) this.#seen.add('pkg-config');
    if (this.#outsideName === undefined && leadsOutside(text)) this.#outsideName = text;
    if (shippedProgram.test(text)) this.#seen.add('package-program');
    if (isName(text)) this.#names.add(text);
    else if (text.length <= phraseCharactersMax && text.length > 1) this.#phrases.push(text);
  }

  #readWord(word: string, at: number): void {
    if (word === 'use') this.#isInUse = true;
    this.#readEnvironmentWord(word, at);
    this.#readCommandWord(word, at);
    this.#readFileWord(word, at);
    if (pkgConfigNames.has(word)) this.#seen.add('pkg-config');
    if (word === 'macro_rules') this.#seen.add('macros');
    const isArgument = this.#isMark(at - 2, '!') && !this.#isMark(at + 1, ':');
    if (isVariableName(word) || isArgument) this.#words.add(word);
  }

  #readEnvironmentWord(word: string, at: number): void {
    if (word === 'env' && (this.#isInUse || this.#isInPath(at))) this.#seen.add('env');
    if (word === 'env' && this.#isMark(at + 3, '*')) this.#seen.add('var');
    if (word === 'vars' || word === 'vars_os') this.#readListing(at);
    const affix = affixes.get(word);
    if (affix !== undefined && this.#isMark(at + 1, '(')) this.#readAffix(affix, at + 2);
    const isDefined = this.#tokens[at - 1]?.text === 'fn';
    if (libcReads.has(word) && !isDefined) this.#seen.add('getenv');
    if (word === 'environ') this.#seen.add('computed-variable');
    if (environmentCrates.has(word)) this.#seen.add('getenv');
    if (readFunctions.has(word)) this.#readFunction(at, isDefined);
  }

  /** `env::var("NAME")`, or another use of the function. */
  #readFunction(at: number, isDefined: boolean): void {
    this.#seen.add('var');
    if (isDefined || this.#isMark(at - 1, '.')) return;
    if (!this.#isMark(at + 1, '(')) {
      if (this.#isHandedOn(at)) this.#seen.add('computed-variable');
      return;
    }
    const name = this.#literalAt(at + 2);
    if (name === undefined) this.#seen.add('computed-variable');
    else if (/^[^=\0]+$/.test(name)) this.#variables.add(name);
  }

  /** A function under another name (`use env::var as get`), or as a value (`map(env::var)`). */
  #isHandedOn(at: number): boolean {
    if (this.#isInUse) return this.#tokens[at + 1]?.text === 'as';
    return this.#isMark(at - 1, ':') || this.#tokens[at]?.text !== 'var';
  }

  #readListing(at: number): void {
    this.#seen.add('var');
    const isCall = this.#isMark(at + 1, '(') && this.#isMark(at + 2, ')');
    const isOfOther = this.#isMark(at - 1, '.') || this.#tokens[at - 1]?.text === 'fn';
    if (isCall && !isOfOther) this.#seen.add('lists-variables');
  }

  /** What a text that may be a name is asked for: `name.starts_with("MYCFG")`. */
  #readAffix(affix: Affix, at: number): void {
    const text = this.#literalAt(at);
    if (text === undefined || !/^[A-Za-z0-9_]{2,64}$/.test(text)) return;
    this.#wanted.add(`${affix === 'start' ? '' : '*'}${text}${affix === 'end' ? '' : '*'}`);
  }

  #readCommandWord(word: string, at: number): void {
    const isCall = this.#isMark(at + 1, '(') && this.#tokens[at - 1]?.text !== 'fn';
    const isSystem = word === 'system' && this.#isMark(at - 1, ':');
    if ((libcStarts.has(word) || isSystem) && isCall) {
      this.#seen.add('process');
      this.#startsComputed(at + 2);
    }
    if (commandCrates.has(word) || (word === 'cmd' && this.#isMark(at + 1, '!'))) {
      this.#seen.add('starts').add('phrases').add('process');
    }
    if (word === 'split_paths') this.#seen.add('path-search');
    if (word === 'which' && (this.#isInUse || this.#isInPath(at))) this.#seen.add('which');
    if (word !== 'Command') return;
    const isNew = this.#isMark(at + 1, ':') && this.#tokens[at + 3]?.text === 'new';
    if (isNew && this.#isMark(at + 4, '(')) this.#startsComputed(at + 5);
    else this.#seen.add('starts');
  }

  /** A program is started whose name is the literal here, or is computed. */
  #startsComputed(at: number): void {
    this.#seen.add('starts');
    const name = this.#literalAt(at);
    if (name === undefined) this.#seen.add('computed-command');
    else if (isProgramName(name)) this.#programs.add(name);
    else this.#seen.add('phrases').add('package-program');
  }

  #readFileWord(word: string, at: number): void {
    const isOfFiles = word === 'fs' && (this.#isInUse || this.#isInPath(at));
    const isFile = word === 'File' && this.#isMark(at + 1, ':') && this.#isMark(at + 2, ':');
    if (isOfFiles || isFile || fileWords.has(word)) this.#seen.add('files');
    this.#readPathWord(word, at);
    this.#readPlaceWord(word, at);
    if (homeWords.has(word)) this.#outsideName ??= word;
  }

  /** Where the program is, and ways up from there. */
  #readPlaceWord(word: string, at: number): void {
    if (word === 'current_dir' && this.#isMark(at - 1, ':')) this.#seen.add('current-dir');
    if (
      (word === 'parent' || word === 'ancestors' || word === 'pop') &&
      this.#isMark(at - 1, '.')
    ) {
      this.#seen.add('walks');
    }
    this.#readSessionWord(word, at);
  }

  /** What differs from one run to the next without a variable or file. */
  #readSessionWord(word: string, at: number): void {
    if (word === 'available_parallelism' || word === 'num_cpus') this.#seen.add('processors');
    const isOfEnv = this.#isMark(at - 1, ':') && this.#tokens[at - 3]?.text === 'env';
    if ((word === 'args' || word === 'args_os') && isOfEnv) this.#seen.add('arguments');
    if (word === 'temp_dir' && isOfEnv) this.#seen.add('temporary');
    if (word === 'local_file' || word === 'source_file') this.#seen.add('package-place');
    if (word === 'process' && (this.#isInUse || this.#isInPath(at))) this.#seen.add('process');
  }

  /** `path.exists()`, `Path::exists(path)`: only a path has these of itself. */
  #readPathWord(word: string, at: number): void {
    if (word === 'Path' || word === 'PathBuf') this.#seen.add('path-type');
    if (!fileQuestions.has(word) || !this.#isMark(at + 1, '(')) return;
    const isMethod = this.#isMark(at - 1, '.') || this.#isMark(at - 1, ':');
    if (isMethod) this.#seen.add('file-questions');
  }

  #isInPath(at: number): boolean {
    const isColons = (first: number): boolean =>
      this.#isMark(first, ':') && this.#isMark(first + 1, ':');
    return isColons(at + 1) || isColons(at - 2);
  }

  /** The argument that is a string literal, or is made of one: `"x"`, `&"x"`. */
  #literalAt(at: number): string | undefined {
    const start = this.#isMark(at, '&') ? at + 1 : at;
    const token = this.#tokens[start];
    const isLiteral = token?.kind === 'string' || token?.kind === 'bytes';
    // `"x".as_ptr()` as well.
    const isWhole = [')', ',', '.'].some((mark) => this.#isMark(start + 1, mark));
    return isLiteral && isWhole ? token.text.replace(/\0$/, '') : undefined;
  }

  #isMark(at: number, text: string): boolean {
    const token = this.#tokens[at];
    return token?.kind === 'mark' && token.text === text;
  }
}

type Affix = 'start' | 'end' | 'anywhere';

const affixes: ReadonlyMap<string, Affix> = new Map([
  ...['starts_with', 'strip_prefix', 'trim_start_matches'].map((word) => [word, 'start'] as const),
  ...['ends_with', 'strip_suffix', 'trim_end_matches'].map((word) => [word, 'end'] as const),
  ['contains', 'anywhere'],
]);

/** `/etc/foo` and `~/x`; not `/`, `//` or `/*`. */
function leadsOutside(text: string): boolean {
  return outsideVariables.has(text) || /^(?:\/[A-Za-z0-9_.-]+|~)\/[A-Za-z0-9_.-]/.test(text);
}

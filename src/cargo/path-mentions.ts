/**
 * Where a text names a path, as a native tool would have written it. Texts are byte strings, one
 * character for each byte (latin1): paths need not be UTF-8.
 */

export interface PathMention {
  readonly start: number;
  /** Behind the path itself; what is below it may follow. */
  readonly end: number;
  /** The path and what is below it, as far as it can be told from the text around it. */
  readonly word: string;
  /** Behind the word. */
  readonly wordEnd: number;
  /** Whether it surely begins and ends here: `/x/target` is not named by `/a/x/target-old`. */
  readonly isWhole: boolean;
}

/** What goes on with the name of a file: /a/target2, /a/target-x and /a/target.old are others. */
const nameCharacter = /[A-Za-z0-9_.+~@%\x80-\xff-]/;

/** How autoconf breaks long texts in `config.status`, be it in the middle of a path. */
const join = '"\\\n"';

/** Every place where the path stands, whole or not; `config.status` may have broken it. */
export function findPathMentions(text: string, path: string): readonly PathMention[] {
  if (path === '') return [];
  const found: PathMention[] = [];
  for (const { index, 0: match } of text.matchAll(patternOf(text, path))) {
    const end = index + match.length;
    const below = belowAt(text, end);
    found.push({
      start: index,
      end,
      word: path + below.replaceAll(join, ''),
      wordEnd: end + below.length,
      isWhole: beginsAt(text, index) && endsAt(text, end),
    });
  }
  return found;
}

/** So near a path a number that is about its length is taken for it. */
const besideCharacters = 80;
/** A literal has a few characters before the path (`-I`), and a zero or a name behind it. */
const lengthSlack = { below: 2, above: 32 };

/**
 * Whether a number beside the mention may be the length of what has the path in it: `[u8; 68]` of
 * generated code, `68:` of a format with lengths. Another path makes it wrong.
 */
export function hasLengthBeside(text: string, { start, wordEnd, word }: PathMention): boolean {
  const before = text.slice(Math.max(0, start - besideCharacters), start);
  const behind = text.slice(wordEnd, wordEnd + besideCharacters);
  return [before, behind].some((part) =>
    numbersIn(part).some(
      (number) =>
        number >= word.length - lengthSlack.below && number <= word.length + lengthSlack.above,
    ),
  );
}

/** Whether a text has one of the lengths as a number, wherever. */
export function hasNumber(text: string, lengths: readonly number[]): boolean {
  return numbersIn(text).some((number) => lengths.includes(number));
}

/** Decimal and hexadecimal numbers that stand for themselves, as lengths do. */
function numbersIn(text: string): readonly number[] {
  return [...text.matchAll(/(?<![\w.+-])(?:0x[0-9a-fA-F]{1,4}|\d{1,5})(?![\w.])/g)].map(
    ([number]) => Number(number),
  );
}

/** Replaces whole mentions. */
export function replacePath(text: string, [from, to]: readonly [from: string, to: string]): string {
  let result = '';
  let at = 0;
  for (const { start, end, isWhole } of findPathMentions(text, from)) {
    if (!isWhole) continue;
    result += text.slice(at, start) + to;
    at = end;
  }
  return result + text.slice(at);
}

/** The text without the words that name the path, where `isMeant` accepts them. */
export function withoutMentions(
  text: string,
  path: string,
  isMeant: (mention: PathMention) => boolean,
): string {
  let result = '';
  let at = 0;
  for (const mention of findPathMentions(text, path)) {
    // Within the word of another one.
    if (mention.start < at || !isMeant(mention)) continue;
    result += `${text.slice(at, mention.start)}\0`;
    at = mention.wordEnd;
  }
  return result + text.slice(at);
}

/** The text with another name for a path, and without what depends on the length of that path. */
export function neutralText(text: string, path: string): string {
  return replacePath(text.replaceAll(join, ''), [path, '<build-dir>']);
}

/** The text with lines put together again, in whatever way they were broken. */
export function unfolded(text: string): string {
  return text.replace(/["']?[ \t]*\\?\r?\n[ \t"'+]*/g, '');
}

/**
 * A path in other notations than that of a file name, as byte strings: in an address, escaped, in
 * place of a name, in two bytes for each character. None for a path that is too short to be told.
 */
export function pathNotations(path: string): readonly string[] {
  const components = path.split('/').filter((component) => component !== '');
  if (components.length < 2 || path.length < 8) return [];
  const encoded = components.map((component) => percentEncoded(component));
  const joined = (parts: readonly string[], separator: string): string => parts.join(separator);
  const mangled = path.replace(/[^A-Za-z0-9]/g, '_').slice(1);
  const all = [
    joined(encoded, '%2F'),
    joined(encoded, '%2f'),
    joined(encoded, '/'),
    joined(components, '\\/'),
    joined(components, '\\\\'),
    path.replace(/[^A-Za-z0-9_./-]/g, '\\$&'),
    path.replaceAll('$', '$$$$'),
    wide(path, 0),
    wide(path, 1),
    // Short ones are words of a language.
    ...(components.length < 3
      ? []
      : [
          mangled,
          mangled.toUpperCase(),
          joined(components, '-'),
          joined(components, '_'),
          joined(components, '!'),
          joined(components, '.'),
        ]),
  ];
  return [...new Set(all)].filter((text) => !path.includes(text));
}

/** Characters that some tool or language writes in another way than the others. */
export function specialCharacters(path: string): ReadonlySet<string> {
  return new Set(path.match(/[^A-Za-z0-9_./-]/g));
}

function patternOf(text: string, path: string): RegExp {
  const characters = Array.from(path, (character) => character.replace(/[^A-Za-z0-9_]/, '\\$&'));
  return new RegExp(characters.join(text.includes(join) ? '(?:"\\\\\\n")?' : ''), 'g');
}

/**
 * Up to what usually ends a path, but not the characters of `$(name)`, which may be followed by a
 * way up. A path is rarely longer; what is behind it is not looked at.
 */
const belowPattern = /(?:"\\\n")?\/(?:"\\\n"|[^"'`\s:;,=|<>\0]){0,4096}/y;

function belowAt(text: string, end: number): string {
  belowPattern.lastIndex = end;
  return belowPattern.exec(text)?.[0] ?? '';
}

/** Options of compilers and linkers that a path may follow without a space. */
const optionBefore =
  /(?:^|[^A-Za-z0-9_.+~@%/\x80-\xff-])(?:@|-[A-Za-z]|-isystem|-iquote|-idirafter|-include|-imacros|-isysroot)$/;

function beginsAt(text: string, start: number): boolean {
  const before = text.slice(Math.max(0, start - 24), start).replaceAll(join, '');
  const last = before.at(-1);
  if (last === undefined) return true;
  if (last === '/') return before.endsWith('://');
  return !nameCharacter.test(last) || optionBefore.test(before) || /\\[nrt]$/.test(before);
}

function endsAt(text: string, end: number): boolean {
  const next = text.startsWith(join, end) ? text[end + join.length] : text[end];
  if (next === undefined || !nameCharacter.test(next)) return true;
  // The end of a sentence.
  return next === '.' && !/[A-Za-z0-9_.+~@%\x80-\xff-]/.test(text[end + 1] ?? ' ');
}

function percentEncoded(component: string): string {
  return component.replace(
    /[^A-Za-z0-9_.~-]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** UTF-16 of either order, for paths of ASCII. */
function wide(path: string, zeroAt: 0 | 1): string {
  return Array.from(path, (byte) => (zeroAt === 0 ? `\0${byte}` : `${byte}\0`)).join('');
}

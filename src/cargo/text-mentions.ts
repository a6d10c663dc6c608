/**
 * What a text in no known language mentions: its words, of which each may be the name of a variable
 * or of a program.
 */
import { emptyMentions, type SourceMentions } from './mention-sets.js';
import { outsideWords } from './mention-words.js';

const nameCharactersMax = 128;

/** The mentions of a text in another language: a script that the program may run. */
export function textMentions(text: string): SourceMentions {
  const names = new Set<string>();
  addWords(text, names);
  const has = (word: string): boolean => text.includes(word);
  return {
    ...emptyMentions,
    names,
    touchesEnvironment: true,
    startsPrograms: true,
    hasComputedCommand: has('Command::new'),
    readsFiles: has('fs::') || has('File'),
    outsideName: outsideWords.find(has),
    usesPkgConfig: has('pkg-config') || has('pkg_config') || has('pkgconf'),
    definesMacros: has('macro_rules'),
  };
}

/** Of data that a program takes names from: its words, and nothing that it does. */
export function dataMentions(text: string): SourceMentions {
  const names = new Set<string>();
  addWords(text, names);
  return { ...emptyMentions, names };
}

/** Whether a text can be the name of a program: a file name, or an absolute path. */
export function isProgramName(text: string): boolean {
  return /^(?:[A-Za-z0-9_.+-]{1,64}|\/[^\s\0]{1,1023})$/.test(text);
}

/** Whether a text looks like the name of a variable that nobody need have set. */
export function isVariableName(text: string): boolean {
  return /^[A-Z][A-Z0-9_]{1,127}$/.test(text);
}

/** Whether a text may be a name of either kind. */
export function isName(text: string): boolean {
  return text.length <= nameCharactersMax ? isProgramName(text) : /^\/[^\s\0]+$/.test(text);
}

/** Words of a text that may be names of variables or programs. */
export function addWords(text: string, names: Set<string>): void {
  for (const word of text.split(/[^A-Za-z0-9_.+/-]+/)) {
    if (word !== '' && isName(word)) names.add(word);
  }
}

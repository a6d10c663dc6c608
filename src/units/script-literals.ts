/** String literals in the own sources of a build script, whole: paths of every form among them. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { tokenizeRust } from '../cargo/rust-lexer.js';
import { withoutTests } from '../cargo/test-items.js';
import type { DraftContext } from './draft-base.js';
import type { StoredUnit } from './unit-record.js';

/** Longer ones are data. */
const literalCharactersMax = 4096;

export interface ScriptLiterals {
  readonly literals: ReadonlySet<string>;
  readonly words: ReadonlySet<string>;
}

/** Undefined where a source cannot be read any more. */
export async function scriptLiterals(
  { facts }: StoredUnit,
  { host }: Pick<DraftContext, 'host'>,
): Promise<ScriptLiterals | undefined> {
  const literals = new Set<string>();
  const words = new Set<string>();
  for (const { kind, root, paths } of facts.inputs) {
    for (const path of kind === 'files' ? paths : []) {
      const source = resolve(root, path);
      if (host.isBelowOwnMount(source)) return undefined;
      try {
        addLiterals(await readFile(source, 'utf8'), literals, words);
      } catch {
        // Gone since it was compiled.
        return undefined;
      }
    }
  }
  return { literals, words };
}

function addLiterals(source: string, literals: Set<string>, words: Set<string>): void {
  const { tokens, isTruncated } = tokenizeRust(source);
  if (isTruncated) for (const word of source.split(/[\s"'()]+/)) literals.add(word);
  for (const { kind, text } of withoutTests(tokens)) {
    if (kind === 'word') words.add(text);
    else if (kind === 'string' || kind === 'bytes') {
      const plain = text.replace(/\0$/, '');
      if (plain.length <= literalCharactersMax) literals.add(plain);
    }
  }
}

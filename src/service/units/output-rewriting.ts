/**
 * Moves a build script's `output` to another build-dir. Cargo itself replaces the script's own
 * OUT_DIR (by `root-output`), but not the directories of other units that some scripts hand on:
 * aws-lc-rs prints those of aws-lc-sys (cargo-rules rule 12).
 */
import type { UnitFacts } from './unit-facts.js';

/**
 * Replaces every mention of the build-dir that `facts` names, except inside the unit's own OUT_DIR
 * in it, which must stay as `root-output` has it.
 */
export function rewriteForeignPaths(output: Buffer, facts: UnitPlace, buildDir: string): Buffer {
  const own = ownOutDir(facts);
  // Byte strings: paths need not be UTF-8.
  const from = Buffer.from(facts.buildDir).toString('latin1');
  const to = Buffer.from(buildDir).toString('latin1');
  const parts = output.toString('latin1').split(Buffer.from(own).toString('latin1'));
  const rewritten = parts.map((part) => replacePath(part, from, to));
  return Buffer.from(rewritten.join(Buffer.from(own).toString('latin1')), 'latin1');
}

/** Where a unit lies in which build-dir. */
export type UnitPlace = Pick<
  UnitFacts,
  'buildDir' | 'layout' | 'profilePath' | 'package' | 'unitHash'
>;

/** The unit's OUT_DIR as an absolute path in the build-dir where it was built. */
export function ownOutDir(facts: UnitPlace): string {
  const separator = facts.layout === 'classic' ? '-' : '/';
  const directory = `${facts.package}${separator}${facts.unitHash}`;
  return `${facts.buildDir}/${facts.profilePath}/build/${directory}/out`;
}

/** What goes on with the name of a file: /a/target2, /a/target-x and /a/target.old are others. */
const nameCharacter = /[A-Za-z0-9_.+~@%\x80-\xff-]/;

/** Replaces `from` where a path ends or goes on with a slash, so that /a/target spares /a/target2. */
function replacePath(text: string, from: string, to: string): string {
  let result = '';
  let start = 0;
  for (;;) {
    const found = text.indexOf(from, start);
    if (found < 0) return result + text.slice(start);
    const end = found + from.length;
    const next = text[end];
    const isWhole = next === undefined || !nameCharacter.test(next);
    result += text.slice(start, found) + (isWhole ? to : from);
    start = end;
  }
}

/** Whether a text names `path` or something below it; `/a/target2` does not name `/a/target`. */
export function containsPath(text: string, path: string): boolean {
  return replacePath(text, path, '\0') !== text;
}

/** The text without what `rewriteForeignPaths` would replace. */
export function withoutPath(text: string, path: string): string {
  return replacePath(text, path, '\0');
}

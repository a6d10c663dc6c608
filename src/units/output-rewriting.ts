/**
 * Moves what a build script left to another build-dir: its `output`, the text files in its OUT_DIR
 * and the links there. In `output` cargo itself replaces the script's own OUT_DIR (by
 * `root-output`), but not the directories of other units that some scripts hand on: aws-lc-rs prints
 * those of aws-lc-sys (cargo-rules rule 12).
 */
import { findPathMentions, replacePath } from '../cargo/path-mentions.js';
import { latin1 } from './own-places.js';
import type { UnitFacts } from './unit-facts.js';

/** Where a unit lies in which build-dir. */
export type UnitPlace = Pick<
  UnitFacts,
  'buildDir' | 'layout' | 'profilePath' | 'package' | 'unitHash'
>;

/**
 * What a file of the unit holds in another build-dir. `path` is relative to the build-dir, and the
 * bytes are those of a file, or of the target of a link.
 */
export function rewriteFile(
  path: string,
  bytes: Buffer,
  facts: UnitPlace,
  buildDir: string,
): Buffer {
  const isInOutDir = `${facts.buildDir}/${path}`.startsWith(`${ownOutDir(facts)}/`);
  if (!isInOutDir) return rewriteForeignPaths(bytes, facts, buildDir);
  const text = replacePath(bytes.toString('latin1'), [latin1(facts.buildDir), latin1(buildDir)]);
  return Buffer.from(text, 'latin1');
}

/**
 * Replaces every mention of the build-dir that `facts` names, except inside the unit's own OUT_DIR
 * in it, which must stay as `root-output` has it.
 */
export function rewriteForeignPaths(output: Buffer, facts: UnitPlace, buildDir: string): Buffer {
  const own = latin1(ownOutDir(facts));
  const parts = output.toString('latin1').split(own);
  const rewritten = parts.map((part) =>
    replacePath(part, [latin1(facts.buildDir), latin1(buildDir)]),
  );
  return Buffer.from(rewritten.join(own), 'latin1');
}

/** The unit's OUT_DIR as an absolute path in the build-dir where it was built. */
export function ownOutDir(facts: UnitPlace): string {
  const separator = facts.layout === 'classic' ? '-' : '/';
  const directory = `${facts.package}${separator}${facts.unitHash}`;
  return `${facts.buildDir}/${facts.profilePath}/build/${directory}/out`;
}

/** Whether a text names `path` or something below it; `/a/target2` does not name `/a/target`. */
export function containsPath(text: string, path: string): boolean {
  return findPathMentions(text, path).some(({ isWhole }) => isWhole);
}

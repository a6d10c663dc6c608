/**
 * Directories that belong to one workspace alone: what names one of them is right there only
 * (rules 10 to 12). Scripts find the workspace by walking up from OUT_DIR.
 */
import { basename, dirname, join } from 'node:path';
import { findPathMentions } from '../../cargo/path-mentions.js';
import type { DraftContext } from './draft-base.js';

/** The build-dir as cargo saw it and what the workspace's root may be; absolute, without `/`. */
export function ownPlaces(
  buildDir: string,
  { environment, host }: Pick<DraftContext, 'environment' | 'host'>,
): readonly string[] {
  const { workingDirectory } = environment;
  const places = [buildDir, dirname(buildDir), workingDirectory];
  // What a script has resolved; the build-dir itself may be a mount of ours, and is not touched.
  const parent = host.realPath(dirname(buildDir));
  if (parent !== undefined) places.push(join(parent, basename(buildDir)), parent);
  // Cargo may have been started anywhere in the workspace.
  for (let current = workingDirectory; current !== dirname(current); current = dirname(current)) {
    if (host.stat(join(current, 'Cargo.lock')) === undefined) continue;
    places.push(current);
    break;
  }
  return [...new Set(places)].filter((place) => place.length > 1);
}

/**
 * The first place that a byte string names. What is below `elsewhere` (CARGO_HOME, sources) does not
 * count: it is the same for all workspaces, or compared by itself.
 */
export function namedPlace(
  text: string,
  places: readonly string[],
  elsewhere: readonly string[],
): string | undefined {
  const relevant = places.filter((place) => text.includes(latin1(place)));
  if (relevant.length === 0) return undefined;
  const rest = elsewhere.reduce((left, path) => left.split(latin1(path)).join(''), text);
  return relevant.find((place) => isNamedIn(rest, latin1(place)));
}

/** `/src` is in every third path; only a longer place is named by whatever has it in it. */
function isNamedIn(text: string, place: string): boolean {
  if (place.split('/').length > 3) return text.includes(place);
  return findPathMentions(text, place).some(({ isWhole }) => isWhole);
}

/** Paths are bytes; texts that may hold any bytes are compared as one character per byte. */
export function latin1(path: string): string {
  return Buffer.from(path).toString('latin1');
}

/**
 * Directories that belong to one workspace alone: what names one of them is right there only
 * (rules 10 to 12). Scripts find the workspace by walking up from OUT_DIR.
 */
import { basename, dirname, join } from 'node:path';
import { namesPath, withoutDirectories } from '../cargo/path-text.js';
import type { DraftContext } from './draft-base.js';

/** The build-dir as cargo saw it and what the workspace's root may be; absolute, without `/`. */
export function ownPlaces(
  buildDir: string,
  { environment, host }: Pick<DraftContext, 'environment' | 'host'>,
): readonly string[] {
  const { workingDirectory, workspaceRoot } = environment;
  const places = [buildDir, dirname(buildDir), workingDirectory];
  if (workspaceRoot !== undefined) places.push(workspaceRoot);
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
 * The first place that a byte string names. What is below `elsewhere` (the package's own directory,
 * sources in CARGO_HOME) does not count: it is the same for all workspaces, or compared by itself.
 */
export function namedPlace(
  text: string,
  places: readonly string[],
  elsewhere: readonly string[],
): string | undefined {
  const relevant = places.filter((place) => namesPath(text, latin1(place)));
  if (relevant.length === 0) return undefined;
  const rest = withoutDirectories(text, elsewhere.map(latin1));
  return relevant.find((place) => namesPath(rest, latin1(place)));
}

/** Paths are bytes; texts that may hold any bytes are compared as one character per byte. */
export function latin1(path: string): string {
  return Buffer.from(path).toString('latin1');
}

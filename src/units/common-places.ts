/** Directories that hold far more than whoever names them means by them. */
import { homedir } from 'node:os';

/**
 * Whether everybody and the system write to this very directory all the time: what comes and goes in
 * it decides about no build. Of what is below, each path is for itself.
 */
export function isEverybodysPlace(directory: string): boolean {
  return everybodysPlace.test(directory);
}

const everybodysPlace = /^\/(?:dev|proc|sys|run|tmp|var|var\/tmp)$/;

/** The home directory of the user and all above it, `/` among them. */
export function isHomeOrAbove(directory: string): boolean {
  const home = homedir();
  return directory === '/' || home === directory || home.startsWith(`${directory}/`);
}

/** Directories of which a unit can only mean a part: of them, counts only that they are there. */
export function isCommonDirectory(path: string): boolean {
  if (path.lastIndexOf('/') <= 0) return true;
  if (/^\/usr\/(?:local\/)?[^/]+$/.test(path)) return true;
  if (/^\/(?:usr\/(?:local\/)?)?(?:lib\w*|include)\/[\w]+-linux-\w+$/.test(path)) return true;
  return isHomeOrAbove(path);
}

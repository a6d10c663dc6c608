/** Which workspace a build-dir belongs to, as far as its path tells. Pure. */
import { basename, dirname } from 'node:path';

/** The directory above a `target`; any other build-dir stands for itself. */
export function workspaceOf(directory: string): string {
  return basename(directory) === 'target' ? dirname(directory) : directory;
}

/** Where views of the per-user mount lie in it. Pure. */

/** Stands for the build-dir below a workspace's path. No workspace has a member of this name. */
export const placeName = '@build';

/** The value for `build.build-dir`; cargo (1.91 and later) puts the absolute workspace path in. */
export function buildDirTemplate(autoMountDirectory: string): string {
  return `${autoMountDirectory}{workspace-root}/${placeName}`;
}

/** The build-dir of the workspace at an absolute path. */
export function buildDirOf(autoMountDirectory: string, workspace: string): string {
  return `${autoMountDirectory}${workspace === '/' ? '' : workspace}/${placeName}`;
}

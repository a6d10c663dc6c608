/** What `teardown --materialize` does once nothing is mounted any more. */
import { join } from 'node:path';
import { XcacheError } from '../../base/errors.js';
import { isWithin } from '../../host/mount-table.js';
import { askCargo } from './cargo-probe.js';
import type { ControlClient } from '../control/control-client.js';
import type { XcachePaths } from '../../host/paths.js';
import type { MaterializeResult } from '../../views/view-requests.js';
import type { SetupStep } from './setup-step.js';

/**
 * One step for each workspace of the per-user mount; one that is refused stops no other. Views of
 * `xcache mount` are left alone: they leave by `xcache unmount --materialize`.
 */
export async function materializeViews(
  client: ControlClient,
  paths: XcachePaths,
): Promise<readonly SetupStep[]> {
  const { views } = await client.request('views', { withSizes: false });
  const steps: SetupStep[] = [];
  for (const { view, directory, workspace, state } of views) {
    if (directory === null || workspace === null || state !== 'unmounted') continue;
    if (!isWithin(directory, paths.autoMountDirectory)) continue;
    try {
      const target = await findTarget(workspace, view, paths);
      const result = await client.request('materialize', { view, directory: target });
      steps.push({ step: 'view', state: 'done', message: describe(workspace, result) });
    } catch (error) {
      if (!(error instanceof XcacheError)) throw error;
      const place = join(paths.viewsDirectory, view);
      const hint = error.hint === undefined ? '' : `; ${error.hint}`;
      const message = `${workspace} keeps its view in ${place}: ${error.message}${hint}`;
      steps.push({ step: 'view', state: 'missing', message });
    }
  }
  return steps;
}

/** Where cargo builds the workspace by now. */
async function findTarget(workspace: string, view: string, paths: XcachePaths): Promise<string> {
  const answer = await askCargo(workspace);
  const directory = answer?.buildDirectory ?? answer?.targetDirectory;
  if (answer?.workspace !== workspace || directory === undefined) {
    throw new XcacheError('XC_NOT_FOUND', 'cargo finds no workspace there', {
      hint: `if it is gone for good: xcache forget ${view}; else bring it back and try again`,
    });
  }
  if (isWithin(directory, paths.autoMountDirectory)) {
    throw new XcacheError('XC_CARGO_CONFIG', `cargo still builds it in ${directory}`, {
      hint: 'unset CARGO_BUILD_BUILD_DIR, then: xcache teardown --materialize',
    });
  }
  return directory;
}

function describe(workspace: string, result: MaterializeResult): string {
  const { directory, files, boundUnits, left } = result;
  const rest = [
    ...(boundUnits === 0 ? [] : [`cargo builds ${boundUnits} units again that hold the old path`]),
    ...(left === null ? [] : [`${left.files} files are left in ${left.directory} for 30 days`]),
  ];
  return [`${workspace}: ${files} files are in ${directory}`, ...rest].join('; ');
}

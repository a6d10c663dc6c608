/** What `teardown --materialize` does once nothing is mounted any more. */
import { join } from 'node:path';
import { XcacheError } from '../../base/errors.js';
import { isWithin } from '../../fs/mount-table.js';
import { askCargo } from './cargo-probe.js';
import type { ControlClient } from '../control/control-client.js';
import type { XcachePaths } from '../host/paths.js';
import type { MaterializeResult } from '../control/protocol.js';
import type { SetupStep } from './setup-step.js';

/** One step for each workspace of the per-user mount; one that is refused stops no other. */
export async function materializeViews(
  client: ControlClient,
  paths: XcachePaths,
): Promise<readonly SetupStep[]> {
  const { views } = await client.request('views', { withSizes: false });
  const steps: SetupStep[] = [];
  for (const { view, workspace, state } of views) {
    if (workspace === null || state !== 'unmounted') continue;
    try {
      const directory = await findTarget(workspace, paths);
      const result = await client.request('materialize', { view, directory });
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
async function findTarget(workspace: string, paths: XcachePaths): Promise<string> {
  const answer = await askCargo(workspace);
  const directory = answer?.buildDirectory ?? answer?.targetDirectory;
  if (answer?.workspace !== workspace || directory === undefined) {
    throw new XcacheError('XC_NOT_FOUND', 'cargo finds no workspace there', {
      hint: 'once it is there, run again: xcache teardown --materialize',
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

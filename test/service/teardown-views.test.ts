import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderTeardown } from '../../src/cli/render-setup.js';
import { createStyle } from '../../src/cli/terminal.js';
import type { ControlClient } from '../../src/service/control/control-client.js';
import type { ViewRow } from '../../src/service/control/protocol.js';
import { resolvePaths } from '../../src/host/paths.js';
import { buildDirOf } from '../../src/views/user-mount/auto-paths.js';
import { materializeViews } from '../../src/service/setup/teardown-views.js';
import { createTempDirectory } from '../support/tmp.js';

function unmounted(view: string, directory: string, workspace: string): ViewRow {
  return {
    view,
    directory,
    workspace,
    driver: 'direct',
    state: 'unmounted',
    createdMs: 0,
    lastUsedMs: 0,
    ownBytes: null,
    servedUnits: 0,
    servedBytes: 0,
    missingSinceMs: null,
  };
}

test('only views of the per-user mount leave, and one whose workspace is gone says how', async () => {
  await using temporary = await createTempDirectory();
  const paths = resolvePaths({ XCACHE_HOME: join(temporary.path, 'home') });
  const workspace = join(temporary.path, 'ws');
  await mkdir(workspace);
  const rows = [
    unmounted('a'.repeat(16), join(workspace, 'target'), workspace),
    unmounted('b'.repeat(16), buildDirOf(paths.autoMountDirectory, workspace), workspace),
  ];
  const client = {
    request: (method: string) => {
      if (method !== 'views') throw new Error(`${method} was not expected`);
      return Promise.resolve({ version: 1, views: rows });
    },
  } as unknown as ControlClient;
  // There is no Cargo.toml in it.
  const steps = await materializeViews(client, paths);
  expect(steps.map(({ state }) => state)).toEqual(['missing']);
  expect(steps[0]?.message).toContain(`xcache forget ${'b'.repeat(16)}`);
  const text = renderTeardown({ version: 1, steps, notes: [] })(createStyle(false));
  expect(text).toMatch(/^taken down; 1 view could not be made plain\n {2}kept /);
});

/** `xcache views` and `xcache forget` with real mounts. */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildDirOf } from '../../src/views/user-mount/auto-paths.js';
import { connectControl } from '../../src/service/control/control-client.js';
import type { GcResult, ViewsResult } from '../../src/service/control/protocol.js';
import { mountsBelow } from '../support/processes.js';
import { createWorld, describeEndToEnd } from '../support/world.js';

describeEndToEnd('views', () => {
  test('forget refuses while a process uses the view, and removes it afterwards', async () => {
    await using world = await createWorld();
    const workspace = await world.workspace('one');
    await workspace.mount();
    const file = join(workspace.target, 'mine');
    writeFileSync(file, 'x'.repeat(100_000));
    const { views } = await world.xcacheJson<ViewsResult>('views');
    expect(views).toHaveLength(1);
    expect(views[0]).toMatchObject({ workspace: workspace.path, state: 'mounted' });
    expect(views[0]?.ownBytes).toBeGreaterThan(100_000);

    const fd = openSync(file, 'r');
    const refused = await world.xcache('forget', workspace.path, '--yes');
    closeSync(fd);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('is in use');
    expect(existsSync(file)).toBe(true);

    expect((await world.xcache('forget', workspace.path, '--yes')).exitCode).toBe(0);
    expect(mountsBelow(workspace.path)).toEqual([]);
    expect(readdirSync(workspace.target)).toEqual([]);
    expect(readdirSync(world.paths.viewsDirectory)).toEqual([]);
    const again = await world.xcache('forget', workspace.path, '--yes');
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('has no view');
    // The place is free for a new view.
    await workspace.mount();
    expect(readdirSync(workspace.target)).toEqual([]);
  });

  test('a mounted view stays, and one whose workspace is long gone is collected', async () => {
    await using world = await createWorld();
    const [mounted, gone] = [await world.workspace('mounted'), await world.workspace('gone')];
    await mounted.mount();
    await gone.mount();
    await gone.unmount();
    await rm(gone.path, { recursive: true });
    const { views } = await world.xcacheJson<ViewsResult>('views');
    for (const { view } of views) {
      // As a service writes it that has looked for the workspace for two weeks.
      const mark = { sinceMs: Date.now() - 14 * 86_400_000, sightings: 300 };
      const directory = join(world.paths.viewsDirectory, view);
      writeFileSync(join(directory, 'missing.json'), JSON.stringify(mark));
    }
    const result = await world.xcacheJson<GcResult>('gc');
    expect(result.views.map(({ directory }) => directory)).toEqual([gone.target]);
    const left = await world.xcacheJson<ViewsResult>('views');
    expect(left.views.map(({ workspace }) => workspace)).toEqual([mounted.path]);
  });

  test('a workspace that was forgotten in the per-user mount can build again at once', async () => {
    await using world = await createWorld();
    await world.xcacheJson('service', 'start');
    using connection = await connectControl(world.paths);
    const { directory } = await connection.request('autoMount', { enabled: true });
    const workspace = join(world.path, 'one');
    const place = buildDirOf(directory, workspace);
    for (let time = 0; time < 2; time += 1) {
      mkdirSync(workspace);
      mkdirSync(join(place, 'debug/deps'), { recursive: true });
      expect(readdirSync(place)).toEqual(['debug']);
      await rm(workspace, { recursive: true });
      await world.xcacheJson('forget', workspace, '--yes');
      expect(existsSync(place)).toBe(false);
    }
  });
});

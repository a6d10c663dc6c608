/**
 * `kill -9` of the service at random points of cold builds. `npm test` tries two, `npm run
 * torture` fifty; XCACHE_TORTURE_KILLS and XCACHE_TORTURE_SEED say how many and repeat a run.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { buildDirOf, buildDirTemplate } from '../../src/service/auto-paths.js';
import { connectControl } from '../../src/service/control-client.js';
import { viewDirectory } from '../../src/service/view-directory.js';
import { nothingToDo } from '../e2e/lifecycle-support.js';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';

const kills = Number(process.env['XCACHE_TORTURE_KILLS'] ?? 2);
const seed = Number(process.env['XCACHE_TORTURE_SEED'] ?? Date.now() % 1_000_000);

/** Libraries, proc-macros, build scripts, and files included from OUT_DIR. */
const dependencies = {
  serde: '{ version = "=1.0.229", features = ["derive"] }',
  thiserror: '=2.0.21',
  anyhow: '=1.0.104',
};

/** The latest moment of a kill, after the start of cargo: about as long as the build takes. */
const latestMs = 5_000;

/** mulberry32: the same numbers for the same seed, everywhere. */
function randomNumbers(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Relative path → digest of every regular file below a directory. */
function digestsBelow(directory: string): ReadonlyMap<string, string> {
  const digests = new Map<string, string>();
  if (!existsSync(directory)) return digests;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    digests.set(relative(directory, path), digestOf(path));
  }
  return digests;
}

function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Makes cargo build in the per-user mount, or mounts the workspace's own target; where it builds. */
async function enterMount(world: World, workspace: Workspace, isPerUser: boolean): Promise<string> {
  if (!isPerUser) {
    await workspace.mount();
    return workspace.target;
  }
  world.env['CARGO_BUILD_BUILD_DIR'] = buildDirTemplate(world.paths.autoMountDirectory);
  await world.xcacheJson('service', 'start');
  using connection = await connectControl(world.paths);
  await connection.request('autoMount', { enabled: true });
  return buildDirOf(world.paths.autoMountDirectory, workspace.path);
}

describeEndToEnd(`a service that is killed (seed ${seed})`, () => {
  const random = randomNumbers(seed);
  for (let number = 1; number <= kills; number += 1) {
    const isPerUser = number % 2 === 0;
    const afterMs = Math.round(random() * latestMs);
    const where = isPerUser ? 'in the per-user mount' : 'in a mounted target';
    test(`loses nothing ${where}, ${afterMs} ms after the start of cargo`, async () => {
      await using world = await createWorld();
      const workspace = await world.workspace('ws', { dependencies });
      const buildDir = await enterMount(world, workspace, isPerUser);
      const broken = await workspace.cargo('build', {
        whileRunning: async () => {
          await delay(afterMs);
          await world.killService();
        },
      });
      // What stands in the upper layer now is what programs had written.
      const view = viewDirectory(world.paths.viewsDirectory, buildDir);
      const written = digestsBelow(view.upperDirectory);

      await world.xcacheJson('service', 'start');
      for (const [path, digest] of written) {
        expect(`${path} ${digestOf(join(buildDir, path))}`).toBe(`${path} ${digest}`);
      }
      await workspace.buildAndSettle();
      expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
      expect((await world.verify()).problems).toEqual([]);
      // A build that was over before the kill proves less, and is no failure.
      expect(broken.exitCode).not.toBeNull();
    });
  }
});

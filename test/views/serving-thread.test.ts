import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDirectMount } from '../../src/fuse/mount/mount-direct.js';
import { findMount } from '../../src/host/mount-table.js';
import { ServingThread } from '../../src/views/serving/serving-thread.js';
import { createDeferred } from '../support/deferred.js';
import { createTempDirectory } from '../support/tmp.js';

const isPossible = process.geteuid?.() === 0 && existsSync('/dev/fuse');

test.skipIf(!isPossible)(
  'a thread that fails takes its mount with it, and nobody waits',
  async () => {
    await using root = await createTempDirectory();
    const helperPlace = { directory: root.path, notice: () => undefined };
    const { fd, mountPoint, device } = await openDirectMount({
      mountPoint: root.path,
      helperPlace,
    });
    const ended = createDeferred<string | undefined>();
    const thread = new ServingThread({
      fd,
      mountPoint,
      device,
      entry: new URL('../fixtures/failing-worker.mjs', import.meta.url),
      data: {},
      receive: () => undefined,
      ended: (error) => ended.resolve(error),
      warn: () => undefined,
    });
    // Which of the two arrives first is open.
    await Promise.allSettled([thread.ready]);
    expect(await ended.promise).toContain('a fault of the serving thread');
    expect(thread.isEnded).toBe(true);
    expect(findMount(mountPoint)).toBeUndefined();
    expect(spawnSync('stat', ['-f', join(mountPoint, '.')], { timeout: 5_000 }).status).toBe(0);
    await thread.close({ isLazy: true });
  },
);

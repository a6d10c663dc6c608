import { constants, chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { b, World } from './world.js';

const savedPath = process.env['PATH'];

afterEach(() => {
  process.env['PATH'] = savedPath;
});

test('a fifo is made by the mkfifo of the system, whatever the PATH of the service leads to', () => {
  using world = new World();
  const bin = join(world.directory, 'bin');
  mkdirSync(bin);
  // Stands for a directory of a mount that this thread serves: whoever looks into it waits for ever.
  writeFileSync(join(bin, 'mkfifo'), `#!/bin/sh\n: > '${world.directory}/was-run'\n`);
  chmodSync(join(bin, 'mkfifo'), 0o755);
  process.env['PATH'] = bin;
  world.driver.mknod(b('fifo'), constants.S_IFIFO | 0o644);
  expect(world.driver.stat(b('fifo')).mode & constants.S_IFMT).toBe(constants.S_IFIFO);
});

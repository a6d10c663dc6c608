import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resolvePaths } from '../../src/host/paths.js';
import { renderUnit, unitPath } from '../../src/service/process/systemd-unit.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

const run = promisify(execFile);
let directory: TempDirectory;

beforeEach(async () => void (directory = await createTempDirectory()));
afterEach(async () => await directory[Symbol.asyncDispose]());

const unit = {
  node: process.execPath,
  mainScript: '/opt/x y/100%/$HOME/"main".js',
  storeDirectory: '/s',
  environment: { XCACHE_HOME: '/a b/%h/$x/"q"\\', XDG_RUNTIME_DIR: '/run/user/7' },
  tools: { PATH: '/home/u/.cargo/bin:/usr/bin' },
};

test('words are quoted so that systemd takes them literally', () => {
  const lines = renderUnit(unit).split('\n');
  expect(lines).toContain(
    `ExecStart="${process.execPath}" "--max-semi-space-size=2" ` +
      '"/opt/x y/100%%/$$HOME/\\"main\\".js" service run --background',
  );
  expect(lines).toContain('Environment="XCACHE_HOME=/a b/%%h/$x/\\"q\\"\\\\"');
  expect(lines).toContain('Environment="PATH=/home/u/.cargo/bin:/usr/bin"');
  expect(lines.join('\n')).not.toContain('XDG_RUNTIME_DIR');
});

test('a stop may take longer than the service waits for what is pending', () => {
  const seconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(renderUnit(unit))?.[1]);
  expect(seconds).toBeGreaterThan(10);
});

test('the file lies where the user manager looks', () => {
  expect(unitPath({ HOME: '/h' })).toBe('/h/.config/systemd/user/xcache.service');
  expect(unitPath({ HOME: '/h', XDG_CONFIG_HOME: '/c' })).toBe('/c/systemd/user/xcache.service');
  expect(unitPath({ HOME: '/h', XDG_CONFIG_HOME: 'c' })).toBe(
    '/h/.config/systemd/user/xcache.service',
  );
});

test('systemd finds no fault with it', async ({ skip }) => {
  try {
    await run('systemd-analyze', ['--version']);
  } catch {
    skip('systemd-analyze is not installed');
  }
  const mainScript = join(directory.path, 'a dir', 'main.js');
  await mkdir(join(directory.path, 'a dir'));
  await writeFile(mainScript, '');
  const file = join(directory.path, 'xcache.service');
  for (const paths of [
    resolvePaths({ XCACHE_HOME: join(directory.path, 'ho me%') }),
    resolvePaths({ HOME: directory.path }),
  ]) {
    const { storeDirectory, environment } = paths;
    await writeFile(file, renderUnit({ ...unit, mainScript, storeDirectory, environment }));
    const { stdout, stderr } = await run(
      'systemd-analyze',
      ['--user', 'verify', '--man=no', file],
      { env: { ...process.env, XDG_RUNTIME_DIR: directory.path } },
    );
    expect(stdout + stderr).toBe('');
  }
});

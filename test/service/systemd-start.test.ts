import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLogger } from '../../src/base/log.js';
import { resolvePaths, type XcachePaths } from '../../src/host/paths.js';
import { ensureService, stopService } from '../../src/service/process/service-launcher.js';
import { notifySystemd } from '../../src/service/process/systemd-notify.js';
import {
  describeUnit,
  loadUnitState,
  renderUnit,
  startThroughUnit,
  unitPath,
} from '../../src/service/process/systemd-unit.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

const smallService = fileURLToPath(new URL('../fixtures/small-service.mjs', import.meta.url));
const saved = { ...process.env };

let directory: TempDirectory;
let paths: XcachePaths;

beforeEach(async () => {
  directory = await createTempDirectory();
  await mkdir(join(directory.path, 'bin'));
  Object.assign(process.env, {
    HOME: directory.path,
    XDG_CONFIG_HOME: join(directory.path, 'config'),
    XCACHE_HOME: join(directory.path, 'home'),
    PATH: `${directory.path}/bin:${saved['PATH'] ?? ''}`,
  });
  paths = resolvePaths();
  await mkdir(dirname(unitPath()), { recursive: true });
});

afterEach(async () => {
  await stopService(paths);
  for (const name of Object.keys(process.env)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, saved);
  await directory[Symbol.asyncDispose]();
});

/** Every call of it is noted, before `script` runs. */
async function putProgram(name: string, script: string): Promise<void> {
  const path = join(directory.path, 'bin', name);
  await writeFile(path, `#!/bin/sh\necho "$*" >> "${directory.path}/calls"\n${script}\n`);
  await chmod(path, 0o755);
}

const calls = async (): Promise<readonly string[]> =>
  (await readFile(join(directory.path, 'calls'), 'utf8').catch(() => '')).trim().split('\n');

describe('a service that has a unit', () => {
  test('is started through it', async () => {
    await writeFile(unitPath(), renderUnit(describeUnit(paths)));
    expect(await loadUnitState(paths)).toBe('ours');
    await mkdir(paths.stateDirectory, { recursive: true });
    const start =
      `setsid "${process.execPath}" "${smallService}" service run --background ` +
      `>/dev/null 2>&1 </dev/null &\n` +
      `while [ ! -S "${paths.socketPath}" ]; do sleep 0.01; done`;
    await putProgram('systemctl', `[ "$2" = start ] || exit 0\n${start}`);
    using client = await ensureService(paths);
    expect(client.service.pid).toBeGreaterThan(0);
    expect(await calls()).toEqual([
      '--user reset-failed xcache.service',
      '--user start xcache.service',
    ]);
  });

  test('for another store is left alone', async () => {
    const other = resolvePaths({ XCACHE_HOME: '/elsewhere' });
    await writeFile(unitPath(), renderUnit(describeUnit(other)));
    await putProgram('systemctl', 'exit 0');
    expect(await loadUnitState(paths)).toBe('other');
    expect(await startThroughUnit(paths)).toBe(false);
    expect(await calls()).toEqual(['']);
  });

  test('that cannot be started is no hindrance', async () => {
    await writeFile(unitPath(), renderUnit(describeUnit(paths)));
    await putProgram('systemctl', 'exit 1');
    expect(await startThroughUnit(paths)).toBe(false);
  });
});

describe('the service manager', () => {
  const log = createLogger({ level: 'silent' });
  const searchPath = (): string => `${directory.path}/bin:/bin`;

  test('is told that the service is ready, and that it stops', async () => {
    await putProgram('systemd-notify', '');
    process.env['NOTIFY_SOCKET'] = '/run/notify';
    notifySystemd('ready', log, searchPath());
    await vi.waitFor(async () => expect(await calls()).toEqual(['--ready']));
    notifySystemd('stopping', log, searchPath());
    await vi.waitFor(async () => expect(await calls()).toEqual(['--ready', '--stopping']));
  });

  test('is not talked to where it has not started the service', async () => {
    await putProgram('systemd-notify', '');
    Reflect.deleteProperty(process.env, 'NOTIFY_SOCKET');
    notifySystemd('ready', log, searchPath());
    process.env['NOTIFY_SOCKET'] = '/run/notify';
    notifySystemd('stopping', log, searchPath());
    await vi.waitFor(async () => expect(await calls()).toEqual(['--stopping']));
  });

  test('that cannot be told is a warning, not an end', async () => {
    process.env['NOTIFY_SOCKET'] = '/run/notify';
    const warn = vi.spyOn(log, 'warn').mockReturnValue(undefined);
    notifySystemd('ready', log, join(directory.path, 'nowhere'));
    await vi.waitFor(() => expect(warn).toHaveBeenCalled());
  });
});

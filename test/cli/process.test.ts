import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { resolvePaths } from '../../src/host/paths.js';
import { stopService } from '../../src/service/process/service-launcher.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist/cli/main.js');

interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

let directory: TempDirectory;
let home: string;

beforeEach(async () => {
  directory = await createTempDirectory();
  home = join(directory.path, 'home');
});

afterEach(async () => {
  await stopService(resolvePaths({ XCACHE_HOME: home }));
  await directory[Symbol.asyncDispose]();
});

async function run(
  program: string,
  argv: readonly string[],
  options: { readonly cwd?: string; readonly closesStdout?: boolean } = {},
): Promise<Finished> {
  const child = spawn(program, argv, {
    cwd: options.cwd ?? '/',
    env: { ...process.env, XCACHE_HOME: home, NODE_OPTIONS: '' },
  });
  if (options.closesStdout === true) child.stdout.destroy();
  const texts = Promise.all([
    options.closesStdout === true ? '' : text(child.stdout),
    text(child.stderr),
  ]);
  const [code] = (await once(child, 'close')) as [number | null];
  const [out, err] = await texts;
  return { code, out, err };
}

async function xcache(...argv: readonly string[]): Promise<Finished> {
  return await run(process.execPath, [main, ...argv]);
}

describe('the program', () => {
  test('ends silently when nobody reads its output any more', async () => {
    const argv = [main, '--help'];
    expect(await run(process.execPath, argv, { closesStdout: true })).toEqual({
      code: 0,
      out: '',
      err: '',
    });
  });

  test('loads no native module for a command that only asks', async () => {
    await xcache('service', 'start');
    const report =
      'process.on("exit", () => process.stderr.write(JSON.stringify(process.report.getReport().sharedObjects)))';
    const { code, err } = await run(process.execPath, [
      '--import',
      `data:text/javascript,${encodeURIComponent(report)}`,
      main,
      'stats',
    ]);
    expect(code).toBe(0);
    const objects = JSON.parse(err) as string[];
    expect(objects.length).toBeGreaterThan(0);
    expect(objects.filter((path) => path.endsWith('.node'))).toEqual([]);
  });
});

describe('the service', () => {
  test('is started once, found, and stopped', async () => {
    const started = await xcache('service', 'start', '--json');
    expect(started.code).toBe(0);
    const { pid } = JSON.parse(started.out) as { pid: number };
    const status = await xcache('service', 'status', '--json');
    expect(JSON.parse(status.out)).toMatchObject({ version: 1, running: true, pid });
    expect((await xcache('status')).out).toContain('nothing is mounted');
    const stopped = await xcache('service', 'stop', '--json');
    expect(JSON.parse(stopped.out)).toEqual({ version: 1, wasRunning: true, pid });
    expect((await xcache('service', 'status')).code).toBe(1);
  });

  test('refuses to run beside another one and names it', async () => {
    const started = await xcache('service', 'start', '--json');
    const { pid } = JSON.parse(started.out) as { pid: number };
    const second = await xcache('service', 'run');
    expect(second.code).toBe(1);
    expect(second.err).toContain(`pid ${pid}`);
  });

  test('ends in good order on SIGTERM', async () => {
    const started = await xcache('service', 'start', '--json');
    const { pid } = JSON.parse(started.out) as { pid: number };
    process.kill(pid, 'SIGTERM');
    const paths = resolvePaths({ XCACHE_HOME: home });
    await expect
      .poll(async () => await readFile(paths.pidFile, 'utf8'), { timeout: 30_000 })
      .toBe('');
    expect((await xcache('service', 'status')).code).toBe(1);
  });
});

describe('the launcher', () => {
  test('works through a symlink, from anywhere, with spaces in the path', async () => {
    const place = join(directory.path, 'a place');
    await mkdir(place);
    await symlink(join(root, 'xcache'), join(place, 'first'));
    await symlink('first', join(place, 'the command'));
    const { code, out } = await run(join(place, 'the command'), ['--version'], { cwd: place });
    expect({ code, out }).toEqual({ code: 0, out: '0.1.0\n' });
  });

  test('passes arguments and exit codes on as they are', async () => {
    const { code, err } = await run(join(root, 'xcache'), ['mount', 'a b', 'c\nd']);
    expect(code).toBe(2);
    expect(err).toContain('too many arguments');
  });
});

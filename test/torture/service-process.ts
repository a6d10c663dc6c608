/** The service of a world as a child of the test, to be killed while it starts or works. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { tryConnectControl, type ControlClient } from '../../src/service/control/control-client.js';
import { waitUntil } from '../support/processes.js';
import { mainScript, type World } from '../support/world.js';

/** Starts the process and returns at once. */
export function spawnService(
  world: World,
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  mkdirSync(dirname(world.paths.logFile), { recursive: true, mode: 0o700 });
  const log = openSync(world.paths.logFile, 'a', 0o600);
  try {
    return spawn(process.execPath, [mainScript, 'service', 'run', '--background'], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...world.env, ...env },
    });
  } finally {
    closeSync(log);
  }
}

/** Starts the service and waits until it answers; throws where it ends before. */
export async function startService(
  world: World,
  env: Readonly<Record<string, string>> = {},
): Promise<ChildProcess> {
  const child = spawnService(world, env);
  await waitUntil('the service answers', async () => {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the service ended: ${child.exitCode ?? child.signalCode}`);
    }
    return await isAnswering(world);
  });
  return child;
}

/** `kill -9`; returns when the process is gone. */
export async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Runs one conversation with the service. */
export async function talk<T>(
  world: World,
  speak: (connection: ControlClient) => Promise<T>,
): Promise<T> {
  const client = await tryConnectControl(world.paths);
  if (client === undefined) throw new Error('the service does not answer');
  using connection = client;
  return await speak(connection);
}

async function isAnswering(world: World): Promise<boolean> {
  const client = await tryConnectControl(world.paths);
  client?.close();
  return client !== undefined;
}

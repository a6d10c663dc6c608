/** Starts the service for a command that needs it, and stops it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { XcacheError, type XcacheErrorCode } from '../../base/errors.js';
import { serviceStartTimeoutMs, serviceStopTimeoutMs } from '../../base/limits.js';
import { openLogFile } from '../../base/log.js';
import { tryConnectControl, type ControlClient } from '../control/control-client.js';
import type { XcachePaths } from '../../host/paths.js';
import { createExclusiveDirectory } from '../../host/private-directory.js';
import { isProcessAlive, loadServiceRecord } from '../control/service-lock.js';
import { mainScriptPath, semiSpaceFlag, startThroughUnit } from './systemd-unit.js';

export interface EnsureServiceOptions {
  /** The script of the commands, for tests that run from sources. */
  readonly mainScript?: string;
}

/** Between two looks whether the service answers or has gone. */
const pollMs = 15;

/** Log bytes and lines of a failed start that are looked at and shown. */
const tailBytesMax = 16 << 10;
const tailLinesMax = 10;

/**
 * Connects to the service and starts it where none runs. Commands may call it at the same time:
 * the services that they start lock each other out, and all connect to the one that stays. A service
 * that has a unit of systemd is started through it.
 * Throws what stopped the service from starting, or `XC_SERVICE_FAILED` with its last log lines.
 */
export async function ensureService(
  paths: XcachePaths,
  options: EnsureServiceOptions = {},
): Promise<ControlClient> {
  const running = await tryConnectControl(paths);
  if (running !== undefined) return running;
  await createExclusiveDirectory(paths.stateDirectory, 'own');
  if (options.mainScript === undefined && (await startThroughUnit(paths))) {
    const started = await tryConnectControl(paths);
    if (started !== undefined) return started;
  }
  const deadlineMs = performance.now() + serviceStartTimeoutMs;
  let start = spawnService(paths, options);
  for (;;) {
    const client = await tryConnectControl(paths);
    if (client !== undefined) return client;
    if (performance.now() > deadlineMs) throw await describeTimeout(paths, start);
    if (hasEnded(start.child)) {
      const failure = await describeFailure(paths, start);
      // Another service holds the store: it is about to listen, or about to end.
      if (failure.code !== 'XC_SERVICE_RUNNING') throw failure;
      await delay(10 * pollMs);
      start = spawnService(paths, options);
    }
    await delay(pollMs);
  }
}

/**
 * Asks the service to stop and waits until its process has ended. Returns its pid, or undefined
 * where none runs. Throws `XC_SERVICE_FAILED` when it is still there after the time limit.
 */
export async function stopService(paths: XcachePaths): Promise<number | undefined> {
  const client = await tryConnectControl(paths, { anyVersion: true });
  if (client === undefined) return undefined;
  const { pid } = client.service;
  try {
    await client.request('shutdown', {});
  } catch (error) {
    // It may close the connection before its answer is out.
    if (!(error instanceof XcacheError) || error.code !== 'XC_SERVICE_UNREACHABLE') throw error;
  } finally {
    client.close();
  }
  const deadlineMs = performance.now() + serviceStopTimeoutMs;
  while (await isProcessAlive(pid)) {
    if (performance.now() > deadlineMs) {
      throw new XcacheError(
        'XC_SERVICE_FAILED',
        `the service (pid ${pid}) has not ended for ${serviceStopTimeoutMs / 1000} s`,
        { hint: `something may still use a mount; its log is ${paths.logFile}` },
      );
    }
    await delay(pollMs);
  }
  return pid;
}

interface ServiceStart {
  readonly child: ChildProcess;
  /** Size of the log file before the start. */
  readonly logOffset: number;
}

function spawnService(paths: XcachePaths, options: EnsureServiceOptions): ServiceStart {
  const mainScript = options.mainScript ?? mainScriptPath();
  const log = openLogFile(paths.logFile);
  try {
    const logOffset = log.sizeBytes;
    const child = spawn(
      process.execPath,
      [semiSpaceFlag, mainScript, 'service', 'run', '--background'],
      {
        // Anywhere else it would keep a directory busy, or sit below one of its own mounts.
        cwd: '/',
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        env: { ...process.env, ...paths.environment },
      },
    );
    child.unref();
    // Where the program cannot be started at all there is no exit either.
    child.once('error', () => undefined);
    return { child, logOffset };
  } finally {
    closeSync(log.fd);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function describeTimeout(paths: XcachePaths, start: ServiceStart): Promise<XcacheError> {
  const lines = await loadLogTail(paths.logFile, start.logOffset);
  const record = await loadServiceRecord(paths.pidFile);
  const holder =
    record !== undefined && (await isProcessAlive(record.pid)) ? record.pid : undefined;
  return new XcacheError(
    'XC_SERVICE_UNREACHABLE',
    `the service ${holder === undefined ? '' : `(pid ${holder}) `}does not answer after ` +
      `${serviceStartTimeoutMs / 1000} s${quote(lines)}`,
    { hint: `its log is ${paths.logFile}` },
  );
}

/** The error that the service wrote to its log before it ended. */
async function describeFailure(paths: XcachePaths, start: ServiceStart): Promise<XcacheError> {
  const lines = await loadLogTail(paths.logFile, start.logOffset);
  for (const line of lines.toReversed()) {
    const error = parseFatalLine(line, start.child.pid);
    if (error !== undefined) return error;
  }
  const { exitCode, signalCode } = start.child;
  return new XcacheError(
    'XC_SERVICE_FAILED',
    `the service ended at once (${signalCode ?? `exit code ${exitCode ?? 'unknown'}`})${quote(lines)}`,
    { hint: `its log is ${paths.logFile}` },
  );
}

function parseFatalLine(line: string, pid: number | undefined): XcacheError | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    // Not a line of the logger, but of node or of a native library.
    return undefined;
  }
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { pid: linePid, code, msg, hint } = entry as Readonly<Record<string, unknown>>;
  if (linePid !== pid || typeof code !== 'string' || !code.startsWith('XC_')) return undefined;
  return new XcacheError(
    code as XcacheErrorCode,
    String(msg),
    typeof hint === 'string' ? { hint } : {},
  );
}

async function loadLogTail(file: string, offset: number): Promise<readonly string[]> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const from = Math.max(offset, size - tailBytesMax);
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(tailBytesMax),
      0,
      tailBytesMax,
      from,
    );
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    return lines.filter((line) => line !== '').slice(-tailLinesMax);
  } finally {
    await handle.close();
  }
}

function quote(lines: readonly string[]): string {
  return lines.length === 0
    ? ''
    : `; its last words:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

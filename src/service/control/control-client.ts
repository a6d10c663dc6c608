/** A command's side of the control socket. */
import { createConnection, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { MessageConnection } from 'vscode-jsonrpc/node.js';
import { XcacheError } from '../../base/errors.js';
import { controlResponseBytesMax, serviceStartTimeoutMs } from '../../base/limits.js';
import { createWireConnection, errorFromWire, progressType, sessionType } from './control-wire.js';
import type { XcachePaths } from '../../host/paths.js';
import { isExclusiveDirectory } from '../../host/private-directory.js';
import {
  protocolVersion,
  type ControlMethod,
  type ControlMethods,
  type HelloResult,
  type Progress,
  type SessionSummary,
} from './protocol.js';
import { loadServiceRecord } from './service-lock.js';

export interface ConnectOptions {
  /** Accept a service of another protocol version: enough to greet it and to stop it. */
  readonly anyVersion?: boolean;
}

/** One of them: a request carries one token. */
export interface RequestOptions {
  readonly onProgress?: (progress: Progress) => void;
  /** Of `watch`. */
  readonly onSession?: (summary: SessionSummary) => void;
}

/**
 * Connects to the running service. Throws `XC_SERVICE_UNREACHABLE` where none runs, or where it is
 * another version or does not answer.
 */
export async function connectControl(
  paths: XcachePaths,
  options: ConnectOptions = {},
): Promise<ControlClient> {
  const client = await tryConnectControl(paths, options);
  if (client !== undefined) return client;
  throw new XcacheError('XC_SERVICE_UNREACHABLE', 'the service is not running', {
    hint: 'start it with: xcache service start',
  });
}

/** The same, but undefined where no service runs. */
export async function tryConnectControl(
  paths: XcachePaths,
  options: ConnectOptions = {},
): Promise<ControlClient | undefined> {
  const socket = (await openSocket(paths.socketPath)) ?? (await openRecordedSocket(paths));
  if (socket === undefined) return undefined;
  const connection = createWireConnection(socket, controlResponseBytesMax);
  connection.listen();
  try {
    const service = await greet(connection, socket);
    if (service === undefined) return undefined;
    if (options.anyVersion !== true) checkVersion(service);
    return new ControlClient(socket, connection, service);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** An open connection; the caller closes it (`using`). Made by `connectControl` alone. */
export class ControlClient implements Disposable {
  /** How the service introduced itself. */
  readonly service: HelloResult;
  /** Resolves when the connection has ended, from whichever side. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #connection: MessageConnection;
  #lastToken = 0;

  constructor(socket: Socket, connection: MessageConnection, service: HelloResult) {
    this.#socket = socket;
    this.#connection = connection;
    this.service = service;
    this.closed = new Promise((resolve) => {
      if (socket.destroyed) resolve();
      else socket.once('close', () => resolve());
    });
  }

  /** Throws the service's `XcacheError`, or `XC_SERVICE_UNREACHABLE` when it goes away meanwhile. */
  async request<M extends ControlMethod>(
    method: M,
    params: ControlMethods[M]['params'],
    options: RequestOptions = {},
  ): Promise<ControlMethods[M]['result']> {
    const { onProgress, onSession } = options;
    const token = ++this.#lastToken;
    const listening =
      onProgress !== undefined
        ? this.#connection.onProgress(progressType, token, onProgress)
        : onSession !== undefined
          ? this.#connection.onProgress(sessionType, token, onSession)
          : undefined;
    try {
      const argument = listening === undefined ? null : token;
      return await this.#connection.sendRequest<ControlMethods[M]['result']>(
        method,
        params,
        argument,
      );
    } catch (error) {
      throw errorFromWire(error);
    } finally {
      listening?.dispose();
    }
  }

  /** Ends the connection; requests in flight are rejected and aborted in the service. Idempotent. */
  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The socket of a service that was started with another $XDG_RUNTIME_DIR on the same store. */
async function openRecordedSocket(paths: XcachePaths): Promise<Socket | undefined> {
  const record = await loadServiceRecord(paths.pidFile);
  if (record === undefined || record.socketPath === paths.socketPath) return undefined;
  return await openSocket(record.socketPath);
}

/** Undefined where no service listens. Refuses a directory that others could have put it into. */
async function openSocket(path: string): Promise<Socket | undefined> {
  if (!(await isExclusiveDirectory(dirname(path), 'private'))) return undefined;
  return await new Promise<Socket | undefined>((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else
        reject(
          new XcacheError('XC_SERVICE_UNREACHABLE', `cannot connect to ${path}: ${error.message}`, {
            cause: error,
          }),
        );
    });
  });
}

/**
 * Undefined where the service ends just now. One that is stopped (SIGSTOP) or hangs still accepts
 * connections: hence the time limit.
 */
async function greet(
  connection: MessageConnection,
  socket: Socket,
): Promise<HelloResult | undefined> {
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort();
    socket.destroy();
  }, serviceStartTimeoutMs);
  try {
    return await connection.sendRequest<HelloResult>('hello', { protocolVersion }, null);
  } catch (error) {
    if (late.signal.aborted) {
      throw new XcacheError(
        'XC_SERVICE_UNREACHABLE',
        `the service accepts connections but does not answer for ${serviceStartTimeoutMs / 1000} s`,
        { cause: error, hint: 'look into its log, or end it with: kill -9 <its pid>' },
      );
    }
    if (socket.destroyed) return undefined;
    throw errorFromWire(error);
  } finally {
    clearTimeout(timer);
  }
}

function checkVersion(service: HelloResult): void {
  if (service.protocolVersion === protocolVersion) return;
  throw new XcacheError(
    'XC_SERVICE_UNREACHABLE',
    `the running service (pid ${service.pid}, version ${service.programVersion}) speaks protocol ` +
      `${service.protocolVersion}, this command protocol ${protocolVersion}`,
    { hint: 'run: xcache service restart' },
  );
}

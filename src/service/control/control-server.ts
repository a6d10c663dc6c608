/**
 * The service's side of the control socket. To be started by the holder of the service lock: that
 * is what makes it right to remove a socket nobody listens on.
 */
import { chmod, lstat, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { isErrno, XcacheError } from '../../base/errors.js';
import { controlConnectionsMax, controlRequestBytesMax } from '../../base/limits.js';
import type { Logger } from '../../base/log.js';
import { loadProgramVersion } from '../../base/version.js';
import { ControlSession, type ControlHandlers } from './control-session.js';
import { createWireConnection } from './control-wire.js';
import { createExclusiveDirectory } from '../../host/private-directory.js';

export type { ControlHandlers } from './control-session.js';

export interface ControlServerOptions {
  readonly socketPath: string;
  readonly handlers: ControlHandlers;
  readonly log: Logger;
}

/** How often the socket is looked for: a logout removes $XDG_RUNTIME_DIR under a running service. */
const socketCheckMs = 10_000;

/** How long `close` waits for answers on their way. */
const closeGraceMs = 2_000;

/**
 * Listens on the control socket (0600, in a directory that must be this user's alone). Throws
 * `XC_STORE_UNSAFE` for an unsafe directory and `XC_SERVICE_RUNNING` where a service answers there.
 */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const server = new ControlServer(options);
  await server.listen();
  return server;
}

/** Made by `startControlServer` alone. */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #programVersion: string = loadProgramVersion();
  readonly #sessions = new Map<Socket, ControlSession>();
  #server: Server | undefined;
  #socketIno: bigint | undefined;
  #checkTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ControlServerOptions) {
    this.#options = options;
  }

  /** Binds the socket and begins to look after it; called once, by `startControlServer`. */
  async listen(): Promise<void> {
    await this.#bind();
    const check = (): void => {
      this.rebindIfLost().catch((error: unknown) => {
        this.#options.log.warn(
          { err: error },
          'the control socket is gone and cannot be made again',
        );
      });
    };
    this.#checkTimer = setInterval(check, socketCheckMs).unref();
  }

  /** Makes the socket again where something has removed or replaced it; requests go on. */
  async rebindIfLost(): Promise<void> {
    if (this.#isClosed || (await inodeOf(this.#options.socketPath)) === this.#socketIno) return;
    // Closing first: it unlinks whatever has the socket's name.
    this.#server?.close();
    this.#server = undefined;
    await this.#bind();
    this.#options.log.info('made the control socket again, which something had removed');
  }

  /**
   * Stops accepting, aborts what runs, and resolves when every answer is sent and every connection
   * closed (or the grace time is over). Idempotent; the socket is gone afterwards.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#checkTimer);
    this.#server?.close();
    await Promise.all([...this.#sessions].map(closeSession));
  }

  async #bind(): Promise<void> {
    const { socketPath } = this.#options;
    await createExclusiveDirectory(dirname(socketPath), 'private');
    await removeStaleSocket(socketPath);
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = controlConnectionsMax;
    server.listen(socketPath);
    await once(server, 'listening');
    server.on('error', (error) => this.#options.log.error({ err: error }, 'control socket'));
    await chmod(socketPath, 0o600);
    this.#server = server;
    this.#socketIno = await inodeOf(socketPath);
  }

  #accept(socket: Socket): void {
    const session = new ControlSession({
      connection: createWireConnection(socket, controlRequestBytesMax),
      handlers: this.#options.handlers,
      log: this.#options.log,
      programVersion: this.#programVersion,
    });
    this.#sessions.set(socket, session);
    socket.on('close', () => {
      this.#sessions.delete(socket);
      session.abort();
    });
  }
}

async function closeSession([socket, session]: [Socket, ControlSession]): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    // An error comes before it, where somebody hangs up or a request is answered too late.
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
  session.abort();
  const timer = setTimeout(() => socket.destroy(), closeGraceMs);
  await session.idle();
  socket.end();
  await closed;
  clearTimeout(timer);
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await lstat(path, { bigint: true })).ino;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A socket of a service that was killed refuses connections; one that accepts is alive. */
async function removeStaleSocket(path: string): Promise<void> {
  let status;
  try {
    status = await lstat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  if (!status.isSocket()) {
    throw new XcacheError('XC_STORE_UNSAFE', `${path} is in the way and is no socket`, {
      hint: 'remove it',
    });
  }
  const probe = createConnection(path);
  try {
    await once(probe, 'connect');
  } catch (error) {
    if (!isErrno(error, 'ECONNREFUSED') && !isErrno(error, 'ENOENT')) throw error;
    await unlink(path);
    return;
  } finally {
    probe.destroy();
  }
  throw new XcacheError('XC_SERVICE_RUNNING', `another service listens on ${path}`, {
    hint: 'stop it with: xcache service stop',
  });
}

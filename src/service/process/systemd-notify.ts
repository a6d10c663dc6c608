/**
 * Tells the service manager how far the service is (sd_notify(3)), where one started it. Its socket
 * takes datagrams, which Node cannot send over Unix sockets; systemd-notify(1) does it.
 */
import { spawn } from 'node:child_process';
import type { Logger } from '../../base/log.js';

/**
 * Not the caller's PATH: that may name a directory of a mount that this very process serves, and
 * starting a program waits until it was found.
 */
const systemPath = '/usr/bin:/bin:/run/current-system/sw/bin';

/** Returns at once. A message that cannot be sent is logged: the manager then waits in vain. */
export function notifySystemd(
  state: 'ready' | 'stopping',
  log: Logger,
  searchPath: string = systemPath,
): void {
  const { NOTIFY_SOCKET } = process.env;
  if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === '') return;
  const child = spawn('systemd-notify', [`--${state}`], {
    cwd: '/',
    stdio: 'ignore',
    env: { PATH: searchPath, NOTIFY_SOCKET },
  });
  child.once('error', (err) => log.warn({ err, state }, 'systemd was not told'));
  child.once('exit', (code) => {
    if (code !== 0) log.warn({ code, state }, 'systemd was not told');
  });
  child.unref();
}
